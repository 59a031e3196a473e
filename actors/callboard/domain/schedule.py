"""Schedules: when a trigger's slots are. The names that the rest of Callboard uses."""

from callboard.domain.schedule_json import (
    patched_schedule,
    schedule_from_json,
    schedule_to_json,
)
from callboard.domain.schedule_kind import (
    At,
    Cron,
    Fold,
    Gap,
    Interval,
    OnDemand,
    Schedule,
    at,
    cron,
    every,
    on_demand,
)
from callboard.domain.schedule_slots import (
    count_slots,
    next_slot,
    nominal_local,
    slot_local,
    slot_marks,
    slots_between,
)

__all__ = [
    "At",
    "Cron",
    "Fold",
    "Gap",
    "Interval",
    "OnDemand",
    "Schedule",
    "at",
    "count_slots",
    "cron",
    "every",
    "next_slot",
    "nominal_local",
    "on_demand",
    "patched_schedule",
    "schedule_from_json",
    "schedule_to_json",
    "slot_local",
    "slot_marks",
    "slots_between",
]
