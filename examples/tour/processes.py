"""Work that may hurt: in a process of its own, within limits.

Prints:
    a handler in a worker process: not ours: True
    one that kills its worker: failed, WorkerDied
    a command: succeeded, {'exit_code': 0}, said: hello
    a command over its limit of memory: failed
    a script: succeeded, said: --name Ada
"""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

from callboard import Callboard, Job, job


@job(isolation="process")
def who():
    return os.getpid()


@job(isolation="process")
def suicidal():
    os.kill(os.getpid(), signal.SIGKILL)


async def log_of(board, run):
    return " ".join(line.text for line in await board.read_log(run.id))


async def main():
    async with Callboard("memory:") as board:
        await board.define(who)
        await board.define(suicidal)
        pid = await (await board.start(who)).result()
        print(f"a handler in a worker process: not ours: {pid != os.getpid()}")
        run = await (await board.start(suicidal)).wait()
        print(f"one that kills its worker: {run.state}, {run.error.type}")

        spec = {"argv": ["echo", "hello"], "limits": {"cpu_s": 5, "open_files": 64}}
        await board.create_job(Job(name="say", kind="command", spec=spec))
        run = await (await board.start("say")).wait()
        print(f"a command: {run.state}, {run.result}, said: {await log_of(board, run)}")

        greedy = ["python3", "-c", "x = bytearray(10**9)"]
        spec = {"argv": greedy, "limits": {"memory_mb": 100}}
        await board.create_job(Job(name="greedy", kind="command", spec=spec))
        run = await (await board.start("greedy")).wait()
        print(f"a command over its limit of memory: {run.state}")

        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "greet.py")
            script.write_text("import sys; print(*sys.argv[1:])")
            spec = {"location": str(script)}  # or a URL: http, s3, ... by fsspec
            await board.create_job(Job(name="greet", kind="script", spec=spec))
            run = await (await board.start("greet", {"name": "Ada"})).wait()
            print(f"a script: {run.state}, said: {await log_of(board, run)}")


if __name__ == "__main__":
    import processes  # by its name, so that worker processes find its handlers

    asyncio.run(processes.main())
