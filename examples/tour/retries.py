"""Retries: later and later, spread, only of what is worth it, and never a storm.

Prints:
    flaky: 3 attempts, the last one succeeded
    hopeless: 1 attempt, for its error is fatal
    storm: 20 runs failed, 5 were tried again: the budget of the job
"""

import asyncio

from callboard import Callboard, RetryPolicy, RunContext, RunState, job
from callboard.domain.limits import RateLimit
from callboard.store.contract import RunFilter


@job(retry=RetryPolicy(max_attempts=5, initial_s=0.05, factor=2, max_s=1))
async def flaky(ctx: RunContext):
    if ctx.attempt < 3:
        raise ConnectionError("try again")


@job(retry=RetryPolicy(max_attempts=5, initial_s=0.05, fatal=("LookupError", "exit_code:2")))
async def hopeless():
    raise KeyError("no such order")  # a LookupError


@job(retry=RetryPolicy(max_attempts=2, initial_s=0.05, budget=RateLimit(runs=5, per_s=60)))
async def storm():
    raise ConnectionError("their server is down")


async def settled(board, job):
    """All runs of the job, when nothing of it is live any more."""
    while True:
        runs = await board.list_runs(RunFilter(job=job, limit=1000))
        if all(run.has_ended for run in runs):
            return runs
        await asyncio.sleep(0.05)


async def main():
    async with Callboard("memory:") as board:
        for handler in (flaky, hopeless, storm):
            await board.define(handler)
        await board.start(flaky)
        runs = await settled(board, "flaky")
        print(f"flaky: {len(runs)} attempts, the last one {runs[0].state}")
        await board.start(hopeless)
        print(f"hopeless: {len(await settled(board, 'hopeless'))} attempt, for its error is fatal")
        await board.start_many(storm, [{}] * 20)
        runs = await settled(board, "storm")
        again = [run for run in runs if run.attempt == 2 and run.state is RunState.FAILED]
        print(f"storm: 20 runs failed, {len(again)} were tried again: the budget of the job")


if __name__ == "__main__":
    asyncio.run(main())
