"""RunLog: what one run says, as numbered lines in chunks.

Any thread may write. Chunks leave by `emit`, always on the thread that made the log (the loop's):
a full one at once when it was filled there, otherwise with the next `flush`. Memory stays flat:
past `limit_bytes` nothing is kept but a count, which the last line tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import orjson

from callboard.clock import Clock
from callboard.domain.json import JsonObject
from callboard.domain.log import LogChunk, LogLine
from callboard.runners.masking import Mask
from callboard.runners.progress import checked, progress_value
from callboard.runners.text import to_storable, utf8_size

LIMIT_BYTES: Final = 1_048_576
CHUNK_BYTES: Final = 65_536
MAX_WAITING_BYTES: Final = 1_048_576
"""Written by other threads and not fetched by a flush yet; what exceeds it is left out."""
MAX_LINE_CHARACTERS: Final = 16_384
"""A longer line is cut into lines of this length."""
LINE_COST: Final = 16
"""Bytes that a line counts for beside its text: a million empty lines are not for nothing."""
_SLICE: Final = 262_144


class RunLog:
    """The log of one run; `stream` is stdout or stderr, and log for `record`."""

    def __init__(
        self,
        run_id: int,
        *,
        clock: Clock,
        emit: Callable[[LogChunk], None],
        limit_bytes: int = LIMIT_BYTES,
        chunk_bytes: int = CHUNK_BYTES,
        after: int = 0,
        home: int | None = None,
        mask: Mask | None = None,
    ) -> None:
        """Args:
        emit: must not raise.
        after: number of the last line that an earlier holder of the run logged.
        home: id of the loop's thread; None: this one.
        mask: of the run's secrets, which are in no line.
        """
        self._run_id = run_id
        self._clock = clock
        self._emit = emit
        self._limit = limit_bytes
        self._chunk_bytes = chunk_bytes
        self._home = threading.get_ident() if home is None else home
        # Reentrant: a destructor that prints may run in the middle of a write.
        self._lock = threading.RLock()
        self._partials: dict[str, _Partial] = {}
        self._lines: list[LogLine] = []
        self._lines_bytes = 0
        self._waiting: list[LogChunk] = []
        self._waiting_bytes = 0
        self._seq = after
        self._kept = 0
        self._dropped = 0
        self._missed = 0
        self._progress: JsonObject | None = None
        self.mask = mask
        """Of the run's secrets; None: it has none."""
        self.is_open = True
        """After close() every write is ignored."""
        self.is_full = False
        """Whether the limit is reached: then writers may count by `drop` and save their work."""

    def write(self, stream: str, text: str) -> None:
        """Add text as it comes; a line is complete with its newline."""
        for start in range(0, len(text), _SLICE):
            with self._lock:
                if self.is_full or not self.is_open:
                    self._dropped += utf8_size(text[start:])
                    return
                self._split(stream, text[start : start + _SLICE])
            self._emit_if_home()

    def record(self, level: str, text: str, fields: JsonObject | None = None) -> None:
        """Add complete lines of stream `log`, all of them of the given level.

        Args:
            fields: what belongs to the first of them, JSON of bounded size.
        """
        if self.mask is not None:
            text = self.mask.cut_text(text)
            fields = None if fields is None else {**self.mask.json(fields)}  # type: ignore[dict-item]
        for start in range(0, len(text) or 1, _SLICE):
            with self._lock:
                if self.is_full or not self.is_open:
                    self._dropped += utf8_size(text[start:])
                    return
                for line in text[start : start + _SLICE].split("\n"):
                    self._add("log", level, line, fields)
                    fields = None
            self._emit_if_home()

    def report(
        self,
        done: float,
        total: float | None = None,
        note: str | None = None,
        *,
        more: JsonObject | None = None,
    ) -> None:
        """Say how far the run is: the last that was said counts.

        Args:
            more: what its runner knows besides, plain JSON of bounded size.
        Raises:
            InvalidInput: see `progress.checked`.
        """
        done, total, note = checked(done, total, note)
        if note is not None and self.mask is not None:
            note = self.mask.cut_text(note)
        with self._lock:
            if self.is_open:
                at = self._clock.now()
                self._progress = {**progress_value(done, total, note, at), **(more or {})}

    @property
    def has_progress(self) -> bool:
        """Whether anything was said of it since the last take_progress."""
        return self._progress is not None

    def take_progress(self) -> JsonObject | None:
        """What was said last of the run's progress; None: nothing new."""
        with self._lock:
            progress, self._progress = self._progress, None
        return progress

    @property
    def masking(self) -> Callable[[str], str] | None:
        """`masked`; None: the run has no secrets."""
        return None if self.mask is None else self.masked

    def masked(self, text: str) -> str:
        """The text without the run's secrets, for those who show it elsewhere."""
        return text if self.mask is None else self.mask.cut_text(text)

    def drop(self, count: int) -> None:
        """Count `count` bytes that the writer left out because the log is full."""
        with self._lock:
            self._dropped += count

    def flush(self) -> None:
        """Emit what is complete; on the loop's thread, about twice a second.

        An unfinished line goes out with the second flush after its last character came: a prompt
        is seen, and a line that is just being written is not torn.
        """
        with self._lock:
            for stream, partial in list(self._partials.items()):
                if partial.is_old and not self._may_go_on(partial):
                    self._finish(stream)
                partial.is_old = True
            self._seal()
        self._emit_waiting()

    def close(self) -> None:
        """Emit all that is left, with a last line about what was dropped; the log is over."""
        with self._lock:
            if not self.is_open:
                return
            for stream in list(self._partials):
                self._finish(stream)
            self._mark_missed()
            if self._dropped:
                text = f"[callboard] {self._dropped} bytes of output were dropped here: "
                self._append("log", "WARNING", text + f"a run's log holds {self._limit} bytes")
            self._seal()
            self.is_open = False
        self._emit_waiting()

    def _split(self, stream: str, text: str) -> None:
        partial = self._partials.get(stream)
        if partial is None:
            partial = self._partials[stream] = _Partial()
        if "\n" not in text and partial.length + len(text) < MAX_LINE_CHARACTERS:
            partial.add(text)
            return
        whole, longest = partial.take() + text, MAX_LINE_CHARACTERS
        if self.mask is not None:
            # What may be the beginning of a secret stays here until the rest of it has come.
            whole = self.mask.text(whole)
            longest += self.mask.longest
        *lines, rest = whole.split("\n")
        for line in lines:
            self._add(stream, None, line)
        while len(rest) >= longest:
            self._add(stream, None, rest[:MAX_LINE_CHARACTERS])
            rest = rest[MAX_LINE_CHARACTERS:]
        partial.add(rest)

    def _may_go_on(self, partial: _Partial) -> bool:
        """Whether an unfinished line ends with what may be the beginning of a secret."""
        return self.mask is not None and self.mask.unfinished(partial.peek()) > 0

    def _finish(self, stream: str) -> None:
        text = self._partials.pop(stream).take()
        if self.mask is not None:
            text = self.mask.cut_text(text)
        if text and self.is_full:
            self._dropped += utf8_size(text)
        elif text:
            self._add(stream, None, text)

    def _add(
        self, stream: str, level: str | None, line: str, fields: JsonObject | None = None
    ) -> None:
        text = to_storable(line.removesuffix("\r"))
        for start in range(0, len(text) or 1, MAX_LINE_CHARACTERS):
            piece = text[start : start + MAX_LINE_CHARACTERS]
            size = utf8_size(piece)
            if fields is not None:
                size += len(orjson.dumps(fields))
            if self.is_full or self._kept + size + LINE_COST > self._limit:
                self.is_full = True
                self._dropped += size + 1
            elif self._waiting_bytes + self._lines_bytes + size > MAX_WAITING_BYTES:
                self._missed += size + 1
            else:
                self._mark_missed()
                self._append(stream, level, piece, size + LINE_COST, fields)
            fields = None

    def _mark_missed(self) -> None:
        if self._missed:
            text = f"[callboard] {self._missed} bytes of output are missing here: "
            self._missed = 0
            self._append("log", "WARNING", text + "they came faster than they could be stored")

    def _append(
        self,
        stream: str,
        level: str | None,
        text: str,
        cost: int = 0,
        fields: JsonObject | None = None,
    ) -> None:
        self._seq += 1
        self._lines.append(
            LogLine(
                seq=self._seq,
                at=self._clock.now(),
                stream=stream,
                level=level,
                text=text,
                fields=fields,
            )
        )
        self._kept += cost
        self._lines_bytes += cost
        if self._lines_bytes >= self._chunk_bytes:
            self._seal()

    def _seal(self) -> None:
        if self._lines:
            self._waiting.append(LogChunk(run_id=self._run_id, lines=tuple(self._lines)))
            self._waiting_bytes += self._lines_bytes
            self._lines, self._lines_bytes = [], 0

    def _emit_if_home(self) -> None:
        if self._waiting and threading.get_ident() == self._home:
            self._emit_waiting()

    def _emit_waiting(self) -> None:
        with self._lock:
            chunks, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for chunk in chunks:
            self._emit(chunk)


class _Partial:
    """The beginning of a line whose newline has not come."""

    __slots__ = ("_parts", "is_old", "length")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0
        self.is_old = False
        """Whether nothing was added since the last flush."""

    def add(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self.length += len(text)
        self.is_old = False

    def peek(self) -> str:
        return "".join(self._parts)

    def take(self) -> str:
        text = "".join(self._parts)
        self._parts, self.length = [], 0
        return text
