"""Which slots a backfill comes to next, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from callboard.domain.aws_text import Rate
from callboard.domain.backfill import MOST_CONCURRENT, Backfill, NewBackfill, finished
from callboard.domain.instant import instant_to_text
from callboard.domain.schedule import CalendarInterval, Cron, Interval, Schedule
from callboard.domain.schedule_slots import EPOCH
from callboard.domain.states import LIVE, RunState
from callboard.domain.timetable import MICROSECOND, Segment
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger, TriggerState
from callboard.errors import Conflict, invalid

MOST_SLOTS: Final = 1_000_000
KINDS_WITH_SLOTS: Final = frozenset({"cron", "interval", "calendar_interval", "at"})
WINDOW: Final = timedelta(days=92)


class FiringState(StrEnum):
    """How it stands with the runs that one slot started."""

    LIVE = "live"
    PARKED = "parked"
    """All that is live waits for an operator."""
    SUCCEEDED = "succeeded"
    """The last run of each chain succeeded."""
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        return self in (FiringState.SUCCEEDED, FiringState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSlots:
    """The slots behind a backfill's cursor, earliest first and without a gap."""

    slots: tuple[datetime, ...]
    is_end: bool
    """Whether the range has no slot behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillStep:
    """What is decided of a backfill at once."""

    after: Backfill
    """The backfill behind these slots."""
    slots: tuple[datetime, ...]
    """Those to fire, earliest first."""


def planned(new: NewBackfill, trigger: Trigger, now: datetime) -> Backfill:
    """The backfill that is asked for, before its first slot; completed where it has no slot.

    Raises:
        InvalidInput: on `trigger`, whose slots cannot be computed; on `from_at`, before an
            interval's activation; on `until_at`, in the future or with too many slots before it.
        Conflict: trigger_paused, where the range reaches into the open pause.
    """
    check_has_slots(trigger)
    _check_range(new, trigger, now)
    total = count_between(trigger, new.from_at, new.until_at)
    if total > MOST_SLOTS:
        at_least = "at least " if trigger.calendars else ""
        reason = f"{at_least}{total} slots lie in the range, more than {MOST_SLOTS}"
        raise invalid("until_at", reason, "divide the range")
    backfill = Backfill(
        group=trigger.group,
        trigger=trigger.name,
        trigger_id=trigger.id,
        from_at=new.from_at,
        until_at=new.until_at,
        force=new.force,
        overlap=new.overlap,
        max_concurrent=new.max_concurrent,
        cursor_at=new.from_at,
        slots_total=total,
    )
    return backfill if total else finished(replace(backfill, cursor_at=new.until_at), now)


def check_has_slots(trigger: Trigger) -> None:
    """Raises InvalidInput on `trigger` where its past slots cannot be computed."""
    schedule = trigger.schedule
    reason = None
    if schedule.kind not in KINDS_WITH_SLOTS:
        reason = f"a trigger of the kind {schedule.kind} has no slots that can be computed"
    elif isinstance(schedule, Cron) and schedule.is_reboot:
        reason = "the slots of @reboot are starts of the cluster and cannot be computed"
    elif counts_from_activation(schedule) and trigger.anchor_at is None:
        reason = "its schedule counts from its activation, and it was never active"
    if reason is not None:
        fix = "fire it, or start its jobs with the arguments that they need"
        raise invalid("trigger", reason, fix)


def counts_from_activation(schedule: Schedule) -> bool:
    """Whether slots are counted from the trigger's activation, so that none lies before it."""
    match schedule:
        case Interval(anchor_at=None) | CalendarInterval(anchor_on=None):
            return True
        case Cron():
            return isinstance(schedule.meaning, Rate)
    return False


def _check_range(new: NewBackfill, trigger: Trigger, now: datetime) -> None:
    if new.until_at > now:
        reason = f"{instant_to_text(new.until_at)} is in the future"
        raise invalid(
            "until_at", reason, "slots to come are the scheduler's: end it at the present"
        )
    anchor = trigger.anchor_at
    if counts_from_activation(trigger.schedule) and anchor is not None and new.from_at < anchor:
        reason = f"the schedule counts from the activation at {instant_to_text(anchor)}"
        fix = "begin there, or give the schedule an anchor of its own"
        raise invalid("from_at", f"{reason}: it has no slot before that", fix)
    if trigger.state is TriggerState.PAUSED:
        first = undecided_from(trigger)
        if first is not None and first < new.until_at:
            raise Conflict(
                "trigger_paused",
                f"trigger {trigger.name!r} is paused, and what becomes of its slots from"
                f" {instant_to_text(first)} on is decided when it is resumed: resume it first,"
                " or end the range there",
            )


def undecided_from(trigger: Trigger) -> datetime | None:
    """The earliest slot that waits for its decision or its time; None: there is none."""
    if trigger.state is TriggerState.ACTIVE:
        return trigger.next_slot
    if trigger.state is TriggerState.PAUSED:
        return trigger.slot_after(trigger.cursor)
    return None


def slots_from(trigger: Trigger, start: datetime, until: datetime) -> Iterator[datetime]:
    """The trigger's slots in [start, until) that its calendars leave, earliest first.

    Its own bounds are obeyed, but not max_firings, which counts its future.
    """
    for segment in _open_segments(trigger, start, until):
        yield from trigger.timetable.slots(segment)


def count_between(trigger: Trigger, start: datetime, until: datetime) -> int:
    """How many slots_from gives, found without going through them.

    Where that are more than MOST_SLOTS, it may be less than all.
    """
    total = 0
    for segment in _open_segments(trigger, start, until):
        total += trigger.timetable.count(segment)[0]
        if total > MOST_SLOTS:
            break
    return total


def _open_segments(trigger: Trigger, start: datetime, until: datetime) -> Iterator[Segment]:
    start = max(start, trigger.start_at or EPOCH, EPOCH)
    while start < until:
        # A window at a time: a timetable goes through so many stretches of a calendar, not more.
        end = min(until, start + WINDOW) if trigger.calendars else until
        for segment in trigger.timetable.segments(start, end - MICROSECOND):
            if segment.reason is None:
                yield segment
        start = end


def next_slots(backfill: Backfill, trigger: Trigger, limit: int) -> NextSlots:
    """The next slots of the backfill, at most `limit`, up to the first that is not decided yet."""
    waiting = undecided_from(trigger)
    slots: list[datetime] = []
    for slot in slots_from(trigger, backfill.cursor_at, backfill.until_at):
        if len(slots) == limit or (waiting is not None and slot >= waiting):
            return NextSlots(slots=tuple(slots), is_end=False)
        slots.append(slot)
    return NextSlots(slots=tuple(slots), is_end=True)


def room_for(backfill: Backfill, overlap: OverlapPolicy, *, own: int, of_trigger: int) -> int:
    """How many slots the backfill may fire now; it never skips one, and stops nobody.

    Args:
        own: firings of the backfill that are live and not parked.
        of_trigger: live firings of the trigger, those of the backfill included.
    """
    room = backfill.max_concurrent - own
    if backfill.overlap == "trigger":
        room = min(room, _left_by(overlap, of_trigger))
    return max(room, 0)


def _left_by(overlap: OverlapPolicy, live: int) -> int:
    if overlap.policy is not OverlapPolicyName.ALLOW:
        return 1 - live
    return MOST_CONCURRENT if overlap.limit is None else overlap.limit - live


def decided(
    backfill: Backfill, ahead: NextSlots, fired_before: Collection[datetime], room: int
) -> BackfillStep:
    """Pass over what fired before, fire what there is room for, and stand behind the last slot."""
    fired: list[datetime] = []
    skipped, cursor_at = 0, backfill.cursor_at
    for slot in ahead.slots:
        if slot in fired_before and not backfill.force:
            skipped += 1
        elif len(fired) < room:
            fired.append(slot)
        else:
            break
        cursor_at = slot + MICROSECOND
    else:
        cursor_at = backfill.until_at if ahead.is_end else cursor_at
    after = replace(
        backfill,
        cursor_at=min(cursor_at, backfill.until_at),
        fired=backfill.fired + len(fired),
        skipped=backfill.skipped + skipped,
    )
    return BackfillStep(after=after, slots=tuple(fired))


def firing_state(chains: Sequence[Mapping[int, RunState]]) -> FiringState:
    """How it stands with a firing.

    Args:
        chains: for each of its chains the states of its runs, by run id, ascending. A chain
            without runs (its history is pruned) has failed: nobody knows that it succeeded.
    """
    live = [state for chain in chains for state in chain.values() if state in LIVE]
    if live:
        is_parked = all(state is RunState.PARKED for state in live)
        return FiringState.PARKED if is_parked else FiringState.LIVE
    lasts = [chain[max(chain)] if chain else None for chain in chains]
    all_well = all(last is RunState.SUCCEEDED for last in lasts)
    return FiringState.SUCCEEDED if all_well else FiringState.FAILED
