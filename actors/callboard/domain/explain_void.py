"""Why an instant is no slot, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from callboard.domain.explain_text import instant_text
from callboard.domain.schedule import CalendarInterval, Cron, slot_marks, waits_without_slot
from callboard.domain.schedule_slots import instant_seconds
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.zone import zone
from callboard.domain.zone_span import span_at
from callboard.errors import InvalidInput


def void_sentence(
    trigger: Trigger,
    at: datetime,
    now: datetime,
    previous: datetime | None,
    following: datetime | None,
) -> str:
    """Why there is no slot at `at`, and where the nearest ones are."""
    text = f"Not a slot: {_reason(trigger, at, now)}"
    if previous is not None:
        text += f" The slot before is {instant_text(previous)}."
    if following is not None:
        text += f" The next one is {instant_text(following)}."
    return text


def _reason(trigger: Trigger, at: datetime, now: datetime) -> str:
    if trigger.created_at is not None and at < trigger.created_at:
        return f"the trigger was created later, at {instant_text(trigger.created_at)}."
    if trigger.start_at is not None and at < trigger.start_at:
        return f"the trigger starts at {instant_text(trigger.start_at)}."
    if trigger.end_at is not None and at >= trigger.end_at:
        return f"the trigger ends at {instant_text(trigger.end_at)}, that excluded."
    if trigger.anchor_at is not None and at < trigger.anchor_at and not _is_event(trigger):
        return (
            "its present definition counts from its activation at "
            f"{instant_text(trigger.anchor_at)}, and an earlier one had no slot there."
        )
    return _by_state(trigger, at) or _by_schedule(trigger, at)


def _by_state(trigger: Trigger, at: datetime) -> str | None:
    if at <= trigger.cursor:
        return None
    match trigger.state:
        case TriggerState.INACTIVE:
            return "the trigger is not active."
        case TriggerState.COMPLETED if trigger.is_spent:
            return f"the trigger is completed: it has fired {trigger.firings} times, its limit."
        case TriggerState.COMPLETED:
            return "the trigger is completed: it has no slot any more."
        case TriggerState.PARKED:
            return f"the trigger is parked: {trigger.reason or 'it cannot be understood'}."
        case TriggerState.PAUSED if trigger.resume_at is None:
            return "the trigger is paused until somebody resumes it."
        case _:
            return None


def _by_schedule(trigger: Trigger, at: datetime) -> str:
    if trigger.schedule.kind == "on_demand":
        return "the trigger fires only when somebody asks for it."
    if trigger.schedule.kind == "conditional" and trigger.workflow is not None:
        return f"it has no slots: it fires within the runs of the workflow {trigger.workflow!r}."
    if trigger.schedule.kind == "conditional":
        return "its slots are the instants at which its conditions are met."
    if trigger.schedule.kind == "event":
        return "its slots come when it is told of events, so later ones are not known yet."
    if trigger.schedule.kind == "delay":
        return "its slots come a while after the end of its runs, so later ones are not known yet."
    if _is_event(trigger):
        return "its slots are its activation and the starts of the cluster."
    try:
        if trigger.timetable.is_slot(at):
            return _no_entry(trigger, at)
    except InvalidInput as error:
        return f"its schedule cannot be understood any more: {error}."
    return _lost_nearby(trigger, at) or "the schedule has none at that instant."


def _no_entry(trigger: Trigger, at: datetime) -> str:
    if at <= trigger.cursor:
        return (
            "the present schedule has one there, but the ledger has no entry: another definition "
            "was in force then, or the history was pruned."
        )
    return "the trigger will have fired as often as it may before."


def _lost_nearby(trigger: Trigger, at: datetime) -> str | None:
    """Said of days on which the clocks jump over a time of the schedule."""
    schedule = trigger.schedule
    if not isinstance(schedule, Cron | CalendarInterval):
        return None
    local = at.astimezone(zone(schedule.zone))
    midnight = datetime(local.year, local.month, local.day, tzinfo=UTC)
    begin = instant_seconds(midnight) - 15 * 3600
    span = span_at(schedule.zone, begin)
    while span.end_s < begin + 54 * 3600:
        span = span_at(schedule.zone, span.end_s)
        end = datetime.fromtimestamp(span.start_s, UTC)
        if span.has_gap and end.astimezone(zone(schedule.zone)).date() == local.date():
            return _lost(trigger, end, span.lost_from % 86_400, span.first_wall % 86_400)
    return None


def _lost(trigger: Trigger, end: datetime, lost_from: int, first: int) -> str | None:
    table, schedule = trigger.timetable, trigger.schedule
    assert isinstance(schedule, Cron | CalendarInterval)
    made_up = table.is_slot(end) and "dst_gap" in slot_marks(schedule, end)
    if not made_up and not table.lost_at(end):
        return None
    local = end.astimezone(zone(schedule.zone))
    gap = f"{_clock(lost_from)} to {_clock(first)} does not exist on {local:%Y-%m-%d}"
    what = f"its slot is {instant_text(end)}" if made_up else "what was due in it is skipped"
    return f"{gap} in {schedule.zone}, where the clocks jump over it; {what}."


def _clock(second_of_day: int) -> str:
    return f"{second_of_day // 3600:02}:{second_of_day % 3600 // 60:02}"


def _is_event(trigger: Trigger) -> bool:
    schedule = trigger.schedule
    return waits_without_slot(schedule) and schedule.kind == "cron"
