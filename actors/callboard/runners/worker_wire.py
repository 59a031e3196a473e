"""What a node and a worker process say to each other: one JSON object a line, over a socket.

    to the worker      Settle, once; then Begin for one run after the other, Stop and LogFull
    from the worker    Wrote, Recorded and Told while a run is on, then Ended

No line is longer than MAX_LINE_BYTES: whoever hears a longer one, or one that is no message, hangs
up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from callboard.domain.json import JsonObject
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.errors import CallboardError
from callboard.runners.contract import Outcome

MAX_LINE_BYTES: Final = 8 * 1_048_576
"""A result of the largest size and its error fit in, whatever has to be escaped."""
MAX_TEXT: Final = 65_536
"""Characters of output in one message."""
MAX_RECORD: Final = 1_048_576
"""Characters of one log record."""

M = TypeVar("M")


class BrokenWire(CallboardError):
    """What came is not a message of the other side."""


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """How a worker is to become like its node."""

    path: tuple[str, ...]
    """The node's sys.path."""
    python_path: str | None
    """The PYTHONPATH that the node itself had; the worker's own is for its start only."""
    modules: tuple[str, ...] | None
    """From which handlers may be imported that the node has not vouched for; None: any."""
    warm: tuple[str, ...]
    """Modules to import before the first run."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Of a run, what its handler may know; as RunFacts."""

    id: int
    job: str
    group: str
    attempt: int
    slot: datetime | None
    trigger: str | None
    trace_id: str
    epoch: int | None


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Execute a run."""

    serial: int
    """Counts the runs of this worker."""
    handler: str
    """As the job names it."""
    reference: str
    """`module:function`."""
    is_vouched: bool
    """Whether the node has the function itself, so that its module needs no permission."""
    facts: Facts
    arguments: dict[str, Any]
    limits: dict[str, Any] | None
    level: int
    """Of the node's root logger."""
    secrets: tuple[str, ...] = ()
    """Values that are to be masked where the worker itself writes to the outside."""


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop"):
    """Ask the run to end."""

    serial: int


class LogFull(msgspec.Struct, frozen=True, kw_only=True, tag="full"):
    """The run's log takes no more: count what comes."""

    serial: int


class Wrote(msgspec.Struct, frozen=True, kw_only=True, tag="wrote"):
    """The run has printed."""

    stream: str
    text: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag="recorded"):
    """The run has logged."""

    level: str
    text: str
    fields: dict[str, Any] | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """How far the run is."""

    done: int | float
    total: int | float | None = None
    note: str | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The run is over; the fields of an Outcome, and what the worker has become."""

    state: RunState
    result: Any = None
    error: RunError | None = None
    kinds: tuple[str, ...] = ()
    retry: bool | None = None
    after_s: float | None = None
    dropped: int = 0
    """Bytes of output that were only counted."""
    grown_mb: float = 0.0
    """By how much the worker is larger than before its first run."""
    has_children: bool = False
    """Whether the run left processes behind."""

    def to_outcome(self) -> Outcome:
        """The outcome that `ended` was given."""
        return Outcome(
            state=self.state,
            result=self.result,
            error=self.error,
            kinds=self.kinds,
            retry=self.retry,
            after_s=self.after_s,
        )


ToWorker: TypeAlias = Settle | Begin | Stop | LogFull
FromWorker: TypeAlias = Wrote | Recorded | Told | Ended
Message: TypeAlias = ToWorker | FromWorker

_ENCODER: Final = msgspec.json.Encoder()


def to_line(message: Message) -> bytes:
    """The message, with its newline."""
    return _ENCODER.encode(message) + b"\n"


def facts_of(run: Run) -> Facts:
    """What a worker is told of the run."""
    return Facts(
        id=run.id,
        job=run.job,
        group=run.group,
        attempt=run.attempt,
        slot=run.slot,
        trigger=run.trigger,
        trace_id=run.trace_id,
        epoch=run.epoch,
    )


def ended(outcome: Outcome, **facts: Any) -> Ended:
    """The end with this outcome; `facts` are the other fields."""
    return Ended(
        state=outcome.state,
        result=outcome.result,
        error=outcome.error,
        kinds=outcome.kinds,
        retry=outcome.retry,
        after_s=outcome.after_s,
        **facts,
    )


def plain(value: Mapping[str, Any] | JsonObject) -> dict[str, Any]:
    """A dict of dicts: what is frozen in jobs and runs may be of other kinds of mapping."""
    return {key: _plain(item) for key, item in value.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


class Lines(Generic[M]):
    """Puts messages together again from what a socket gives, with bounded memory."""

    def __init__(self, kind: Any) -> None:
        """`kind`: ToWorker or FromWorker."""
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(kind)
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """The messages that are complete now.

        Raises:
            BrokenWire: a line is too long or is no message; the memory it took is free.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n") if b"\n" in data else (self._rest,)
        if max(map(len, (*lines, rest))) > MAX_LINE_BYTES:
            self._rest = bytearray()
            raise BrokenWire(f"a message is longer than {MAX_LINE_BYTES} bytes")
        self._rest = rest
        for line in lines:
            yield self._decoded(line)

    def _decoded(self, line: bytearray) -> M:
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenWire(f"what came is not a message: {error}") from error
