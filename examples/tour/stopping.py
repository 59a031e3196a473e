"""Timeouts and stops: asked first, then by force where force is to be had.

Prints:
    asked: stopped, it tidied up
    deaf: stopped within its grace and a second, its process is gone: True
    slow: timed_out, TimedOut: it took longer than 0.2 s
    late: timed_out, QueueTimeout
"""

import asyncio
import os
import time
from pathlib import Path

from callboard import Callboard, RunState, StopMode, job

tidied = []


@job()
async def asked():
    try:
        await asyncio.sleep(60)
    finally:
        tidied.append("it tidied up")


@job(isolation="process")
def deaf(pid_file: str):
    Path(pid_file).write_text(str(os.getpid()))
    while True:
        time.sleep(60)  # a thread could not be ended here; a process can


@job(timeout_s=0.2)
async def slow():
    await asyncio.sleep(60)


@job(queue_timeout_s=0.3, max_concurrent_runs=1)
async def late(seconds: float = 0.0):
    await asyncio.sleep(seconds)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)


async def main():
    async with Callboard("memory:") as board:
        for handler in (asked, deaf, slow, late):
            await board.define(handler)

        run = await board.start(asked)
        while (await board.get_run(run.id)).state is not RunState.RUNNING:
            await asyncio.sleep(0.02)
        await run.stop(grace_s=5)
        print(f"asked: {(await run.wait()).state}, {tidied[0]}")

        pid_file = Path(f"/tmp/callboard-tour-{os.getpid()}")
        run = await board.start(deaf, {"pid_file": str(pid_file)})
        await until(lambda: pid_file.exists() and pid_file.read_text())
        pid = int(pid_file.read_text())
        pid_file.unlink()
        began = time.monotonic()
        await run.stop(mode=StopMode.COOPERATIVE, grace_s=0.5)
        state = (await run.wait()).state
        await until(lambda: not Path(f"/proc/{pid}").exists())
        print(
            f"deaf: {state} within its grace and a second, its process is gone:",
            time.monotonic() - began < 1.5,
        )

        run = await (await board.start(slow)).wait()
        print(f"slow: {run.state}, {run.error.type}: {run.error.message}")

        await board.start(late, {"seconds": 1.0})
        run = await (await board.start(late)).wait()
        print(f"late: {run.state}, {run.error.type}")


if __name__ == "__main__":
    import stopping  # by its name, so that worker processes find its handlers

    asyncio.run(stopping.main())
