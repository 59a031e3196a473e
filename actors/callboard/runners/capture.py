"""Capture: stdout, stderr and logging of handlers are their run's log.

The streams and the root logger belong to the process, so what stands in for them is shared by all
boards in it, counts its users, and goes with the last of them.
"""

from __future__ import annotations

import sys

from callboard.runners.routed_logging import (
    RunLogHandler,
    is_installed,
    join_logging,
    leave_logging,
)
from callboard.runners.routed_stream import RoutedStream, join_stream, leave_stream


class Capture:
    """One board's share in the process's routed streams and logging."""

    def __init__(self, *, echo: bool = False) -> None:
        """Args:
        echo: whether handlers' output also goes where it would go without us.
        """
        self._echo = echo
        self._streams: dict[str, RoutedStream] = {}
        self._stdout: object = None  # the same by attribute: this is compared before every run
        self._stderr: object = None
        self._logging: RunLogHandler | None = None
        self._is_open = False

    def open(self) -> None:
        self._is_open = True
        self.renew()

    def renew(self) -> None:
        """Install what somebody has replaced meanwhile (test runners do, between two phases).

        Nothing when it is closed, and next to nothing when all is in place.
        """
        if (
            sys.stdout is self._stdout
            and sys.stderr is self._stderr
            and self._logging is not None
            and is_installed(self._logging)
        ) or not self._is_open:
            return
        for name in ("stdout", "stderr"):
            held = self._streams.get(name)
            if held is None or getattr(sys, name) is not held:
                self._streams[name] = join_stream(name, echo=self._echo)
                if held is not None:
                    leave_stream(held)
        self._stdout, self._stderr = self._streams["stdout"], self._streams["stderr"]
        if self._logging is None or not is_installed(self._logging):
            self._logging = join_logging()

    def close(self) -> None:
        """Put back what was there before; safe to call twice."""
        self._is_open = False
        for stream in self._streams.values():
            leave_stream(stream)
        self._streams.clear()
        self._stdout = self._stderr = None
        if self._logging is not None:
            leave_logging(self._logging)
            self._logging = None
