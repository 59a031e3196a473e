"""What may be asked for when a run is created."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import MISSING, FrozenInstanceError, asdict, fields, replace
from datetime import datetime
from inspect import signature
from typing import Any

import pytest

from callboard.domain.run import NewRun, Run, RunError, StopMode, make_run, merge_arguments
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from support.factories import NOW, after


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"arguments": {"a": {1, 2}}}, "arguments.a"),
        ({"arguments": {"a": {"b": "\x00"}}}, "arguments.a.b"),
        ({"arguments": [1]}, "arguments"),
        ({"unique_key": ""}, "unique_key"),
        ({"unique_key": "k" * 256}, "unique_key"),
        ({"due_at": datetime(2026, 1, 1)}, "due_at"),  # noqa: DTZ001 - that is the point
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as caught:
        NewRun(job="j", **fields)
    assert caught.value.problems[0].field == field


def test_a_new_run_is_a_frozen_value_like_others():
    new = NewRun(job="j", arguments={"a": 1}, attempt=2)
    assert new == NewRun(job="j", arguments={"a": 1}, attempt=2) != NewRun(job="j")
    assert replace(new, attempt=3, due_at=NOW).arguments == {"a": 1}
    assert repr(new).startswith("NewRun(job='j', group='default', arguments={'a': 1}, due_at=None")
    with pytest.raises(FrozenInstanceError):
        new.attempt = 3  # type: ignore[misc]


def test_a_new_run_takes_every_field_with_its_default():
    given = signature(NewRun).parameters
    assert list(given) == [field.name for field in fields(NewRun)]
    for each in fields(NewRun):
        if each.default is not MISSING:
            assert given[each.name].default == each.default


EVERY_FIELD: dict[str, Any] = {
    "id": 7,
    "job": "load",
    "group": "shop",
    "job_id": 3,
    "trigger": "nightly",
    "trigger_id": 5,
    "slot": NOW,
    "state": RunState.FAILED,
    "attempt": 2,
    "previous_run_id": 6,
    "chain_id": 6,
    "arguments": {"a": 1},
    "result": [1],
    "error": RunError(type="ValueError", message="bad"),
    "progress": 0.5,
    "node": "a1",
    "epoch": 9,
    "crashes": 1,
    "unique_key": "k",
    "stop_mode": StopMode.KILL,
    "stop_grace_s": 1.5,
    "trace_id": "ab" * 16,
    "created_at": NOW,
    "due_at": after(1),
    "started_at": after(2),
    "ended_at": after(3),
}


def test_a_run_made_fast_is_the_run():
    fast, slow = make_run(**EVERY_FIELD), Run(**EVERY_FIELD)
    assert type(fast) is Run
    assert (fast, repr(fast), asdict(fast)) == (slow, repr(slow), asdict(slow))


def test_a_run_made_fast_takes_its_fields_in_their_order():
    assert list(signature(make_run).parameters) == [field.name for field in fields(Run)]
    assert make_run(*EVERY_FIELD.values()) == Run(**EVERY_FIELD)


def test_a_run_made_fast_is_frozen():
    run = make_run(**EVERY_FIELD)
    with pytest.raises(FrozenInstanceError):
        run.state = RunState.QUEUED  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        run.other = 1  # type: ignore[attr-defined]


def test_a_run_made_fast_can_be_replaced_and_copied():
    run = make_run(**EVERY_FIELD)
    assert replace(run, state=RunState.QUEUED) == Run(**{**EVERY_FIELD, "state": RunState.QUEUED})
    assert deepcopy(run) == run


def test_runs_of_equal_hashable_fields_have_equal_hashes():
    hashable = {**EVERY_FIELD, "arguments": (), "result": None}
    assert hash(make_run(**hashable)) == hash(Run(**hashable))


def test_given_arguments_lie_over_the_defaults():
    assert merge_arguments({"a": 1, "b": 1}, {"b": 2, "c": 2}) == {"a": 1, "b": 2, "c": 2}
