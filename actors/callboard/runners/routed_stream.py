"""RoutedStream: a standard stream that leads what a run prints to its log.

Which run it is, the context of the printing task or thread says. Whatever has no run, or one that
has ended, goes to the stream that was there before, unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from callboard.runners.context import current
from callboard.runners.log import RunLog


class RoutedStream:
    """Stands in for sys.stdout or sys.stderr; all that is not about writing is the original's."""

    def __init__(self, name: str, original: Any, *, echo: bool) -> None:
        """Args:
        name: stdout or stderr.
        original: what `sys` had; None in a process without standard streams.
        echo: whether a run's output goes to the original, too.
        """
        self.name_in_sys = name
        self.original = original
        self.echo = echo
        self.users = 0

    def write(self, text: str) -> int:
        log = _log_here()
        if log is None:
            return self._pass(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        log.write(self.name_in_sys, text)
        if self.echo:
            self._pass(log.masked(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self.original is not None and (self.echo or _log_here() is None):
            self.original.flush()

    def isatty(self) -> bool:
        return _log_here() is None and self.original is not None and self.original.isatty()

    def close(self) -> None:
        """A run cannot close the process's streams."""
        if self.original is not None and _log_here() is None:
            self.original.close()

    @property
    def buffer(self) -> Any:
        return self.original.buffer if _log_here() is None else _RoutedBuffer(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def _pass(self, text: str) -> int:
        return len(text) if self.original is None else self.original.write(text)


class _RoutedBuffer:
    """`sys.stdout.buffer` within a run."""

    def __init__(self, stream: RoutedStream) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        self._stream.write(bytes(data).decode(errors="replace"))
        return len(data)

    def flush(self) -> None:
        pass


def join_stream(name: str, *, echo: bool) -> RoutedStream:
    """The routed stream that stands in for sys.<name>, installed if there is none."""
    present = getattr(sys, name)
    if not isinstance(present, RoutedStream):
        present = RoutedStream(name, present, echo=echo)
        setattr(sys, name, cast(TextIO, present))
    present.users += 1
    return present


def leave_stream(stream: RoutedStream) -> None:
    """The last one who leaves puts the original back, unless somebody stands in for us by now."""
    stream.users -= 1
    if stream.users == 0 and getattr(sys, stream.name_in_sys) is stream:
        setattr(sys, stream.name_in_sys, stream.original)


def _log_here() -> RunLog | None:
    context = current.get()
    return context.output if context is not None and context.output.is_open else None
