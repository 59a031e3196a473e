"""Progress and logs: how far a run is, and what it says, while it runs and afterwards.

Prints:
    seen on the way: some of it
    at last: 20 of 20, cover 20
    warnings: cover 13 is torn {'cover': 13}
"""

import asyncio
import logging

from callboard import Callboard, EventFilter, RunContext, job
from callboard.domain.log import LogFilter

logger = logging.getLogger(__name__)


@job()
async def shrink(ctx: RunContext, covers: int = 20):
    for number in range(1, covers + 1):
        ctx.progress(number, covers, f"cover {number}")
        if number == 13:
            logger.warning("cover %d is torn", number, extra={"cover": number})
        await asyncio.sleep(0.1)


async def main():
    async with Callboard("memory:") as board:
        await board.define(shrink)
        seen = []
        async with board.subscribe(filter=EventFilter(job="shrink"), snapshot=False) as events:
            run = await board.start(shrink)
            async for event in events:
                if event.type == "run.progress":
                    seen.append(event.run.progress["done"])
                if event.type == "run.ended":
                    break
        print("seen on the way:", "some of it" if 2 <= len(seen) <= 20 else seen)
        done = (await board.get_run(run.id)).progress
        print(f"at last: {done['done']} of {done['total']}, {done['note']}")
        page = await board.search_log(run.id, LogFilter(level="WARNING"))
        for line in page.lines:
            print(f"warnings: {line.text} {line.fields}")


if __name__ == "__main__":
    asyncio.run(main())
