"""What the memory store's own copies of runs are: what `replace` would make, in no other field."""

from dataclasses import fields, replace
from typing import Any

import pytest

from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard.store.memory_copy import as_running, with_end
from support.cycles import make_fresh
from support.factories import after, make_end, make_job, make_node, make_run

JOB = replace(make_job(), id=7)
FULL: dict[str, Any] = {
    "trigger": "hourly",
    "trigger_id": 3,
    "slot": after(1),
    "state": RunState.RUNNING,
    "attempt": 2,
    "previous_run_id": 4,
    "chain_id": 4,
    "arguments": {"a": 1},
    "result": [1],
    "error": RunError(type="E", message="m"),
    "progress": {"p": 1},
    "node": "n",
    "epoch": 5,
    "crashes": 6,
    "unique_key": "k",
    "stop_mode": StopMode.KILL,
    "stop_grace_s": 1.5,
    "due_at": after(2),
    "started_at": after(3),
    "ended_at": after(4),
    "terms": RunTerms(priority=7),
}


@pytest.fixture
def full() -> Run:
    """A run no two fields of which are alike."""
    return make_run(9, JOB, **FULL)


def test_the_full_run_leaves_no_field_at_its_default(full: Run) -> None:
    assert {field.name for field in fields(Run)} - FULL.keys() == {
        *("id", "job", "group", "job_id", "trace_id", "created_at")
    }


def test_a_new_run_is_queued_now() -> None:
    fresh = make_fresh(9, JOB, arguments={"a": 1})
    at = after(60)
    assert fresh.created(at) == make_run(9, JOB, arguments={"a": 1}, created_at=at, due_at=at)


def test_a_new_run_is_due_when_it_is_said() -> None:
    fresh = make_fresh(9, JOB, due_at=after(99))
    assert fresh.created(after(60)).due_at == after(99)


def test_a_claimed_run_has_a_node(full: Run) -> None:
    node = make_node("other", epoch=77)
    expected = replace(full, node="other", epoch=77, started_at=after(60), ended_at=None)
    assert as_running(replace(full, state=RunState.QUEUED), node, after(60)) == expected


def test_an_ended_run_has_its_end(full: Run) -> None:
    error = RunError(type="F", message="n")
    end = make_end(full, RunState.FAILED, result=8, error=error, ended_at=after(60))
    expected = replace(full, state=RunState.FAILED, result=8, error=error, ended_at=after(60))
    assert with_end(full, end) == expected
