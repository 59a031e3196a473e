"""What a handler may say: a result, not yet, later, never mind; an exception is a failure.

Prints:
    done: succeeded, {'copies': 3}
    busy: failed, Retry: the printer is busy
    busy: its next attempt succeeded, 2
    closed: succeeded at attempt 1, after a snooze
    empty: stopped, Cancelled: there is nothing to print
    broken: failed, ValueError: no paper
    broken: attempts made: 1
"""

import asyncio

from callboard import Callboard, Cancel, Retry, RetryPolicy, RunContext, Snooze, job
from callboard.store.contract import RunFilter

THREE_TIMES = RetryPolicy(max_attempts=3, initial_s=0, fatal=("ValueError",))
opens_soon = [False, True]


@job()
async def done():
    return {"copies": 3}


@job(retry=THREE_TIMES)
async def busy(ctx: RunContext):
    if ctx.attempt == 1:
        return Retry(after=0.1, reason="the printer is busy")
    return ctx.attempt


@job()
async def closed(ctx: RunContext):
    if not opens_soon.pop(0):
        return Snooze(for_=0.1)  # the same attempt again, later: nothing has failed
    return ctx.attempt


@job()
async def empty():
    return Cancel("there is nothing to print")


@job(retry=THREE_TIMES)
async def broken():
    raise ValueError("no paper")  # its class is fatal here: not tried again


async def attempts(board, first):
    """All runs of a chain, the first one first."""
    return (await board.list_runs(RunFilter(chain_id=first.id)))[::-1]


async def main():
    async with Callboard("memory:") as board:
        for handler in (done, busy, closed, empty, broken):
            await board.define(handler)

        run = await (await board.start(done)).wait()
        print(f"done: {run.state}, {run.result}")

        run = await (await board.start(busy)).wait()
        print(f"busy: {run.state}, {run.error.type}: {run.error.message}")
        _, second = await attempts(board, run)
        second = await board.wait_run(second.id)
        print(f"busy: its next attempt {second.state}, {second.result}")

        run = await (await board.start(closed)).wait()
        print(f"closed: {run.state} at attempt {run.result}, after a snooze")

        run = await (await board.start(empty)).wait()
        print(f"empty: {run.state}, {run.error.type}: {run.error.message}")

        run = await (await board.start(broken)).wait()
        print(f"broken: {run.state}, {run.error.type}: {run.error.message}")
        print(f"broken: attempts made: {len(await attempts(board, run))}")


if __name__ == "__main__":
    asyncio.run(main())
