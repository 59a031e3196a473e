"""A trigger: when, and with which arguments, jobs are started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from callboard.domain.amend import amended
from callboard.domain.annotations import check_annotations, label_problems
from callboard.domain.calendar_rule import CalendarRule, Shift
from callboard.domain.deadlines import Deadlines
from callboard.domain.exclusion import exclusion_of
from callboard.domain.gathered import Gathered
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import seconds_problem
from callboard.domain.json import JsonObject, check_json_object, check_size
from callboard.domain.names import (
    DEFAULT_GROUP,
    name_problem,
    wide_name_problem,
    wide_name_problems,
)
from callboard.domain.schedule import Conditional, Cron, Schedule, waits_without_slot
from callboard.domain.secret_reference import reference_problems
from callboard.domain.shift import MAX_SLOTS_A_DAY, most_slots_a_day
from callboard.domain.timetable import MICROSECOND, SEARCH, Timetable
from callboard.errors import FieldProblem, InvalidInput, invalid

MAX_ACTIONS: Final = 100
MAX_CALENDARS: Final = 20
MAX_SPREAD_S: Final = 7 * 86_400.0
"""Of jitter and of the flexible window: a week."""
MAX_OVERLAP_LIMIT: Final = 10_000


class TriggerState(StrEnum):
    """Whether a trigger fires."""

    INACTIVE = "inactive"
    """Stored, not scheduled."""
    ACTIVE = "active"
    PAUSED = "paused"
    """Its slots are skipped, or decided when it is resumed."""
    COMPLETED = "completed"
    """No slot is left."""
    PARKED = "parked"
    """It cannot be understood any more (its zone is gone, say), or its calendars leave it no slot:
    an operator decides."""


class MisfirePolicyName(StrEnum):
    """What becomes of slots that passed while nobody could decide them."""

    SKIP = "skip"
    FIRE_ONCE = "fire_once"
    FIRE_ALL = "fire_all"


class Coalesce(StrEnum):
    """Which of the missed slots fires when only one does."""

    EARLIEST = "earliest"
    LATEST = "latest"


class OnMissing(StrEnum):
    """What becomes of a trigger whose jobs are not there."""

    REFUSE = "refuse"
    """It is not stored, and they are not deleted meanwhile."""
    SKIP = "skip"
    """What it would start of them is skipped."""


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
    terms: GivenTerms | None = None


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
    """The answer to a firing that comes while earlier firings of the trigger are live."""

    policy: OverlapPolicyName = OverlapPolicyName.ALLOW
    limit: int | None = None
    """allow: so many firings may be live; None: any number. buffer: so many may wait; None: 1000.
    The others have none."""

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        if self.limit is None:
            return
        if self.policy not in (OverlapPolicyName.ALLOW, OverlapPolicyName.BUFFER):
            yield FieldProblem(
                f"{prefix}.limit", f"{self.policy} has no limit", "null, or use allow or buffer"
            )
        elif not 1 <= self.limit <= MAX_OVERLAP_LIMIT:
            yield FieldProblem(f"{prefix}.limit", f"is outside 1 to {MAX_OVERLAP_LIMIT}")


_USUAL_MISFIRE: Final = MisfirePolicy()
_USUAL_OVERLAP: Final = OverlapPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A definition, and, once stored, its identity, version and place in time."""

    name: str
    group: str = DEFAULT_GROUP
    schedule: Schedule
    actions: tuple[Action, ...]
    description: str = ""
    misfire: MisfirePolicy = _USUAL_MISFIRE
    overlap: OverlapPolicy = _USUAL_OVERLAP
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
    deadlines: Deadlines | None = None
    on_missing: OnMissing = OnMissing.REFUSE
    workflow: str | None = None
    """The workflow of its group that it belongs to, for good; None: it stands alone."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: JsonObject = field(default_factory=dict)
    """What a door or a client keeps with it; the board does not read it."""
    state: TriggerState = TriggerState.ACTIVE
    reason: str | None = None
    """Why it is parked."""
    next_slot: datetime | None = None
    """The next slot to decide; None when nothing is to come, and in a pause.

    The slots that calendars leave out are passed over and decided with the next one that is to
    fire; only where none is left to fire it is the last one left out."""
    last_slot: datetime | None = None
    """The last slot that was decided: nothing up to it is decided again."""
    resume_at: datetime | None = None
    """End of a timed pause."""
    gathered: Gathered | None = None
    """Events that an event trigger was told since its last slot; None: none, or other kinds."""
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
        # Most have none, and no arguments: a few calls less for each trigger that is read.
        if self.annotations or type(self.annotations) is not dict:
            check_annotations(self.annotations)
        for index, action in enumerate(self.actions):
            if action.arguments or type(action.arguments) is not dict:
                _check_arguments(action.arguments, f"actions[{index}].arguments")
        schedule = self.schedule
        if isinstance(schedule, Cron) and "H" in schedule.expression.upper():
            object.__setattr__(self, "schedule", self._hashed(schedule))

    def _hashed(self, schedule: Cron) -> Cron:
        """The schedule with a hash key, where it needs one and has none."""
        if schedule.hash_key or not schedule.uses_hash:
            return schedule
        return replace(schedule, hash_key=f"{self.group}/{self.name}")

    def _problems(self) -> Iterator[FieldProblem]:
        yield from wide_name_problems(name=self.name, group=self.group)
        if self.workflow is not None:
            yield from wide_name_problems(workflow=self.workflow)
        if self.labels:
            yield from label_problems(self.labels)
        if not 1 <= len(self.actions) <= MAX_ACTIONS:
            yield FieldProblem(
                "actions", f"has {len(self.actions)} entries, not 1 to {MAX_ACTIONS}"
            )
        for index, action in enumerate(self.actions):
            problem = wide_name_problem(action.job, f"actions[{index}].job")
            if problem is not None:
                yield problem
        if self.misfire is not _USUAL_MISFIRE:
            yield from self.misfire.problems("misfire")
        if self.overlap is not _USUAL_OVERLAP:
            yield from self.overlap.problems("overlap")
        if self.jitter_s or self.flexible_window_s:
            yield from self._spread_problems()
        yield from self._calendar_problems()
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            yield FieldProblem("end_at", "is not later than start_at")
        if self.deadlines is not None:
            yield from self.deadlines.problems("deadlines")
        if self.max_firings is not None and not 1 <= self.max_firings < 2**53:
            yield FieldProblem("max_firings", "is outside 1 to 2^53 - 1", "null: no limit")
        if len(self.description) > 10_000:
            yield FieldProblem("description", "is longer than 10000 characters")

    def _spread_problems(self) -> Iterator[FieldProblem]:
        for where, spread_s in (
            ("jitter_s", self.jitter_s),
            ("flexible_window_s", self.flexible_window_s),
        ):
            yield from seconds_problem(spread_s, where, zero=True, maximum=MAX_SPREAD_S)

    def _calendar_problems(self) -> Iterator[FieldProblem]:
        if not self.calendars:
            return
        if self.schedule.kind == "conditional":
            reason = "conditional triggers obey none: their slots are when their jobs end"
            yield FieldProblem("calendars", reason, "leave it out")
        if self.schedule.kind == "event":
            reason = "event triggers obey none: their slots are when they are told of events"
            yield FieldProblem("calendars", reason, "leave it out")
        if len(self.calendars) > MAX_CALENDARS:
            yield FieldProblem("calendars", f"has more than {MAX_CALENDARS} entries")
        seen: set[str] = set()
        for index, rule in enumerate(self.calendars):
            problem = name_problem(rule.calendar, f"calendars[{index}].calendar")
            if problem is not None:
                yield problem
            if rule.calendar in seen:
                where = f"calendars[{index}].calendar"
                yield FieldProblem(where, f"{rule.calendar!r} is named twice", "name it once")
            seen.add(rule.calendar)
            if rule.shift is not Shift.SKIP and most_slots_a_day(self.schedule) > MAX_SLOTS_A_DAY:
                reason = f"only schedules with at most {MAX_SLOTS_A_DAY} slots a day can be shifted"
                yield FieldProblem(f"calendars[{index}].shift", reason, "use skip")

    @property
    def watched(self) -> tuple[str, ...]:
        """The jobs for whose ends it waits."""
        return self.schedule.jobs if isinstance(self.schedule, Conditional) else ()

    @property
    def needs_its_jobs(self) -> bool:
        """Whether the jobs that it names have to be there, and cannot be deleted."""
        return self.on_missing is OnMissing.REFUSE

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

    @property
    def opening(self) -> datetime:
        """The instant behind which its present definition has slots."""
        if self.anchor_at is None:
            # Never activated: nothing before the slot that it was given is promised.
            first = self.next_slot or datetime.min.replace(tzinfo=UTC) + MICROSECOND
            return first - MICROSECOND
        if self.anchor_at == self.start_at or _has_slot_at_anchor(self.schedule):
            return self.anchor_at - MICROSECOND  # a slot exactly at start_at counts
        return self.anchor_at

    @property
    def cursor(self) -> datetime:
        """The instant up to which, that included, every slot is decided."""
        opening, last = self.opening, self.last_slot
        return opening if last is None or last < opening else last

    @property
    def timetable(self) -> Timetable:
        """What its schedule, bounds and calendars promise.

        Raises:
            InvalidInput: on `calendars[i]...`, for one that is unknown or whose zone is gone.
        """
        return self._timetable(self.anchor_at or self.start_at or self.cursor)

    @property
    def is_spent(self) -> bool:
        """Whether it has fired as often as it may."""
        return self.max_firings is not None and self.firings >= self.max_firings

    def slot_after(self, after: datetime) -> datetime | None:
        """The first slot strictly after `after` that is to fire; None: no more.

        Within the trigger's bounds, and left by its calendars. It is looked for no further than
        SEARCH beyond `after` where there are calendars.
        """
        if self.is_spent:
            return None
        return self._timetable(self.anchor_at or self.start_at or after).next_open(after)

    def _timetable(self, anchor: datetime) -> Timetable:
        return Timetable(
            schedule=self.schedule,
            anchor=anchor,
            end_at=self.end_at,
            exclusion=exclusion_of(self.calendars) if self.calendars else None,
        )


def _check_arguments(arguments: JsonObject, place: str) -> None:
    """Raise InvalidInput for arguments of an action that cannot be stored."""
    check_json_object(arguments, place)
    check_size(arguments, place)
    wrong = tuple(reference_problems(arguments, place))
    if wrong:
        raise InvalidInput(*wrong)


def activated(trigger: Trigger, now: datetime) -> Trigger:
    """The trigger, active from `now`: a new generation whose first slot is not before `now`.

    Nothing before `now` is made up for (M06). An `at` whose instant is not after `now` has no slot
    left and is completed at once; an on-demand trigger is active without a slot; `@reboot` has its
    slot at the activation itself.

    Raises:
        InvalidInput: on `calendars`, when they leave none of its slots.
    """
    start = trigger.start_at
    fresh = amended(
        trigger,
        state=TriggerState.ACTIVE,
        reason=None,
        next_slot=None,
        resume_at=None,
        gathered=None,
        anchor_at=start if start is not None and start >= now else now,
    )
    slot = fresh.slot_after(fresh.cursor)
    ready = with_next_slot(fresh, slot)
    if slot is None and ready.state is not TriggerState.COMPLETED and _has_slots(fresh):
        reason = f"leave none of the trigger's slots within {SEARCH.days // 365} years"
        raise invalid("calendars", reason, "it would never fire")
    return ready


def _has_slots(trigger: Trigger) -> bool:
    """Whether its schedule alone has any."""
    if waits_without_slot(trigger.schedule):
        return False
    return replace(trigger, calendars=()).slot_after(trigger.cursor) is not None


def with_next_slot(trigger: Trigger, slot: datetime | None) -> Trigger:
    """The trigger waiting for `slot`, which is to fire; None: no slot that is to fire is left.

    Without one it is completed, unless

    - its schedule waits for something else than an instant (`waits_without_slot`);
    - its calendars leave out, or the clocks lose, slots that are still to come: it waits for the
      last of them, so that all get their entries;
    - they leave out everything for as far as anybody looks: it is parked.
    """
    if slot is not None:
        return amended(trigger, next_slot=slot)
    if not trigger.is_spent:
        last, goes_on = trigger.timetable.final(trigger.cursor)
        if goes_on and not waits_without_slot(trigger.schedule):
            return left_without_slots(trigger)
        if last is not None:
            return amended(trigger, next_slot=last)
    if waits_without_slot(trigger.schedule) and not trigger.is_spent:
        return amended(trigger, next_slot=None)
    return amended(trigger, state=TriggerState.COMPLETED, next_slot=None)


def left_without_slots(trigger: Trigger) -> Trigger:
    """The trigger, parked, as its calendars leave it nothing."""
    reason = f"its calendars leave it no slot within {SEARCH.days // 365} years"
    return amended(trigger, state=TriggerState.PARKED, next_slot=None, reason=reason)


def _has_slot_at_anchor(schedule: Schedule) -> bool:
    return isinstance(schedule, Cron) and "@" in schedule.expression and schedule.is_reboot
