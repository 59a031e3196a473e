"""From a due trigger to its decisions: which slots fire, which are skipped, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Final

from callboard.domain.amend import amended
from callboard.domain.event_batches import batch_entries, behind_batches, paused_batch
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.missed import ALL_FIRE, Verdict, missed_until, verdicts
from callboard.domain.restart import deferred
from callboard.domain.schedule import Delay
from callboard.domain.timetable import MICROSECOND, Segment, Timetable
from callboard.domain.trigger import Coalesce, Trigger, TriggerState, with_next_slot
from callboard.errors import BugError

MOST_PER_PLAN: Final = 1000
"""Entries of one plan at the most; what is left is due at once and planned next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """The decisions for a due trigger, to be stored all together or not at all."""

    before: Trigger
    """The trigger as it was read; it must be unchanged when the plan is stored."""
    after: Trigger
    """The trigger moved on to its next slot."""
    entries: tuple[LedgerEntry, ...]
    """In the order of their slots; run ids are filled in when the runs are created."""


def is_due(trigger: Trigger, now: datetime) -> bool:
    """Whether a slot of the trigger, or the end of its pause, waits for its decision."""
    return trigger.wake_at is not None and trigger.wake_at <= now


def plan_slots(trigger: Trigger, now: datetime) -> SlotPlan:
    """Decide every slot of `trigger` from its cursor up to `now`, that included.

    What calendars left out, what a gap of the clocks swallowed and what lies in a timed pause that
    is over becomes one range entry a stretch. Of the others, a slot at most `grace_s` late fires;
    older ones are missed, and the misfire policy decides them together: one run, or none, or all
    up to the cap, the rest one range entry a stretch. Where there are more than MOST_PER_PLAN
    entries, the rest stays due for the next plan.

    Raises:
        BugError: when nothing is due.
        InvalidInput: when its schedule or a calendar cannot be understood any more.
    """
    if not is_due(trigger, now):
        raise BugError(f"trigger {trigger.id} is not due at {now}")
    plan = plan_on_time(trigger)
    return plan if plan is not None and is_on_time(plan, now) else plan_any(trigger, now)


def plan_on_time(trigger: Trigger) -> SlotPlan | None:
    """The plan that fires the next slot of an active trigger and decides nothing else.

    It does not depend on the present, so it can be made before that: `plan_slots` gives the very
    same as long as `is_on_time`. None where more has to be looked at: calendars, gaps of the clocks
    that swallow slots, a next slot that is none any more (D04).

    Raises:
        InvalidInput: as `plan_slots`.
    """
    slot = trigger.next_slot
    if slot is None or trigger.state is not TriggerState.ACTIVE:
        return None
    if trigger.anchor_at is None or trigger.calendars:
        return None
    table = trigger.timetable
    if table.loses_slots or table.next_open(trigger.cursor) != slot:
        return None
    entry = fired_entry(trigger, slot)
    after = _moved_on(trigger, [entry], slot, slot)
    return SlotPlan(before=trigger, after=after, entries=(entry,))


def is_on_time(plan: SlotPlan, now: datetime) -> bool:
    """Whether a plan that was made by `plan_on_time` is the one for `now`.

    Its slot has come and is not missed, and the slot behind it has not come.
    """
    slot, following = plan.entries[0].slot, plan.after.next_slot
    if following is not None and following <= now:
        return False
    return missed_until(plan.before.misfire, now) < slot <= now


def plan_any(trigger: Trigger, now: datetime) -> SlotPlan:
    """The plan for a trigger that is due, worked out from all that may have happened."""
    if trigger.state is TriggerState.PAUSED and trigger.resume_at is not None:
        skipped = pause_entries(trigger, trigger.resume_at - MICROSECOND)
        # Who paused it may have waited so long that slots behind the end were decided by then.
        low = max(trigger.resume_at, trigger.cursor + MICROSECOND)
        return planned(trigger, chain(skipped, decisions(trigger, low, now)), now)
    return planned(trigger, decisions(trigger, trigger.cursor + MICROSECOND, now), now)


def planned(
    trigger: Trigger,
    entries: Iterable[LedgerEntry],
    now: datetime,
    *,
    decided: datetime | None = None,
) -> SlotPlan:
    """The plan of these decisions, cut at its limits, and the trigger, active, behind them.

    Args:
        decided: up to where all slots are decided, that included; None: up to `now`.
    """
    kept = _within_limit(trigger, islice(entries, MOST_PER_PLAN))
    after = _moved_on(trigger, kept, now, decided or now)
    return SlotPlan(before=trigger, after=after, entries=tuple(kept))


def decisions(trigger: Trigger, low: datetime, now: datetime) -> Iterator[LedgerEntry]:
    """What becomes of the slots in [low, now], in their order."""
    if trigger.schedule.kind == "event":
        yield from batch_entries(trigger, low, now)
        return
    table = trigger.timetable
    segments = list(table.segments(low, now))
    steps = [ALL_FIRE]
    if trigger.next_slot is None or trigger.next_slot <= missed_until(trigger.misfire, now):
        steps = verdicts(trigger.misfire, table, segments, now)
    if len(segments) > MOST_PER_PLAN and trigger.misfire.coalesce is Coalesce.EARLIEST:
        segments = _merged(table, segments, steps, missed_until(trigger.misfire, now))
    for segment in segments:
        if segment.reason is not None:
            yield from stretch_entries(trigger, table, segment)
        else:
            yield from _judged(trigger, table, segment, steps)


def pause_entries(trigger: Trigger, high: datetime) -> Iterator[LedgerEntry]:
    """The entry, if it has any slot, of a paused stretch: from the cursor up to `high`."""
    if trigger.schedule.kind == "event":
        yield from paused_batch(trigger, high)
        return
    table, low = trigger.timetable, trigger.cursor + MICROSECOND
    if low <= high:
        yield from stretch_entries(trigger, table, table.whole(low, high, SkipReason.PAUSED))


def fired_entry(trigger: Trigger, slot: datetime) -> LedgerEntry:
    """The entry of a slot that fires."""
    return LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=slot,
        decision=Decision.FIRED,
    )


def stretch_entries(trigger: Trigger, table: Timetable, segment: Segment) -> Iterator[LedgerEntry]:
    """The entry of a segment that does not fire; none where it has no slot."""
    count, first, last = table.count(segment)
    if first is not None:
        yield LedgerEntry(
            trigger_id=trigger.id,
            generation=trigger.generation,
            slot=first,
            decision=Decision.SKIPPED,
            reason=segment.reason,
            until=last if last != first else None,
            count=count,
        )


def _judged(
    trigger: Trigger, table: Timetable, segment: Segment, steps: Sequence[Verdict]
) -> Iterator[LedgerEntry]:
    low = segment.low
    for step in steps:
        high = min(segment.high, step.until)
        if low > high:
            continue
        part = segment.clipped(low, high)
        low = high + MICROSECOND
        if step.reason is not None:
            yield from stretch_entries(trigger, table, replace(part, reason=step.reason))
            continue
        for slot in table.slots(part):
            yield fired_entry(trigger, slot)


def _merged(
    table: Timetable, segments: list[Segment], steps: Sequence[Verdict], missed: datetime
) -> list[Segment]:
    """Fewer segments: those behind the one missed slot that fires, up to `missed`, as one.

    Otherwise a plan could end behind that slot, and the next one would fire another.
    """
    fires = next((step.until for step in steps if step.reason is None), missed)
    if fires >= missed:
        return segments
    head = [each.clipped(each.low, fires) for each in segments if each.low <= fires]
    if len(head) > MOST_PER_PLAN // 2:
        return head[: MOST_PER_PLAN // 2]
    tail = table.whole(fires + MICROSECOND, missed, SkipReason.COALESCED)
    late = [each.clipped(missed + MICROSECOND, each.high) for each in segments]
    return [*head, tail, *(each for each in late if each.low <= each.high)]


def _within_limit(trigger: Trigger, entries: Iterator[LedgerEntry]) -> list[LedgerEntry]:
    """The entries up to the trigger's last firing; behind it there are no slots any more."""
    if trigger.max_firings is None:
        return list(entries)
    kept: list[LedgerEntry] = []
    left = trigger.max_firings - trigger.firings
    for entry in entries:
        kept.append(entry)
        left -= entry.decision is Decision.FIRED
        if left <= 0:
            break
    return kept


def _moved_on(
    trigger: Trigger, entries: list[LedgerEntry], now: datetime, decided: datetime
) -> Trigger:
    fired = sum(entry.decision is Decision.FIRED for entry in entries)
    last = (entries[-1].until or entries[-1].slot) if entries else None
    moved = amended(
        trigger,
        state=TriggerState.ACTIVE,
        resume_at=None,
        firings=trigger.firings + fired,
        last_slot=last or trigger.last_slot,
        # Without an entry the schedule moved under the stored slot (new zone data, D04).
        # What was decided stays so, also where `now` is older: its transaction had to wait.
        next_slot=trigger.slot_after(max(last or decided, trigger.cursor)),
    )
    if moved.schedule.kind == "event" and not moved.is_spent:
        return behind_batches(moved, entries, now)
    if entries and not fired and isinstance(trigger.schedule, Delay):
        return deferred(moved, now)
    return with_next_slot(moved, None) if moved.next_slot is None or moved.is_spent else moved
