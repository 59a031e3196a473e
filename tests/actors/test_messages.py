"""Messages are plain values: frozen, without anything that could not cross a wire."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from callboard import (
    adopter,
    backfiller,
    commands,
    evaluator,
    events,
    executor,
    heart,
    leader,
    notifier,
    pulse,
    registrar,
    rescuer,
    scheduler,
    stream,
    timekeeper,
)
from callboard.domain.backfill import NewBackfill
from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.schedule import Cron
from callboard.domain.trigger import Action, Trigger
from callboard.domain.webhook import Webhook
from callboard.runtime import Command

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JSON_NAMES = {"Json": Json, "Mapping": Mapping, "Sequence": Sequence}
"""What the recursive alias `Json` speaks of."""
ATOMS: dict[Any, Any] = {
    str: "text",
    int: 1,
    float: 1.5,
    bool: True,
    bytes: b"bytes",
    datetime: NOW,
    timedelta: timedelta(seconds=1),
}
MESSAGES = [
    *typing.get_args(commands.Change),
    *typing.get_args(commands.Read),
    adopter._Beat,
    backfiller._Beat,
    evaluator._Beat,
    evaluator._Hurry,
    executor.Drain,
    executor._Look,
    executor._Go,
    executor._Flush,
    leader._Beat,
    notifier._Beat,
    notifier._Due,
    notifier._Ends,
    registrar._Beat,
    rescuer._Beat,
    scheduler._Tick,
    stream.Subscribe,
    timekeeper._Look,
]
FACTS = [
    events.Committed,
    events.RunsAssigned,
    events.AssignmentUnsure,
    events.WaitLimited,
    events.Hinted,
]
TOLD = [*FACTS, heart.Stopped, pulse.Failing, pulse.GivenUp, pulse.Renewed]
"""What is told of commits, and what the heart tells; nobody answers it."""


def sample(kind: Any) -> Any:
    """A value of an annotated type; KeyError for a type that is not plain."""
    if kind in ATOMS:
        return ATOMS[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return sample(args[0])
    if origin is tuple:
        return tuple(sample(arg) for arg in args if arg is not ...)
    if origin is frozenset:
        return frozenset({sample(args[0])})
    if origin is Mapping or origin is dict:
        return {} if "Json" in str(args) else {sample(args[0]): sample(args[1])}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    return sample_dataclass(kind)


def sample_dataclass(kind: Any) -> Any:
    if kind is Job:
        return kind(name="j", kind="python", spec={"handler": "a:b"}, created_at=NOW)
    if kind is Calendar:
        return kind(name="c", definition={"kind": "dates", "zone": "UTC", "dates": ["2026-12-25"]})
    if kind is Trigger:
        return kind(name="t", schedule=Cron(expression="0 2 * * *"), actions=(Action(job="j"),))
    if kind is Webhook:
        return kind(name="w", url="https://example.org/")
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)[0]
    if kind is NewBackfill:
        return kind(trigger="t", from_at=NOW, until_at=NOW + timedelta(days=1))
    if hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind, localns=JSON_NAMES)
        return kind(*(sample(hints[name]) for name in kind._fields))
    if not dataclasses.is_dataclass(kind):
        raise KeyError(kind)
    hints = typing.get_type_hints(kind, localns=JSON_NAMES)
    given = {
        field.name: sample(hints[field.name])
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return kind(**given)


def to_plain(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case frozenset():
            return sorted(value)
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    raise TypeError(type(value))


@pytest.mark.parametrize("kind", [*MESSAGES, *TOLD], ids=lambda kind: kind.__qualname__)
def test_a_message_is_a_frozen_value_that_can_be_serialised(kind: Any):
    assert dataclasses.is_dataclass(kind)
    message = sample_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    wire = orjson.dumps(message, default=to_plain)
    assert orjson.loads(wire).keys() == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__qualname__)
def test_a_message_to_be_answered_names_its_reply(kind: Any):
    if not kind.__name__.startswith("_"):
        assert issubclass(kind, Command)
