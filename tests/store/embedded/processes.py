"""Worker processes to kill, and waiting for what they do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from callboard.store.embedded.residue import is_server, read_pid_file

WORKER = Path(__file__).with_name("worker.py")
PATIENCE_S = 45.0


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return when `is_so`; fail when that takes very long."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


async def eventually(is_so: Callable[[], bool], what: str) -> None:
    """As `wait_until`, while the event loop goes on."""
    for _ in range(int(PATIENCE_S / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited in vain: {what}")


class Worker:
    """One running `worker.py`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.acks = directory / f"{name}.acks"
        self.process = subprocess.Popen([sys.executable, WORKER, directory, name])

    @property
    def written(self) -> int:
        """How many rows it was told are committed, over all its lives."""
        return len(self._lines())

    @property
    def is_owner(self) -> bool:
        """Whether it ran the server at its last row."""
        return bool(self._lines()) and self._lines()[-1].endswith(" 1")

    def write_more(self, rows: int = 15) -> None:
        """Wait until it has written that many more rows."""
        goal = self.written + rows
        wait_until(lambda: self.written >= goal or self._has_ended(), f"{rows} rows more")
        assert not self._has_ended(), f"the worker ended with {self.process.returncode}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> int:
        """End it in order; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def _has_ended(self) -> bool:
        return self.process.poll() is not None

    def _lines(self) -> list[str]:
        return self.acks.read_text().splitlines() if self.acks.exists() else []


@contextmanager
def workers(directory: Path, *names: str) -> Iterator[list[Worker]]:
    """Workers that are ended, whatever happens; the first one is the owner."""
    running: list[Worker] = []
    try:
        for name in names:
            running.append(Worker(directory, name))
            running[-1].write_more(1)
        yield running
    finally:
        for worker in running:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in running:
            worker.process.wait(PATIENCE_S)


def postmaster_of(directory: Path) -> int:
    """The process number of the server that runs on `directory`."""
    written = read_pid_file(directory / "pgdata")
    assert written is not None, "no server runs"
    return written.pid


def kill_postmaster(directory: Path) -> None:
    os.kill(postmaster_of(directory), signal.SIGKILL)


def wait_for_end(pid: int, directory: Path) -> None:
    """Return when the server's process `pid` is gone, or a zombie."""
    wait_until(lambda: not is_server(pid, directory / "pgdata"), f"process {pid} ends")
