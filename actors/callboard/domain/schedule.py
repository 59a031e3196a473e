"""Schedules: when a trigger's slots are. The names that the rest of Callboard uses."""

from callboard.domain.schedule_json import (
    patched_schedule,
    schedule_from_json,
    schedule_to_json,
)
from callboard.domain.schedule_kind import (
    At,
    CalendarInterval,
    Cron,
    DayOverflow,
    Delay,
    Fold,
    Gap,
    Interval,
    OnDemand,
    Schedule,
    waits_without_slot,
)
from callboard.domain.schedule_make import (
    after,
    at,
    calendar_interval,
    cron,
    every,
    on_demand,
)
from callboard.domain.schedule_slots import (
    count_slots,
    gap_losses,
    is_slot,
    next_slot,
    nominal_local,
    slot_local,
    slot_marks,
    slots_between,
)

__all__ = [
    "At",
    "CalendarInterval",
    "Cron",
    "DayOverflow",
    "Delay",
    "Fold",
    "Gap",
    "Interval",
    "OnDemand",
    "Schedule",
    "after",
    "at",
    "calendar_interval",
    "count_slots",
    "cron",
    "every",
    "gap_losses",
    "is_slot",
    "next_slot",
    "nominal_local",
    "on_demand",
    "patched_schedule",
    "schedule_from_json",
    "schedule_to_json",
    "slot_local",
    "slot_marks",
    "slots_between",
    "waits_without_slot",
]
