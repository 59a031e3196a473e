"""The run's transition table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.states import (
    ENDED,
    LIVE,
    TRANSITIONS,
    IllegalTransition,
    RunEvent,
    RunState,
    advance,
    may_become,
    to_mermaid,
)

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def test_every_state_is_in_the_table():
    assert set(TRANSITIONS) == set(RunState)


def test_every_event_is_used():
    assert {event for events in TRANSITIONS.values() for event in events} == set(RunEvent)


def test_ended_runs_can_only_be_abandoned():
    for state in ENDED:
        assert set(TRANSITIONS[state]) <= {RunEvent.ABANDON}


def test_every_live_state_leads_to_an_end():
    for state in LIVE:
        seen, todo = {state}, [state]
        while todo:
            for after in TRANSITIONS[todo.pop()].values():
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        assert seen & ENDED


def test_an_illegal_event_names_state_and_event():
    with pytest.raises(IllegalTransition, match="cannot claim a run that is succeeded"):
        advance(RunState.SUCCEEDED, RunEvent.CLAIM)


@given(st.lists(st.sampled_from(RunEvent), max_size=30))
def test_no_sequence_of_events_leaves_the_table(events: list[RunEvent]):
    state = RunState.QUEUED
    for event in events:
        try:
            after = advance(state, event)
        except IllegalTransition:
            continue
        assert may_become(state, after)
        state = after
    assert state in RunState


def test_the_diagram_in_architecture_is_the_table():
    found = re.search(r"```mermaid\n(stateDiagram-v2.*?)\n```", ARCHITECTURE.read_text(), re.DOTALL)
    assert found is not None
    assert found.group(1) == to_mermaid()
