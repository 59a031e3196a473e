"""Channel: a worker process's end of the line to its node."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Final

from callboard.runners.worker_wire import BrokenWire, FromWorker, Lines, ToWorker, to_line

_READ_BYTES: Final = 65_536


class Channel:
    """Any thread sends, one receives; both block. A node that is gone is told to nobody twice."""

    def __init__(self, line: socket.socket) -> None:
        """`line` is not handed on to programs that a handler starts."""
        line.set_inheritable(False)
        self._socket = line
        # Reentrant: a destructor that prints may run in the middle of a send.
        self._lock = threading.RLock()
        self._is_sending = False
        self._waiting: list[bytes] = []
        self._is_open = True

    def send(self, message: FromWorker) -> None:
        """Nothing when the line is down: whoever listens on this side sees that, too."""
        line = to_line(message)
        with self._lock:
            if not self._is_open:
                return
            self._waiting.append(line)
            if not self._is_sending:  # otherwise the send below, on this thread, goes on with it
                self._send_waiting()

    def messages(self) -> Iterator[ToWorker]:
        """What comes, until the line is down."""
        lines: Lines[ToWorker] = Lines(ToWorker)
        while True:
            try:
                data = self._socket.recv(_READ_BYTES)
                if not data:
                    return
                yield from lines.feed(data)
            except (OSError, BrokenWire):
                return

    def _send_waiting(self) -> None:
        self._is_sending = True
        try:
            while self._waiting:
                self._socket.sendall(self._waiting.pop(0))
        except OSError:
            self._is_open = False
            self._waiting.clear()
        finally:
            self._is_sending = False

    def abandon(self) -> None:
        """In a fork of the worker: the line is its parent's."""
        self._lock = threading.RLock()
        self._is_open = False
        self._socket.close()
