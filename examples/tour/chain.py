"""Conditional triggers: a job that starts when others have ended well.

Prints:
    refused: a job would start itself in the end
    report ran 0 times when one of them had succeeded
    report ran 1 times when both had
"""

import asyncio

from callboard import Callboard, job, when_all, when_any
from callboard.errors import InvalidInput
from callboard.store.contract import RunFilter


@job()
async def sales(): ...


@job()
async def stock(): ...


@job()
async def report(): ...


async def reports(board):
    await asyncio.sleep(0.5)
    return len(await board.list_runs(RunFilter(job="report")))


async def main():
    async with Callboard("memory:") as board:
        for handler in (sales, stock, report):
            await board.define(handler)
        await board.schedule("both", when_all("sales", "stock"), report)
        try:
            await board.schedule("again", when_any("report"), sales)
        except InvalidInput as error:
            print("refused:", error.problems[0].reason.partition(":")[0])

        await (await board.start(sales)).wait()
        print(f"report ran {await reports(board)} times when one of them had succeeded")
        await (await board.start(stock)).wait()
        print(f"report ran {await reports(board)} times when both had")


if __name__ == "__main__":
    asyncio.run(main())
