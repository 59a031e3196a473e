"""Slots on the wire: those of a trigger, and the preview of a cron text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from callboard.domain.describe import describe, warnings
from callboard.domain.dialect import DIALECTS
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.schedule import Cron, next_slot, schedule_from_json, slot_local, slot_marks
from callboard.domain.slot import SlotView
from callboard.domain.translate import translate, translation_notes
from callboard.errors import FieldProblem, InvalidInput
from callboard_service.wire.shapes import Moment

MOST_PREVIEWED: Final = 1000

LocalTime: TypeAlias = Annotated[
    Moment, msgspec.Meta(description="the same instant on the clocks of the trigger's zone")
]


class SlotResource(msgspec.Struct, kw_only=True):
    """A slot of a trigger, or a stretch of skipped ones."""

    slot: Moment
    local: LocalTime
    decision: Decision
    reason: SkipReason | None
    fired_at: Moment | None
    run_ids: list[int]
    marks: list[str]
    until: Annotated[Moment | None, msgspec.Meta(description="last slot of a stretch")]
    count: Annotated[int, msgspec.Meta(description="slots in the stretch")]
    starts_at: Annotated[
        Moment | None,
        msgspec.Meta(description="when its runs are due, by jitter and flexible window"),
    ]
    backfills: Annotated[list[int], msgspec.Meta(description="backfills that fired it afterwards")]
    caused_by: Annotated[
        list[int], msgspec.Meta(description="runs whose ends met the trigger's conditions")
    ]
    events: Annotated[
        int | None, msgspec.Meta(description="events of its batch; null: no event trigger's")
    ]


class PreviewedSlot(msgspec.Struct, kw_only=True):
    """A slot of a cron text."""

    slot: Moment
    local: LocalTime
    marks: list[str]


class CronPreview(msgspec.Struct, kw_only=True):
    """What a cron text means."""

    description: str
    warnings: list[str]
    slots: list[PreviewedSlot]
    gap: Annotated[Literal["run", "skip"], msgspec.Meta(description="the policy in force")]
    fold: Annotated[Literal["first", "both"], msgspec.Meta(description="the policy in force")]


class CronTranslation(msgspec.Struct, kw_only=True):
    """A cron text in another dialect, with the same slots."""

    expression: str
    dialect: str
    description: str
    notes: Annotated[list[str], msgspec.Meta(description="what the new text does not say any more")]


def translate_cron(
    expression: str, source: str, target: str, *, hash_key: str = ""
) -> CronTranslation:
    """A cron text in another dialect.

    Raises:
        InvalidInput: on `expression`, where it is wrong or its slots would change; on `source`,
            `target`.
    """
    _check_dialects(source=source, target=target)
    text = translate(expression, source, target, hash_key=hash_key)
    return CronTranslation(
        expression=text,
        dialect=target,
        # Both texts follow the clocks of any zone.
        description=describe(Cron(expression=text, dialect=target)).removesuffix(" (UTC)"),
        notes=list(translation_notes(expression, source, target, hash_key)),
    )


def _check_dialects(**dialects: str) -> None:
    known = ", ".join(DIALECTS)
    problems = [
        FieldProblem(field, f"{name[:40]!r} is not a dialect", f"use {known}")
        for field, name in dialects.items()
        if name not in DIALECTS
    ]
    if problems:
        raise InvalidInput(*problems)


def slot_resource(view: SlotView) -> SlotResource:
    """The wire form of a slot."""
    return SlotResource(
        slot=view.slot,
        local=view.local,
        decision=view.decision,
        reason=view.reason,
        fired_at=view.fired_at,
        run_ids=list(view.run_ids),
        marks=list(view.marks),
        until=view.until,
        count=view.count,
        starts_at=view.starts_at,
        backfills=list(view.backfills),
        caused_by=list(view.caused_by),
        events=view.events,
    )


def preview_cron(
    *,
    expression: str,
    dialect: str = "vixie",
    zone: str = "UTC",
    gap: str | None = None,
    fold: str | None = None,
    hash_key: str | None = None,
    after: datetime,
    count: int = 10,
) -> CronPreview:
    """The meaning of a cron text, and its first `count` slots strictly after an instant.

    Raises:
        InvalidInput: on `expression`, `dialect`, `zone`, `gap`, `fold`.
    """
    given = {
        "kind": "cron",
        "expression": expression,
        "dialect": dialect,
        "zone": zone,
        "gap": gap,
        "fold": fold,
        "hash_key": hash_key,
    }
    schedule = schedule_from_json({k: v for k, v in given.items() if v is not None})
    assert isinstance(schedule, Cron)
    assert schedule.gap is not None
    assert schedule.fold is not None
    return CronPreview(
        description=describe(schedule),
        warnings=list(warnings(schedule, after=after)),
        slots=list(_slots(schedule, after, count)),
        gap=schedule.gap,
        fold=schedule.fold,
    )


def _slots(schedule: Cron, after: datetime, count: int) -> Iterator[PreviewedSlot]:
    slot = next_slot(schedule, after=after, anchor=after)
    while slot is not None and count > 0:
        yield PreviewedSlot(
            slot=slot, local=slot_local(schedule, slot), marks=list(slot_marks(schedule, slot))
        )
        count -= 1
        slot = next_slot(schedule, after=slot, anchor=after)
