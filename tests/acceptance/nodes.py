"""Nodes in processes of their own, seen from outside: started, asked, killed, frozen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = Path(__file__).with_name("node.py")
PATIENCE_S: Final = 45.0
LINE_LIMIT: Final = 1 << 20

QUICK: Final[Mapping[str, float]] = {
    "lease_s": 2.0,
    "firing_lease_s": 2.0,
    "poll_s": 0.5,
    "rescue_every_s": 0.5,
    "deadline_s": 3.0,
    "drain_s": 5.0,
    "capacity": 20,
    "crash_budget": 1000,
}
"""Options with which a death is noticed within seconds."""


class NodeGone(Exception):
    """The process ended before it answered."""


class NodeRefused(Exception):
    """The node answered with an error; `kind` is the exception's name there."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {message}")


class NodeProcess:
    """One running `node.py`."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {0: _future()}
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def ready(self) -> int:
        """Its epoch, once it is registered."""
        async with asyncio.timeout(PATIENCE_S):
            epoch: int = await self._waiting[0]
        return epoch

    async def ask(self, do: str, *, within_s: float = PATIENCE_S, **fields: Any) -> Any:
        """The node's answer.

        Raises:
            NodeRefused: it answered with an error.
            NodeGone: it died first; whether it did what it was asked to is not known.
            TimeoutError: it did not answer in time; it may still do it.
        """
        number = next(self._numbers)
        if self._reading.done():
            raise NodeGone(self.name)
        self._waiting[number] = reply = _future()
        request = json.dumps({"id": number, "do": do, **fields})
        assert self.process.stdin is not None
        self.process.stdin.write(request.encode() + b"\n")
        async with asyncio.timeout(within_s):
            return await reply

    async def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self.signal(signal.SIGKILL)
        await self._end()

    async def close(self) -> int:
        """End it in order; its exit code."""
        self.signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self._end()

    async def died(self) -> int:
        """Wait until it ends by itself; its exit code, negative for a signal."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._end()

    def signal(self, number: signal.Signals) -> None:
        # Process.send_signal would take the exit code away from the loop's watcher.
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def peak_mib(self) -> float:
        """The most memory that it has had at once."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the kernel does not say")

    async def _end(self) -> int:
        code = await self.process.wait()
        await self._reading
        assert self.process.stdin is not None
        self.process.stdin.close()
        return code

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if line.endswith(b"\n"):
                self._hear(json.loads(line))
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(NodeGone(self.name))

    def _hear(self, said: dict[str, Any]) -> None:
        reply = self._waiting[said["id"]] if said["id"] == 0 else self._waiting.pop(said["id"])
        if reply.done():  # its asker gave up
            return
        if "error" in said:
            reply.set_exception(NodeRefused(said["error"], said["message"]))
        else:
            reply.set_result(said["answer"])


def _future() -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


class Company:
    """The nodes of one test, all on one database."""

    def __init__(
        self, dsn: str, options: Mapping[str, float | str], program: Path = PROGRAM
    ) -> None:
        self._dsn = dsn
        self._options = options
        self._program = program
        self.members: list[NodeProcess] = []

    async def engage(self, name: str, **options: float | str) -> NodeProcess:
        """A new node, ready."""
        node = await self.spawn(name, **options)
        await node.ready()
        return node

    async def spawn(self, name: str, **options: float | str) -> NodeProcess:
        """A new node, which may not be ready yet."""
        words = [sys.executable, str(self._program), "--dsn", self._dsn, "--name", name]
        for option, value in {**self._options, **options}.items():
            words += [f"--{option.replace('_', '-')}", str(value)]
        process = await asyncio.create_subprocess_exec(
            *words, stdin=PIPE, stdout=PIPE, limit=LINE_LIMIT
        )
        node = NodeProcess(name, process)
        self.members.append(node)
        return node


@asynccontextmanager
async def company(
    dsn: str, *, program: Path = PROGRAM, **options: float | str
) -> AsyncIterator[Company]:
    """A company whose members are gone when the block ends, however it ends.

    Args:
        program: what its members run; it takes what `node.py` takes.
    """
    company = Company(dsn, {**QUICK, **options}, program)
    try:
        yield company
    finally:
        for node in company.members:
            await node.kill()


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, within_s: float = PATIENCE_S
) -> Any:
    """What the condition says, once that is true; asked again and again."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not (said := await condition()):
        assert loop.time() < deadline, f"waited {within_s:g} s in vain: {what}"
        await asyncio.sleep(0.02)
    return said
