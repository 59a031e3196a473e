"""How many at once: per job, per tenant, per queue, per second; and who comes first.

Prints:
    one tenant, one at a time; tenants side by side: True
    a queue for two, shared by two jobs: at most 2 at once
    at most 3 within half a second: True
    urgent before the rest: ['urgent', 'usual']
"""

import asyncio
import time

from callboard import BoardConfig, Callboard, job
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.queue import Queue

running: dict[str, int] = {}
most: dict[str, int] = {}
begun: list[float] = []
order: list[str] = []


async def work(key: str) -> None:
    running[key] = running.get(key, 0) + 1
    most[key] = max(most.get(key, 0), running[key])
    await asyncio.sleep(0.05)
    running[key] -= 1


@job(concurrency=Concurrency(key=("tenant",), max_runs=1))
async def bill(tenant: str):
    await asyncio.gather(work(tenant), work("all tenants"))


@job(queue="mail")
async def greet():
    await work("mail")


@job(queue="mail")
async def remind():
    await work("mail")


@job(rate_limit=RateLimit(runs=3, per_s=0.5))
async def fetch():
    begun.append(time.monotonic())


@job(max_concurrent_runs=1)
async def print_it(what: str):
    order.append(what)
    await asyncio.sleep(0.05)


async def all_of(board, handler, arguments):
    runs = await board.start_many(handler, arguments)
    await asyncio.gather(*(run.wait() for run in runs))


async def main():
    async with Callboard("memory:", config=BoardConfig(poll_s=0.2)) as board:
        await board.create_queue(Queue(name="mail", capacity=2))
        for handler in (bill, greet, remind, fetch, print_it):
            await board.define(handler)

        await all_of(board, bill, [{"tenant": each} for each in "aaabbb"])
        print(
            "one tenant, one at a time; tenants side by side:",
            (most["a"], most["b"], most["all tenants"]) == (1, 1, 2),
        )

        await asyncio.gather(all_of(board, greet, [{}] * 4), all_of(board, remind, [{}] * 4))
        print(f"a queue for two, shared by two jobs: at most {most['mail']} at once")

        await all_of(board, fetch, [{}] * 7)
        print(
            "at most 3 within half a second:",
            all(late - early > 0.45 for early, late in zip(begun, begun[3:], strict=False)),
        )

        first = await board.start(print_it, {"what": "now"})
        while not order:  # until it has begun, and the others have to wait
            await asyncio.sleep(0.01)
        later = [
            await board.start(print_it, {"what": "usual"}),
            await board.start(print_it, {"what": "urgent"}, priority=10),
        ]
        await asyncio.gather(*(run.wait() for run in (first, *later)))
        print(f"urgent before the rest: {order[1:]}")


if __name__ == "__main__":
    asyncio.run(main())
