"""A backfill: slots of the past of one trigger, fired now.

    running <-> paused -> completed | cancelled

Its range is half-open: slots at or after `from_at` and before `until_at` (M12). They are those of
the trigger's present schedule and calendars. A slot that fired in its time, or by any backfill, is
passed over, unless `force` (M11). A slot that still waits for its decision is the scheduler's: the
backfill comes to it when that has been taken. What the ledger has no more (it is pruned some day)
did not fire, as far as a backfill knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from callboard.domain.instant import utc_instant
from callboard.domain.names import DEFAULT_GROUP, wide_name_problem
from callboard.errors import Conflict, FieldProblem, InvalidInput

MOST_CONCURRENT: Final = 1000

BackfillOverlap: TypeAlias = Literal["trigger", "allow"]
"""Whether the trigger's overlap policy holds for a backfill's firings, or only its own limit."""


class BackfillState(StrEnum):
    """What a backfill is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    """It starts nothing; what it started goes on."""
    COMPLETED = "completed"
    """Every slot is decided, and every firing has ended."""
    CANCELLED = "cancelled"


class BackfillEvent(StrEnum):
    """What may happen to a backfill."""

    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    CANCEL = "cancel"


_S, _E = BackfillState, BackfillEvent

TRANSITIONS: Final[Mapping[BackfillState, Mapping[BackfillEvent, BackfillState]]] = (
    MappingProxyType(
        {
            _S.RUNNING: MappingProxyType(
                {
                    _E.PAUSE: _S.PAUSED,
                    _E.RESUME: _S.RUNNING,
                    _E.COMPLETE: _S.COMPLETED,
                    _E.CANCEL: _S.CANCELLED,
                }
            ),
            _S.PAUSED: MappingProxyType(
                {
                    _E.PAUSE: _S.PAUSED,
                    _E.RESUME: _S.RUNNING,
                    _E.COMPLETE: _S.COMPLETED,
                    _E.CANCEL: _S.CANCELLED,
                }
            ),
            _S.COMPLETED: MappingProxyType({}),
            _S.CANCELLED: MappingProxyType({_E.CANCEL: _S.CANCELLED}),
        }
    )
)
"""Asking twice for the same changes nothing; what has ended stays as it is."""

ENDED: Final = frozenset({_S.COMPLETED, _S.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBackfill:
    """What is asked for when a backfill is to be created.

    Raises:
        InvalidInput: on the field that is wrong.
    """

    trigger: str
    group: str = DEFAULT_GROUP
    from_at: datetime
    until_at: datetime
    """Not included, and not in the future."""
    force: bool = False
    """Also the slots that fired before: they get new runs with a trace of their own."""
    overlap: BackfillOverlap = "trigger"
    max_concurrent: int = 1
    """Firings that are live at once, at the most."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_at", utc_instant(self.from_at, "from_at"))
        object.__setattr__(self, "until_at", utc_instant(self.until_at, "until_at"))
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)

    def _problems(self) -> Iterator[FieldProblem]:
        for where, value in (("trigger", self.trigger), ("group", self.group)):
            problem = wide_name_problem(value, where)
            if problem is not None:
                yield problem
        if self.until_at <= self.from_at:
            fix = "the range is half-open: from_at is included, until_at is not"
            yield FieldProblem("until_at", "is not later than from_at", fix)
        if not isinstance(self.force, bool):
            yield FieldProblem("force", f"is a {type(self.force).__name__}, not true or false")
        if self.overlap not in get_args(BackfillOverlap):
            allowed = " or ".join(get_args(BackfillOverlap))
            yield FieldProblem("overlap", f"{self.overlap!r:.40} is not one of them", allowed)
        count: object = self.max_concurrent
        if isinstance(count, bool) or not isinstance(count, int):
            yield FieldProblem("max_concurrent", f"is a {type(count).__name__}, not an integer")
        elif not 1 <= count <= MOST_CONCURRENT:
            yield FieldProblem("max_concurrent", f"{count} is outside 1 to {MOST_CONCURRENT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A stored backfill."""

    id: int = 0
    group: str
    trigger: str
    trigger_id: int
    from_at: datetime
    until_at: datetime
    state: BackfillState = BackfillState.RUNNING
    reason: str | None = None
    """Why it was paused or cancelled by itself."""
    force: bool = False
    overlap: BackfillOverlap = "trigger"
    max_concurrent: int = 1
    cursor_at: datetime
    """Its slots before this instant are decided."""
    slots_total: int
    """In the range when it was created; an edit of the trigger does not change it any more."""
    fired: int = 0
    skipped: int = 0
    """Passed over, because they had fired before."""
    succeeded: int = 0
    """Firings that ended well, as they stood when their last run ended."""
    failed: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def decided(self) -> int:
        """Slots fired or passed over so far."""
        return self.fired + self.skipped

    @property
    def live(self) -> int:
        """Firings that have not ended."""
        return self.fired - self.succeeded - self.failed

    @property
    def is_through(self) -> bool:
        """Whether all its slots are decided."""
        return self.cursor_at >= self.until_at


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfilledSlot:
    """A slot that a backfill fired."""

    trigger_id: int
    slot: datetime
    backfill_id: int
    run_ids: tuple[int, ...]
    """First runs of the chains that it started, in the order of the trigger's actions."""
    fired_at: datetime
    ended_at: datetime | None = None
    """When it was noticed that no run of its chains is live any more."""


def changed(
    backfill: Backfill, event: BackfillEvent, now: datetime, reason: str | None = None
) -> Backfill:
    """The backfill after the event; the same one where it is in that state already.

    Raises:
        Conflict: backfill_ended.
    """
    state = TRANSITIONS[backfill.state].get(event)
    if state is None:
        raise Conflict(
            "backfill_ended", f"cannot {event} backfill {backfill.id}: it is {backfill.state}"
        )
    if state is backfill.state:
        return backfill
    return replace(
        backfill,
        state=state,
        reason=None if reason is None else reason[:1000],
        ended_at=now if state in ENDED else None,
    )


def finished(backfill: Backfill, now: datetime) -> Backfill:
    """The backfill, completed where its slots are decided and its firings have ended."""
    if backfill.has_ended or backfill.live or not backfill.is_through:
        return backfill
    return changed(backfill, BackfillEvent.COMPLETE, now)
