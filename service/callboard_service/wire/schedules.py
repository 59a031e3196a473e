"""Schedules on the wire: the document of each kind."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from callboard.domain.schedule_kind import (
    MAX_BATCH_SIZE,
    MAX_CONDITIONS,
    MAX_WINDOW_S,
    Logical,
    WatchedState,
)
from callboard_service.wire.shapes import Instant, KnownName


class CronSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="cron"
):
    """Slots at the wall times of a zone that a cron text matches."""

    expression: Annotated[str, msgspec.Meta(examples=["0 2 * * *"])]
    dialect: Literal["vixie", "quartz", "aws", "spring"] = "vixie"
    zone: str = "UTC"
    gap: Literal["run", "skip"] | None = None
    fold: Literal["first", "both"] | None = None
    hash_key: Annotated[
        str | None,
        msgspec.Meta(description="what H is hashed from; default: group and name of the trigger"),
    ] = None


class IntervalSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="interval"
):
    """Slots at a fixed rate."""

    every_s: Annotated[float, msgspec.Meta(ge=0.1)]
    anchor_at: Instant | None = None


class DelaySchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="delay"
):
    """A slot so long after the last run has ended."""

    after_s: Annotated[float, msgspec.Meta(ge=0.1)]


class CalendarIntervalSchedule(
    msgspec.Struct,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="calendar_interval",
):
    """Slots every so many months or days, at a time of day of a zone."""

    months: Annotated[int, msgspec.Meta(ge=0)] = 0
    days: Annotated[int, msgspec.Meta(ge=0)] = 0
    at_local: Annotated[str, msgspec.Meta(examples=["02:30"])] = "00:00"
    zone: str = "UTC"
    day_overflow: Annotated[
        Literal["clamp", "skip"],
        msgspec.Meta(description="where a month has no such day: its last day, or no slot"),
    ] = "clamp"
    anchor_on: Annotated[
        str | None,
        msgspec.Meta(
            description="date of the first slot; default: that of the activation",
            extra_json_schema={"format": "date"},
        ),
    ] = None
    gap: Literal["run", "skip"] | None = None
    fold: Literal["first", "both"] | None = None


class AtSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="at"
):
    """One slot."""

    at: Instant


class ConditionDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The final end of a job's run: not an attempt that another one follows by itself."""

    job: Annotated[KnownName, msgspec.Meta(description="a job of the trigger's group")]
    states: Annotated[
        list[WatchedState],
        msgspec.Meta(
            min_length=1,
            description="its newest end meets the condition in one of these states, and un-meets it"
            " in any other",
        ),
    ] = msgspec.field(default_factory=lambda: ["succeeded"])


class ConditionalSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="conditional"
):
    """A slot when its conditions are met: all since the last slot, or any one.

    Only ends after the activation count; those that are committed together make one slot.
    """

    logical: Logical = "and"
    conditions: Annotated[
        list[ConditionDocument], msgspec.Meta(min_length=1, max_length=MAX_CONDITIONS)
    ]
    only_triggered: Annotated[
        bool, msgspec.Meta(description="only runs that a trigger started, and their retries, count")
    ] = False


class OnDemandSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="on_demand"
):
    """No slots: somebody fires it."""


class EventSchedule(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="event"
):
    """A slot for every batch of events that the trigger is told of.

    A batch is due when it is full, or a while after its first event.
    """

    batch_size: Annotated[int, msgspec.Meta(ge=1, le=MAX_BATCH_SIZE)] = 1
    window_s: Annotated[
        float,
        msgspec.Meta(ge=1, le=MAX_WINDOW_S, description="from the first event of a batch on"),
    ] = MAX_WINDOW_S


SCHEDULES: Final = (
    CronSchedule,
    IntervalSchedule,
    DelaySchedule,
    CalendarIntervalSchedule,
    AtSchedule,
    OnDemandSchedule,
    ConditionalSchedule,
    EventSchedule,
)
"""The kinds of schedule, for the document of the API; `schedule_from_json` reads them."""

ScheduleDocument: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="when the slots are; `kind` says which of the forms it is",
        extra_json_schema={
            "oneOf": [{"$ref": f"#/components/schemas/{each.__name__}"} for each in SCHEDULES]
        },
    ),
]
