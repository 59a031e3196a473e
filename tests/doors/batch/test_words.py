"""The tables of words: nothing of Callboard's is without a word of Spring's."""

from __future__ import annotations

import pytest

from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_step import EXECUTING, LOST, StepState
from callboard.domain.batch_value import ParameterType
from callboard.domain.states import RunState
from callboard_service.doors.batch.words import (
    CLASSES,
    INSTANCE_STATUSES,
    STATUSES,
    STEP_STATUSES,
    exit_code,
    states_of_status,
    status_of_word,
    step_exit_code,
    type_of_class,
)

BATCH_STATUS = {
    "COMPLETED",
    "STARTING",
    "STARTED",
    "STOPPING",
    "STOPPED",
    "FAILED",
    "ABANDONED",
    "UNKNOWN",
}


def test_every_state_has_a_batch_status():
    assert set(STATUSES) == set(RunState)
    assert set(STEP_STATUSES) == set(StepState)
    assert set(INSTANCE_STATUSES) == set(InstanceState)
    assert set(STATUSES.values()) == BATCH_STATUS
    assert {*STEP_STATUSES.values(), *INSTANCE_STATUSES.values()} <= BATCH_STATUS
    for state in (*RunState, *InstanceState):
        assert status_of_word(state.value) in BATCH_STATUS


@pytest.mark.parametrize(
    ("status", "states"),
    [
        ("STARTING", {"queued"}),
        ("STARTED", {"running"}),
        ("STOPPING", {"stopping"}),
        ("COMPLETED", {"succeeded"}),
        ("STOPPED", {"stopped"}),
        ("FAILED", {"failed", "timed_out"}),
        ("ABANDONED", {"abandoned"}),
        ("UNKNOWN", {"lost", "parked"}),
    ],
)
def test_a_status_is_that_of_its_states(status: str, states: set[str]):
    assert {state.value for state in states_of_status(status)} == states


def test_every_status_finds_its_states():
    assert {state for status in BATCH_STATUS for state in states_of_status(status)} == set(RunState)
    assert states_of_status("DONE") == ()


@pytest.mark.parametrize("kind", list(ParameterType))
def test_every_type_has_a_class_which_means_it(kind: ParameterType):
    assert type_of_class(CLASSES[kind]) is kind
    assert type_of_class(kind.value) is kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("java.util.Date", ParameterType.DATETIME),
        ("java.time.LocalDateTime", ParameterType.DATETIME),
        ("java.lang.Integer", ParameterType.INTEGER),
        ("java.lang.Object", None),
        ("com.example.Date", None),
        ("b.csv", None),
        (5, None),
    ],
)
def test_classes_of_java_are_known_by_their_full_names(name: object, kind: ParameterType | None):
    assert type_of_class(name) is kind


def test_exit_codes_are_springs_unless_they_are_the_users():
    assert exit_code(RunState.QUEUED, None) == "UNKNOWN"
    assert exit_code(RunState.RUNNING, EXECUTING) == "UNKNOWN"
    assert exit_code(RunState.SUCCEEDED, "COMPLETED WITH SKIPS") == "COMPLETED WITH SKIPS"
    assert exit_code(RunState.TIMED_OUT, None) == "FAILED"
    assert step_exit_code(StepState.RUNNING, EXECUTING) == "EXECUTING"
    assert step_exit_code(StepState.FAILED, LOST) == "UNKNOWN"
