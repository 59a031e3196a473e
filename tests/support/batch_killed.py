"""Chunk steps that die by SIGKILL in the middle of their work, once; as a program: a node that
runs one of them.

    python -m support.batch_killed DSN JOB ARGUMENTS
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from callboard import BoardConfig, Callboard
from callboard.batch import BatchJob, ChunkStep, FileWriter, Listener, Skip, StepContext

CONFIG = BoardConfig(lease_s=2.0, rescue_every_s=0.2, drain_s=0.0)


def die_once(ctx: StepContext) -> None:
    """Its argument `flag` is a file that says whether that has happened."""
    flag = Path(str(ctx.arguments["flag"]))
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)


async def post(items: list[int], tx: Any, ctx: StepContext) -> None:
    await tx.executemany("insert into line values ($1)", [(item,) for item in items])
    if 3 in items:
        raise ValueError("no threes")
    if items == [5]:
        die_once(ctx)


class DieBeforeCommit(Listener):
    """When items 5 and 6 are in the file."""

    def after_write(self, ctx: StepContext, items: Any, tx: Any) -> None:
        if 5 in items:
            die_once(ctx)


scan = BatchJob("scan")
scan.add(ChunkStep("post", read=range(1, 8), write=post, size=10, skip=Skip(ValueError, limit=1)))

dump = BatchJob("dump")
dump.add(
    ChunkStep(
        "dump",
        read=range(1, 8),
        write=FileWriter(lambda ctx: str(ctx.arguments["path"]), encode=lambda item: f"{item}\n"),
        size=2,
        listeners=[DieBeforeCommit()],
    )
)
JOBS = {"scan": scan, "dump": dump}


async def main(dsn: str, job: str, arguments: str) -> None:
    async with Callboard(dsn, config=CONFIG) as board:
        await board.define(JOBS[job])
        run = await board.operator.start(job, json.loads(arguments))
        print(run.id, flush=True)
        await board.operator.wait(run.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
