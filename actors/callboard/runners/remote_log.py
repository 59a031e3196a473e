"""RemoteLog: a run's log as its worker process sees it; the node keeps the lines."""

from __future__ import annotations

from collections.abc import Callable

from callboard.clock import SystemClock
from callboard.domain.json import JsonObject
from callboard.runners.log import RunLog
from callboard.runners.progress import checked
from callboard.runners.text import to_storable, utf8_size
from callboard.runners.worker_wire import MAX_RECORD, MAX_TEXT, Recorded, Told, Wrote, plain


class RemoteLog(RunLog):
    """Sends what is written at once, so that nothing is lost when the worker dies."""

    def __init__(self, run_id: int, send: Callable[[Wrote | Recorded | Told], None]) -> None:
        super().__init__(run_id, clock=SystemClock(), emit=lambda chunk: None)
        self._send = send

    @property
    def dropped(self) -> int:
        """Bytes that were counted, not sent, since the node said that the log is full."""
        return self._dropped

    def write(self, stream: str, text: str) -> None:
        for start in range(0, len(text), MAX_TEXT):
            if self._is_counted(text[start:]):
                return
            piece = to_storable(text[start : start + MAX_TEXT])
            self._send(Wrote(stream=stream, text=piece))

    def record(self, level: str, text: str, fields: JsonObject | None = None) -> None:
        kept, rest = text[:MAX_RECORD], text[MAX_RECORD:]
        if self._is_counted(text):
            return
        if rest:
            self.drop(utf8_size(rest))
        given = None if fields is None else plain(fields)
        self._send(Recorded(level=level, text=to_storable(kept), fields=given))

    def report(
        self,
        done: float,
        total: float | None = None,
        note: str | None = None,
        *,
        more: JsonObject | None = None,
    ) -> None:
        done, total, note = checked(done, total, note)
        if self.is_open:
            self._send(Told(done=done, total=total, note=note))

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.is_open = False

    def _is_counted(self, text: str) -> bool:
        if self.is_open and not self.is_full:
            return False
        self.drop(utf8_size(text))
        return True
