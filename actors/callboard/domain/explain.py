"""Why a trigger did, will or did not fire at an instant: one answer for any instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callboard.domain.explain_skip import skip_sentence
from callboard.domain.explain_text import instant_text, length_text, listed_ids
from callboard.domain.explain_void import void_sentence
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.outlook import outlook, pending_slots
from callboard.domain.schedule import slot_local
from callboard.domain.schedule_slots import END, EPOCH
from callboard.domain.slot import SlotView, view_entry
from callboard.domain.timetable import MICROSECOND, SEARCH
from callboard.domain.trigger import OverlapPolicyName, Trigger
from callboard.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to: what about this instant?"""

    at: datetime
    """The instant that was asked about."""
    sentence: str
    """The answer in English."""
    decision: Decision | None = None
    """None: the instant is not a slot."""
    reason: SkipReason | None = None
    slot: datetime | None = None
    """The slot, or the first of the stretch that the instant lies in."""
    until: datetime | None = None
    """The last slot of that stretch."""
    count: int = 1
    local: datetime | None = None
    """The instant on the clocks of the trigger's zone; None: the zone is gone."""
    fired_at: datetime | None = None
    late_s: float | None = None
    """How long after its slot it fired."""
    run_ids: tuple[int, ...] = ()
    starts_at: datetime | None = None
    marks: tuple[str, ...] = ()
    backfills: tuple[int, ...] = ()
    """Those that fired the slot afterwards."""
    caused_by: tuple[int, ...] = ()
    """Runs whose ends met the trigger's conditions."""
    previous_slot: datetime | None = None
    """The last slot of the present schedule before the instant, fired or not."""
    next_slot: datetime | None = None
    """The first slot after the instant that is to fire, as scheduled now."""


def explain_slot(
    trigger: Trigger,
    at: datetime,
    entries: Sequence[LedgerEntry],
    now: datetime,
    *,
    backfills: tuple[int, ...] = (),
    backfilled: LedgerEntry | None = None,
) -> Explanation:
    """What became of the instant `at`, or will, or why it is no slot.

    Args:
        entries: those of the ledger whose slot or stretch touches the instant (read with
            since=at, until=at + 1 microsecond), of any generation.
        backfills: those that fired the slot afterwards.
        backfilled: what they did, as an entry; it counts where the ledger has none.
    """
    if not is_within_years(at):
        return Explanation(at=at, sentence="Not a slot: slots lie in the years 1970 to 2200.")
    entry = _entry_at(trigger, at, entries) or backfilled or _coming_at(trigger, at, now)
    around = _around(trigger, at)
    if entry is None:
        return Explanation(
            at=at,
            local=_local(trigger, at),
            sentence=void_sentence(trigger, at, now, *around),
            previous_slot=around[0],
            next_slot=around[1],
        )
    view = view_entry(trigger, entry)
    fired_at = view.fired_at
    if entry is backfilled:
        sentence = _backfilled(entry, backfills)
    else:
        sentence = _sentence(trigger, at, entry, view, now, backfills)
    return Explanation(
        at=at,
        sentence=sentence,
        decision=entry.decision,
        reason=entry.reason,
        slot=entry.slot,
        until=entry.until,
        count=entry.count,
        local=_local(trigger, at),
        fired_at=fired_at,
        late_s=None if fired_at is None else (fired_at - entry.slot).total_seconds(),
        run_ids=entry.run_ids,
        starts_at=view.starts_at,
        marks=view.marks,
        backfills=backfills,
        caused_by=entry.caused_by,
        previous_slot=around[0],
        next_slot=around[1],
    )


def is_within_years(at: datetime) -> bool:
    """Whether the instant lies in the years in which there are slots."""
    return EPOCH <= at < END


def _entry_at(trigger: Trigger, at: datetime, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """The entry that decided a slot at the instant, the latest generation's first."""
    touching = [each for each in entries if each.slot <= at <= (each.until or each.slot)]
    for entry in sorted(touching, key=lambda each: each.generation, reverse=True):
        is_end = at in (entry.slot, entry.until)
        # What an earlier definition promised within a stretch, nobody can tell any more.
        if is_end or entry.generation != trigger.generation or _is_point(trigger, at):
            return entry
    return None


def _coming_at(trigger: Trigger, at: datetime, now: datetime) -> LedgerEntry | None:
    """The entry as it would be now, when the instant is an undecided slot."""
    try:
        # What is certain is told whole, up to now; of the future, the instant alone.
        ahead = outlook(trigger, now=now, since=at, until=max(at, now) + MICROSECOND)
        found = next(ahead, None)
    except InvalidInput:
        return None
    if found is None or not found.slot <= at:
        return None
    return found if at in (found.slot, found.until) or _is_point(trigger, at) else None


def _is_point(trigger: Trigger, at: datetime) -> bool:
    try:
        table = trigger.timetable
        return table.is_slot(at) or table.lost_at(at) > 0 or table.is_moved(at)
    except InvalidInput:
        return True  # nobody can tell any more


def _local(trigger: Trigger, at: datetime) -> datetime | None:
    try:
        return slot_local(trigger.schedule, at)
    except InvalidInput:
        return None


def _around(trigger: Trigger, at: datetime) -> tuple[datetime | None, datetime | None]:
    try:
        first = trigger.opening + MICROSECOND
        previous = trigger.timetable.last_before(at, first) if first < at else None
        since = max(at, trigger.cursor) + MICROSECOND
        later = pending_slots(trigger, since=since, until=min(since, END - SEARCH) + SEARCH)
        return previous, next(later, None)
    except InvalidInput:
        return None, None


def _sentence(
    trigger: Trigger,
    at: datetime,
    entry: LedgerEntry,
    view: SlotView,
    now: datetime,
    backfills: tuple[int, ...],
) -> str:
    text = _body(trigger, at, entry, view, now)
    if entry.caused_by:
        plural = "s" if len(entry.caused_by) > 1 else ""
        text += f" Its conditions were met by the end of run{plural} {listed_ids(entry.caused_by)}."
    if entry.events is not None:
        text += f" Its batch has {entry.events} event{'s' if entry.events != 1 else ''}."
    if backfills:
        text += f" It was run afterwards by {_named(backfills)}."
    return text


def _backfilled(entry: LedgerEntry, backfills: tuple[int, ...]) -> str:
    return f"Fired by {_named(backfills)}{_starting(entry)}{_late(entry)}."


def _named(backfills: tuple[int, ...]) -> str:
    return f"backfill{'s' if len(backfills) > 1 else ''} {listed_ids(backfills)}"


def _starting(entry: LedgerEntry) -> str:
    plural = "s" if len(entry.run_ids) > 1 else ""
    return f", starting run{plural} {listed_ids(entry.run_ids)}" if entry.run_ids else ""


def _late(entry: LedgerEntry) -> str:
    if entry.decided_at is None:
        return ""
    return f", {length_text(entry.decided_at - entry.slot)} after its time"


def _body(trigger: Trigger, at: datetime, entry: LedgerEntry, view: SlotView, now: datetime) -> str:
    match entry.decision:
        case Decision.FIRED:
            return _fired(trigger, entry, view)
        case Decision.SKIPPED:
            return f"Skipped: {skip_sentence(trigger, at, entry)}"
        case Decision.PENDING if entry.reason is not None:
            return f"Not yet; it will be skipped: {skip_sentence(trigger, at, entry)}"
        case Decision.PENDING:
            return _pending(trigger, entry, view, now)


def _fired(trigger: Trigger, entry: LedgerEntry, view: SlotView) -> str:
    text = f"Fired{_starting(entry)}{_late(entry)}."
    policy, grace_s = trigger.misfire.policy, trigger.misfire.grace_s
    if entry.decided_at and entry.decided_at - entry.slot > timedelta(seconds=grace_s):
        text += f" That is more than the grace of {grace_s:g} s: {policy} made up for it."
    return text + _spread(entry, view) + _moved(trigger, view)


def _pending(trigger: Trigger, entry: LedgerEntry, view: SlotView, now: datetime) -> str:
    wait = entry.slot - now
    if wait > timedelta():
        text = f"Not yet: it is to fire in {length_text(wait)}, at {instant_text(entry.slot)}."
    else:
        text = f"Not decided yet, though its time came {length_text(-wait)} ago."
        if -wait > timedelta(seconds=trigger.misfire.grace_s):
            policy = trigger.misfire.policy
            text += f" That is more than the grace: the misfire policy {policy} will decide it."
    return text + _spread(entry, view) + _moved(trigger, view) + _overlap(trigger)


def _spread(entry: LedgerEntry, view: SlotView) -> str:
    start = view.starts_at
    earliest = max(filter(None, (entry.slot, entry.decided_at)))
    if start is None or start <= earliest:
        return ""
    return f" Jitter and flexible window put the start of its runs at {instant_text(start)}."


def _moved(trigger: Trigger, view: SlotView) -> str:
    if "calendar" in view.marks:
        return " A calendar moved the slot here from another day."
    if "dst_gap" in view.marks:
        return " It stands for the time that the clocks jumped over just before."
    return ""


_HOLDS = {
    OverlapPolicyName.SKIP: "it will be skipped",
    OverlapPolicyName.BUFFER_ONE: "it will wait for its end, unless another one waits already",
    OverlapPolicyName.BUFFER: "it will wait for its end, as long as there is room",
    OverlapPolicyName.CANCEL_OLD: "that one will be asked to stop, and this one wait for its end",
    OverlapPolicyName.KILL_OLD: "that one will be killed first",
}


def _overlap(trigger: Trigger) -> str:
    policy = trigger.overlap.policy
    if policy in _HOLDS:
        return f" If an earlier firing is live then, {_HOLDS[policy]} (overlap policy {policy})."
    if trigger.overlap.limit is not None:
        limit = trigger.overlap.limit
        return f" If {limit} earlier firings are live then, it will be skipped (overlap limit)."
    return ""
