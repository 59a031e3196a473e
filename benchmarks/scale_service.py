"""A service in a process of its own, and what its process costs."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.meter import PROC

READY_S = 60.0
STOP_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One that listens."""

    url: str
    pid: int

    def rss_mb(self) -> float:
        """Memory of the process now; 0 where the system does not tell."""
        try:
            pages = int((PROC / str(self.pid) / "statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """CPU seconds that the process has used; 0 where the system does not tell.

        By the scheduler's account of each thread: the ticks of /proc/PID/stat miss short turns.
        """
        accounts = (PROC / str(self.pid) / "task").glob("*/schedstat")
        return sum(_on_cpu_ns(account) for account in accounts) / 1e9


def _on_cpu_ns(account: Path) -> int:
    try:
        return int(account.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


@asynccontextmanager
async def running_service(dsn: str, profile: Path | None = None) -> AsyncIterator[Service]:
    """`callboard serve` on the database, with benchmarks.noop as its handlers."""
    profiling = ["-m", "cProfile", "-o", str(profile)] if profile else []
    arguments = ["serve", "--dsn", dsn, "--port", "0", "--handlers", "benchmarks.noop"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *profiling, "-m", "callboard_service", *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = await asyncio.wait_for(_url(process), READY_S)
        yield Service(url=url, pid=process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        found = re.search(r"listens on (http://\S+)", line)
        if found is not None:
            return found[1]
    raise RuntimeError("the service ended before it listened")
