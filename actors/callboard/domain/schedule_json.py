"""Schedules as JSON: the form in which they are stored and spoken of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, TypeAlias, cast

from callboard.domain.instant import instant_from_text, instant_to_text
from callboard.domain.json import Json
from callboard.domain.schedule_kind import (
    MAX_CONDITIONS,
    At,
    CalendarInterval,
    Condition,
    Conditional,
    Cron,
    Delay,
    Event,
    Interval,
    OnDemand,
    Schedule,
    WatchedState,
)
from callboard.domain.zone import zone
from callboard.errors import FieldProblem, InvalidInput, invalid

MAX_STATES: Final = 10
"""Of a condition; more than there are."""

_Read: TypeAlias = Callable[[object, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A kind of schedule: how to make it, and how to read each of its fields."""

    make: Callable[..., Schedule]
    required: Mapping[str, _Read] = field(default_factory=dict)
    optional: Mapping[str, _Read] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, _Read]:
        return {**self.required, **self.optional}


def schedule_to_json(schedule: Schedule) -> dict[str, Json]:
    """The schedule as a JSON object; `schedule_from_json` gives the same schedule back."""
    match schedule:
        case Cron():
            body: dict[str, Json] = {
                "expression": schedule.expression,
                "dialect": schedule.dialect,
                "zone": schedule.zone,
                "gap": schedule.gap,
                "fold": schedule.fold,
            }
            if schedule.hash_key:
                body["hash_key"] = schedule.hash_key
        case Interval():
            anchor = schedule.anchor_at
            body = {
                "every_s": schedule.every_s,
                "anchor_at": None if anchor is None else instant_to_text(anchor),
            }
        case Delay():
            body = {"after_s": schedule.after_s}
        case CalendarInterval():
            on = schedule.anchor_on
            body = {
                "months": schedule.months,
                "days": schedule.days,
                "at_local": schedule.at_local,
                "zone": schedule.zone,
                "day_overflow": schedule.day_overflow,
                "anchor_on": None if on is None else on.isoformat(),
                "gap": schedule.gap,
                "fold": schedule.fold,
            }
        case At():
            body = {"at": instant_to_text(schedule.at)}
        case Conditional():
            conditions = [
                {"job": each.job, "states": list(each.states)} for each in schedule.conditions
            ]
            body = {"logical": schedule.logical, "conditions": conditions}
            if schedule.only_triggered:
                body["only_triggered"] = True
        case Event():
            body = {"batch_size": schedule.batch_size, "window_s": schedule.window_s}
        case OnDemand():
            body = {}
    return {"kind": schedule.kind, **body}


def schedule_from_json(document: object, *, stored: bool = False) -> Schedule:
    """The schedule that a JSON object describes.

    Args:
        stored: it was checked once and comes back from the store; the zone may be gone since, and
            `next_slot` will say so (D05).
    Raises:
        InvalidInput: everything that is wrong, by field (`kind`, `expression`, `every_s` ...).
    """
    body = _object(document)
    shape = _shape_of(body.get("kind"), stored)
    problems = [*_unknown_fields(body, shape)]
    values = {}
    for name, read in shape.fields.items():
        try:
            if body.get(name) is not None:
                values[name] = read(body[name], name)
            elif name in shape.required:
                problems.append(FieldProblem(name, "is missing"))
        except InvalidInput as error:
            problems.extend(error.problems)
    if values.keys() >= shape.required.keys():
        try:
            schedule = shape.make(**values)
        except InvalidInput as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInput(*problems)
    return schedule


def patched_schedule(schedule: Schedule, patch: object) -> Schedule:
    """The schedule after a JSON merge patch (null: back to the default).

    A patch with another `kind` starts afresh. A changed expression whose old `gap` and `fold` were
    its defaults gets the new expression's defaults.

    Raises:
        InvalidInput: as `schedule_from_json`.
    """
    if not isinstance(patch, Mapping) or patch.get("kind", schedule.kind) != schedule.kind:
        return schedule_from_json(patch)
    base = schedule_to_json(schedule)
    if isinstance(schedule, Cron):
        plain = Cron(expression=schedule.expression, dialect=schedule.dialect)
        base |= {"gap": None} if schedule.gap == plain.gap else {}
        base |= {"fold": None} if schedule.fold == plain.fold else {}
    merged = {**base, **patch}
    return schedule_from_json({key: value for key, value in merged.items() if value is not None})


def _object(document: object) -> Mapping[str, object]:
    if isinstance(document, Mapping):
        return document
    reason = f"is a {type(document).__name__}, not an object"
    raise invalid("", reason, 'write {"kind": "cron", "expression": "0 2 * * *"}')


def _shape_of(kind: object, stored: bool) -> _Shape:
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        reason = "is missing" if kind is None else f"{kind!r:.40} is not a kind of schedule"
        raise invalid("kind", reason, f"use one of {', '.join(_SHAPES)}")
    if stored and "zone" in shape.optional:
        return replace(shape, optional={**shape.optional, "zone": _text})
    return shape


def _unknown_fields(body: Mapping[str, object], shape: _Shape) -> Iterator[FieldProblem]:
    allowed = ", ".join(("kind", *shape.fields))
    for name in body:
        if name == "kind" or name in shape.fields:
            continue
        yield FieldProblem(
            str(name)[:80],
            f"schedules of kind {body['kind']} have no such field",
            f"they have {allowed}",
        )


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    raise invalid(name, f"is a {type(value).__name__}, not a string")


def _zone_name(value: object, name: str) -> str:
    text = _text(value, name)
    zone(text)
    return text


def _as_it_is(value: object, name: str) -> object:
    return value


def _date(value: object, name: str) -> date:
    text, fix = _text(value, name), "write it like 2026-01-31"
    if _DATE.fullmatch(text) is None:
        raise invalid(name, f"{text[:40]!a} is not a date", fix)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid(name, f"{text!r} is not a date: {error}", fix) from None


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(name, f"is a {type(value).__name__}, not true or false")
    return value


def _conditions(value: object, name: str) -> tuple[Condition, ...]:
    fix = 'write [{"job": "load", "states": ["succeeded"]}]'
    if not isinstance(value, list | tuple):
        raise invalid(name, f"is a {type(value).__name__}, not a list", fix)
    if len(value) > MAX_CONDITIONS:
        raise invalid(name, f"has {len(value)} entries, not 1 to {MAX_CONDITIONS}")
    found, problems = list[Condition](), list[FieldProblem]()
    for place, each in enumerate(value):
        try:
            found.append(_condition(each, f"{name}[{place}]", fix))
        except InvalidInput as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInput(*problems)
    return tuple(found)


def _condition(value: object, where: str, fix: str) -> Condition:
    if not isinstance(value, Mapping):
        raise invalid(where, f"is a {type(value).__name__}, not an object", fix)
    unknown = [key for key in value if key not in ("job", "states")]
    if unknown:
        reason = "conditions have no such field"
        raise invalid(f"{where}.{unknown[0]!s:.80}", reason, "they have job, states")
    if value.get("job") is None:
        raise invalid(f"{where}.job", "is missing", "name a job of the trigger's group")
    job = _text(value["job"], f"{where}.job")
    if value.get("states") is None:
        return Condition(job=job)
    return Condition(job=job, states=_states(value["states"], f"{where}.states"))


def _states(value: object, where: str) -> tuple[WatchedState, ...]:
    if not isinstance(value, list | tuple):
        raise invalid(where, f"is a {type(value).__name__}, not a list", 'write ["succeeded"]')
    if len(value) > MAX_STATES:
        raise invalid(where, f"has {len(value)} entries, not 1 to {MAX_STATES}")
    # Which of them there are is checked with the rest.
    return tuple(cast(WatchedState, _text(each, where)) for each in value)


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCKS: Final[Mapping[str, _Read]] = {"zone": _zone_name, "gap": _text, "fold": _text}
_SHAPES: Final[Mapping[str, _Shape]] = {
    "cron": _Shape(
        make=Cron,
        required={"expression": _text},
        optional={"dialect": _text, **_CLOCKS, "hash_key": _text},
    ),
    "interval": _Shape(
        make=Interval, required={"every_s": _as_it_is}, optional={"anchor_at": instant_from_text}
    ),
    "delay": _Shape(make=Delay, required={"after_s": _as_it_is}),
    "at": _Shape(make=At, required={"at": instant_from_text}),
    "calendar_interval": _Shape(
        make=CalendarInterval,
        required={"at_local": _text},
        optional={
            "months": _as_it_is,
            "days": _as_it_is,
            "day_overflow": _text,
            "anchor_on": _date,
            **_CLOCKS,
        },
    ),
    "on_demand": _Shape(make=OnDemand),
    "conditional": _Shape(
        make=Conditional,
        required={"conditions": _conditions},
        optional={"logical": _text, "only_triggered": _flag},
    ),
    "event": _Shape(make=Event, optional={"batch_size": _as_it_is, "window_s": _as_it_is}),
}
