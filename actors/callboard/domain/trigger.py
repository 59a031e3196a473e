"""A trigger: when, and with which arguments, jobs are started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.job import seconds_problem
from callboard.domain.json import JsonObject, check_json
from callboard.domain.names import DEFAULT_GROUP, name_problem
from callboard.domain.schedule import Schedule, next_slot
from callboard.errors import FieldProblem, InvalidInput

MAX_ACTIONS: Final = 100


class TriggerState(StrEnum):
    """Whether a trigger fires."""

    INACTIVE = "inactive"
    """Stored, not scheduled."""
    ACTIVE = "active"
    PAUSED = "paused"
    """Its slots are decided, as skipped."""
    COMPLETED = "completed"
    """No slot is left."""
    PARKED = "parked"
    """It cannot be understood any more (its zone is gone, say): an operator decides."""


class MisfirePolicyName(StrEnum):
    """What becomes of slots that passed while nobody could decide them."""

    SKIP = "skip"
    FIRE_ONCE = "fire_once"
    FIRE_ALL = "fire_all"


class Coalesce(StrEnum):
    """Which of the missed slots fires when only one does."""

    EARLIEST = "earliest"
    LATEST = "latest"


class OverlapPolicyName(StrEnum):
    """What a slot does when runs of the trigger are still live."""

    ALLOW = "allow"
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER = "buffer"
    CANCEL_OLD = "cancel_old"
    KILL_OLD = "kill_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One job that a trigger starts, and the arguments it gives it."""

    job: str
    arguments: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MisfirePolicy:
    """The answer to slots that are late by more than the grace."""

    policy: MisfirePolicyName = MisfirePolicyName.FIRE_ONCE
    coalesce: Coalesce = Coalesce.LATEST
    grace_s: float = 60.0
    """A slot at most this late (inclusive) is not a misfire."""
    window_s: float | None = None
    """Missed slots older than this are skipped whatever the policy; None: no limit."""
    cap: int | None = None
    """fire_all fires at most the newest so many; None: no limit."""

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        yield from seconds_problem(self.grace_s, f"{prefix}.grace_s", zero=True)
        if self.window_s is not None:
            yield from seconds_problem(self.window_s, f"{prefix}.window_s", zero=True)
        if self.cap is not None and not 1 <= self.cap <= 10_000:
            yield FieldProblem(f"{prefix}.cap", "is outside 1 to 10000", "null: no limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapPolicy:
    """The answer to a slot that comes while runs of the trigger are live."""

    policy: OverlapPolicyName = OverlapPolicyName.ALLOW
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A definition, and, once stored, its identity, version and place in time."""

    name: str
    group: str = DEFAULT_GROUP
    schedule: Schedule
    actions: tuple[Action, ...]
    description: str = ""
    misfire: MisfirePolicy = MisfirePolicy()
    overlap: OverlapPolicy = OverlapPolicy()
    start_at: datetime | None = None
    """No slot before this instant."""
    end_at: datetime | None = None
    """No slot at or after this instant."""
    max_firings: int | None = None
    """Completed once so many slots have fired."""
    jitter_s: float = 0.0
    """Runs of a slot start up to so much later, by an amount that is the slot's own."""
    flexible_window_s: float = 0.0
    """Runs start up to so much later, by an amount that is the trigger's own."""
    calendars: tuple[CalendarRule, ...] = ()
    state: TriggerState = TriggerState.ACTIVE
    reason: str | None = None
    """Why it is parked."""
    next_slot: datetime | None = None
    """The next slot to decide; None when nothing is to come."""
    last_slot: datetime | None = None
    """The last slot that was decided."""
    resume_at: datetime | None = None
    """End of a timed pause."""
    firings: int = 0
    generation: int = 1
    """Counts changes of the timing; part of every slot's identity."""
    anchor_at: datetime | None = None
    """Activation of this generation; where intervals without an anchor of their own count from."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)
        for index, action in enumerate(self.actions):
            check_json(action.arguments, f"actions[{index}].arguments")

    def _problems(self) -> Iterator[FieldProblem]:
        for where, value in (("name", self.name), ("group", self.group)):
            problem = name_problem(value, where)
            if problem is not None:
                yield problem
        if not 1 <= len(self.actions) <= MAX_ACTIONS:
            yield FieldProblem(
                "actions", f"has {len(self.actions)} entries, not 1 to {MAX_ACTIONS}"
            )
        for index, action in enumerate(self.actions):
            problem = name_problem(action.job, f"actions[{index}].job")
            if problem is not None:
                yield problem
        yield from self.misfire.problems("misfire")
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            yield FieldProblem("end_at", "is not later than start_at")
        if self.max_firings is not None and not 1 <= self.max_firings < 2**53:
            yield FieldProblem("max_firings", "is outside 1 to 2^53 - 1", "null: no limit")
        if len(self.description) > 10_000:
            yield FieldProblem("description", "is longer than 10000 characters")

    @property
    def timing(self) -> tuple[object, ...]:
        """What decides the instants of its slots; a change of it begins a generation."""
        return (self.schedule, self.start_at, self.end_at, self.max_firings, self.calendars)

    @property
    def wake_at(self) -> datetime | None:
        """When the scheduler has to look at it next: its next slot, or the end of a timed pause."""
        if self.state is TriggerState.PAUSED:
            return self.resume_at
        return self.next_slot if self.state is TriggerState.ACTIVE else None

    def slot_after(self, after: datetime) -> datetime | None:
        """The first slot strictly after `after` within the trigger's bounds; None: no more."""
        if self.max_firings is not None and self.firings >= self.max_firings:
            return None
        anchor = self.anchor_at or self.start_at or after
        slot = next_slot(self.schedule, after=after, anchor=anchor)
        return None if slot is None or (self.end_at and slot >= self.end_at) else slot


def activated(trigger: Trigger, now: datetime) -> Trigger:
    """The trigger, active from `now`: a new generation whose first slot lies after `now`.

    Nothing before `now` is made up for (M06). An `at` whose instant is not after `now` has no slot
    left and is completed at once; an on-demand trigger is active without a slot.
    """
    anchor = after = now
    if trigger.start_at and trigger.start_at > now:
        anchor = trigger.start_at
        after = anchor - timedelta(microseconds=1)  # a slot exactly at start_at counts
    fresh = replace(trigger, state=TriggerState.ACTIVE, reason=None, anchor_at=anchor)
    return with_next_slot(fresh, fresh.slot_after(after))


def with_next_slot(trigger: Trigger, slot: datetime | None) -> Trigger:
    """The trigger waiting for `slot`; completed when it has a schedule and no slot is left."""
    if slot is None and trigger.schedule.kind != "on_demand":
        return replace(trigger, state=TriggerState.COMPLETED, next_slot=None)
    return replace(trigger, next_slot=slot)
