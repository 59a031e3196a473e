"""ProcessWatch: one started process, its output on the way to the log, and its process group.

The process leads a session, and so a group, of its own: what it starts can be signalled with it,
also when it has ended itself.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from typing import Final, cast

from callboard.runners.log import RunLog

TAIL_BYTES: Final = 4_096
_STREAMS: Final = {1: "stdout", 2: "stderr"}


class ProcessWatch(asyncio.SubprocessProtocol):
    """What asyncio tells of a process.

    `exited` is done when the process has ended, `drained` when its output has, too: that may be
    later, or never, while a child of it holds the pipes.
    """

    def __init__(self, log: RunLog) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()
        self.released: asyncio.Future[None] = loop.create_future()
        self._log = log
        self._transport: asyncio.SubprocessTransport | None = None
        self.group = 0
        """The process's id, which is also that of its group and its session."""
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {fd: decoder(errors="replace") for fd in _STREAMS}
        self._open = set(_STREAMS)
        self._tail = b""

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr, without the newline at their end."""
        text = self._tail.decode(errors="replace")
        if len(self._tail) == TAIL_BYTES and "\n" in text.rstrip():
            text = text[text.index("\n") + 1 :]  # the first of them is cut somewhere
        return text.rstrip()

    def signal_group(self, number: signal.Signals) -> bool:
        """Signal all processes of the group; whether there was one."""
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # it changed its user; nothing that we may do
            return True
        return True

    def feed(self, data: bytes) -> None:
        """Write its stdin, and end it."""
        if self._transport is not None:
            stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
            stdin.write(data)
            stdin.write_eof()

    def release(self) -> None:
        """Give back the pipes; kills the process if it is still there."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self.group = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        if self._log.is_full:
            self._log.drop(len(data))
        else:
            self._log.write(_STREAMS[fd], self._decoders[fd].decode(data))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd not in self._open:
            return
        rest = self._decoders[fd].decode(b"", final=True)
        if rest:
            self._log.write(_STREAMS[fd], rest)
        self._open.discard(fd)
        if not self._open and not self.drained.done():
            self.drained.set_result(None)

    def process_exited(self) -> None:
        if self._transport is not None and not self.exited.done():
            self.exited.set_result(cast(int, self._transport.get_returncode()))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.released.done():
            self.released.set_result(None)
