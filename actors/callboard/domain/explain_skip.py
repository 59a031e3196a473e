"""Why a slot was skipped, or will be, in a sentence."""

from __future__ import annotations

from datetime import datetime

from callboard.domain.explain_text import instant_text
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.schedule import CalendarInterval, Cron
from callboard.domain.shift import target_of
from callboard.domain.trigger import MisfirePolicyName, Trigger
from callboard.errors import InvalidInput


def skip_sentence(trigger: Trigger, at: datetime, entry: LedgerEntry) -> str:
    """The reason, with the policy and the numbers, and the stretch that the slot is part of."""
    text = _reason(trigger, at, entry)
    if entry.count > 1 and entry.until is not None:
        span = f"{instant_text(entry.slot)} to {instant_text(entry.until)}"
        text += f" It is one of {entry.count} slots in a row, {span}."
    return text


def _reason(trigger: Trigger, at: datetime, entry: LedgerEntry) -> str:
    match entry.reason:
        case SkipReason.PAUSED if entry.decision is Decision.PENDING:
            return "the trigger is paused until then."
        case SkipReason.PAUSED:
            return "the trigger was paused."
        case SkipReason.MISFIRE:
            return _misfire(trigger)
        case SkipReason.COALESCED:
            which = trigger.misfire.coalesce
            return (
                "several slots were missed together, and the misfire policy fire_once fires only "
                f"the {which} of them."
            )
        case SkipReason.CAPPED:
            return (
                "many slots were missed together, and the misfire policy fire_all fires only the "
                f"newest {trigger.misfire.cap or 'ones'} (cap)."
            )
        case SkipReason.OVERLAP:
            return _overlap(trigger)
        case SkipReason.CALENDAR:
            return _calendar(trigger, at)
        case SkipReason.DST_GAP:
            return _gap(trigger, entry)
        case SkipReason.LIMIT if trigger.workflow is not None:
            return (
                f"as many runs of the workflow {trigger.workflow!r} were live as its "
                "max_concurrent_runs allows."
            )
        case SkipReason.LIMIT:
            return "a limit was reached."
        case SkipReason.DISABLED:
            return "none of the jobs that the trigger starts was there and enabled."
        case SkipReason.NO_JOB:
            return "none of the jobs that the trigger starts was there."
        case None:
            return "no reason was recorded."


def _misfire(trigger: Trigger) -> str:
    misfire = trigger.misfire
    late = f"it was decided more than the grace of {misfire.grace_s:g} s after its time, and "
    if misfire.policy is MisfirePolicyName.SKIP or misfire.window_s is None:
        return late + "the misfire policy skip starts nothing for such slots."
    return late + f"missed slots older than the window of {misfire.window_s:g} s are skipped."


def _overlap(trigger: Trigger) -> str:
    policy, limit = trigger.overlap.policy, trigger.overlap.limit
    limited = "" if limit is None else f", limit {limit}"
    return (
        "earlier firings of the trigger were still live, and the overlap policy "
        f"({policy}{limited}) let it neither start nor wait."
    )


def _calendar(trigger: Trigger, at: datetime) -> str:
    try:
        exclusion = trigger.timetable.exclusion
        if exclusion is None or not exclusion.excludes(at):
            return "the calendars that the trigger had then left it out."
        names = [f"{rule.calendar} ({rule.mode})" for rule in exclusion.culprits(at)]
        text = f"it is left out by the calendar {' and '.join(names)}."
        target = target_of(trigger.schedule, exclusion, at)
    except InvalidInput:
        return "a calendar left it out."
    if target is not None:
        text += f" The slot was moved to {instant_text(target)}."
    return text


def _gap(trigger: Trigger, entry: LedgerEntry) -> str:
    schedule = trigger.schedule
    zone = schedule.zone if isinstance(schedule, Cron | CalendarInterval) else "the zone"
    times = "a time" if entry.count == 1 else f"{entry.count} times"
    return (
        f"the clocks in {zone} were put forward to this instant and jumped over {times} of the "
        "schedule, which does not make up for them (gap: skip)."
    )
