"""The checker of storms finds what is wrong: a sound storm passes, each planted fault is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard import Action, Job, RunState, Trigger, every
from callboard.domain.backfill import Backfill, BackfillState
from support.chaos_promises import (
    Witness,
    faults_of_backfills,
    faults_of_firings,
    faults_of_once,
    faults_of_storm,
)
from support.executions import Execution, executions_of, token_of
from support.history import Asked, EventFact, History, RunFact, SlotFact
from support.slot_promises import BackfilledFact

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 10**9
SECOND_NS = 10**9
S = RunState
PLAIN, LOST, ASKED = 101, 102, 1
A, B = 11, 12
"""Process ids of the nodes a and b."""


def ns(seconds: float) -> int:
    return NOON_NS + int(seconds * SECOND_NS)


def executed(run_id: int, pid: int, begun: float, ended: float | None) -> Execution:
    ended_ns = None if ended is None else ns(ended)
    return Execution(run_id=run_id, pid=pid, begun_ns=ns(begun), ended_ns=ended_ns)


def run(run_id: int, pid: int, begun: float, **changes: Any) -> RunFact:
    values: dict[str, Any] = {
        "id": run_id,
        "job": "work",
        "state": S.SUCCEEDED,
        "attempt": 1,
        "previous_run_id": None,
        "chain_id": run_id,
        "trigger_id": None,
        "slot": None,
        "arguments": "{}",
        "crashes": 0,
        "node": {A: "a", B: "b"}[pid],
        "ended_at": NOON,
        "result": f'"{token_of(pid, ns(begun))}"',
        **changes,
    }
    return RunFact(**values)


def events(*steps: tuple[float, int, RunState, str | None]) -> list[EventFact]:
    return [
        EventFact(
            seq=seq,
            type="run",
            run_id=run_id,
            state=state,
            node=node,
            at=NOON + timedelta(seconds=at),
        )
        for seq, (at, run_id, state, node) in enumerate(steps, start=1)
    ]


def sound() -> tuple[History, Witness]:
    """A run, and one whose first node stood still for longer than its lease."""
    history = History(
        jobs={
            "work": Job(name="work", kind="python", spec={"handler": "m:f"}, max_concurrent_runs=2)
        },
        triggers=[],
        runs={PLAIN: run(PLAIN, A, 1.1), LOST: run(LOST, B, 7, crashes=1)},
        slots=[],
        events=events(
            (0, PLAIN, S.QUEUED, None),
            (0, LOST, S.QUEUED, None),
            (0.9, PLAIN, S.RUNNING, "a"),
            (0.9, LOST, S.RUNNING, "a"),
            (2, PLAIN, S.SUCCEEDED, "a"),
            (6, LOST, S.LOST, None),
            (6, LOST, S.QUEUED, None),
            (6.9, LOST, S.RUNNING, "b"),
            (9, LOST, S.SUCCEEDED, "b"),
        ),
    )
    witness = Witness(
        executions=[
            executed(PLAIN, A, 1.1, 2),
            executed(LOST, A, 1, 8.1),
            executed(LOST, B, 7, 9),
        ],
        names={A: "a", B: "b"},
        pauses=[(A, ns(1.5), ns(8))],
    )
    return history, witness


Storm = tuple[History, Witness]


def found(history: History, witness: Witness) -> list[str]:
    asked = Asked(jobs={ASKED: "work"}, acknowledged={ASKED: PLAIN})
    return faults_of_storm(history, witness, asked, cancelled=frozenset({"work"}), crash_budget=3)


def with_run(storm: Storm, run_id: int, **changes: Any) -> Storm:
    history, witness = storm
    changed = replace(history.runs[run_id], **changes)
    return replace(history, runs={**history.runs, run_id: changed}), witness


def with_execution(storm: Storm, execution: Execution) -> Storm:
    history, witness = storm
    every = sorted([*witness.executions, execution], key=lambda each: each.begun_ns)
    return history, replace(witness, executions=every)


def with_events(storm: Storm, *steps: tuple[float, int, RunState, str | None]) -> Storm:
    history, witness = storm
    return replace(history, events=[*history.events, *events(*steps)]), witness


PLANTED: dict[str, tuple[Callable[[Storm], Storm], str]] = {
    "somebody executed what another one had claimed": (
        lambda s: with_execution(s, executed(PLAIN, B, 1.2, 1.3)),
        "run 101 was executed 1 times on b, which claimed it 0 x",
    ),
    "somebody executed twice what was claimed once": (
        lambda s: with_execution(s, executed(PLAIN, A, 2.1, 2.2)),
        "run 101 was executed 2 times on a, which claimed it 1 x",
    ),
    "who had lost the run wrote its end, under another one's name": (
        lambda s: with_run(s, LOST, result=f'"{token_of(A, ns(1))}"'),
        "run 102 of b was ended by a",
    ),
    "who had lost the run wrote its end, under his own name": (
        lambda s: with_run(s, LOST, result=f'"{token_of(A, ns(1))}"', node="a"),
        "then claimed by",
    ),
    "the end is that of another run's execution": (
        lambda s: with_run(s, PLAIN, result=f'"{token_of(B, ns(7))}"'),
        "run 101 has the end of",
    ),
    "an error names an execution that is not there": (
        lambda s: with_run(s, PLAIN, result=None, message=f"always: {token_of(A, ns(4))}"),
        "run 101 has the end of",
    ),
    "a node that could have known worked on": (
        lambda s: (s[0], replace(s[1], pauses=())),
        "run 102 was executed twice for 1.10 s",
    ),
    "a node worked on long after it woke up": (
        lambda s: (s[0], replace(s[1], pauses=[(A, ns(1.5), ns(7.2))])),
        "run 102 was executed twice for 0.90 s",
    ),
    "what was acknowledged was not executed": (
        lambda s: (s[0], replace(s[1], executions=s[1].executions[1:])),
        "run 101 was acknowledged and never executed",
    ),
    "a job has more runs at once than it may": (
        lambda s: with_events(
            s,
            (9, 103, S.RUNNING, "a"),
            (9, PLAIN, S.RUNNING, "a"),
            (9, LOST, S.RUNNING, "a"),
        ),
        "work has the runs [101, 102, 103] at once",
    ),
    "a crash is not counted": (
        lambda s: with_run(s, LOST, crashes=0),
        "run 102 counts 0 crashes, its events 1",
    ),
    "a run is tried again beyond its budget": (
        lambda s: with_run(s, LOST, crashes=5),
        "run 102 crashed 5 times",
    ),
    "a run is parked before its budget is spent": (
        lambda s: with_events(s, (9, LOST, S.PARKED, None)),
        "run 102 was parked after 1 crashes",
    ),
}


def test_a_sound_storm_has_no_faults() -> None:
    assert found(*sound()) == []


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_found(what: str) -> None:
    plant, words = PLANTED[what]
    history, witness = sound()
    more = {103: run(103, A, 9, result=None)} if "at once" in words else {}
    history = replace(history, runs={**history.runs, **more})
    said = found(*plant((history, witness)))
    assert any(words in fault for fault in said), said


def test_an_execution_overlaps_with_that_of_a_dead_process_up_to_its_death() -> None:
    history, witness = sound()
    first, second, third = witness.executions
    dead = replace(
        witness, executions=[first, replace(second, ended_ns=None), third], deaths={A: ns(6.5)}
    )
    assert found(history, dead) == []


def test_lines_of_executions_are_paired_from_the_end() -> None:
    lines = ["+ 7 11 100", "+ 7 11 300", "- 7 11 400", "+ 8 11 350", "- 7 12 500"]
    assert list(executions_of(lines)) == [
        Execution(run_id=7, pid=11, begun_ns=300, ended_ns=400),
        Execution(run_id=7, pid=11, begun_ns=100),
        Execution(run_id=8, pid=11, begun_ns=350),
    ]


FIRED = SlotFact(
    trigger_id=7,
    slot=NOON,
    until=None,
    count=1,
    decision="fired",
    reason=None,
    run_ids=(PLAIN,),
)
TRIGGER = Trigger(
    id=7,
    name="each",
    schedule=every(seconds=1),
    actions=(Action(job="work"),),
    firings=1,
    updated_at=NOON + timedelta(seconds=1),
)
BACKFILLED = BackfilledFact(trigger_id=7, slot=NOON, backfill_id=1, run_ids=(PLAIN,))
BACKFILL = Backfill(
    id=1,
    group="default",
    trigger="each",
    trigger_id=7,
    from_at=NOON,
    until_at=NOON + timedelta(seconds=3),
    state=BackfillState.COMPLETED,
    cursor_at=NOON + timedelta(seconds=3),
    slots_total=3,
    fired=1,
    skipped=2,
    succeeded=1,
)


def told() -> History:
    return replace(sound()[0], triggers=[TRIGGER], slots=[FIRED])


def test_firings_are_counted_again() -> None:
    history = told()
    assert list(faults_of_firings(history, ["each"])) == []
    history = replace(history, triggers=[replace(TRIGGER, firings=2)])
    assert list(faults_of_firings(history, ["each"])) == ["each counts 2 firings, its ledger 1"]


def test_a_slot_that_comes_once_is_decided_once_when_it_has_come() -> None:
    history = told()
    assert list(faults_of_once(history, {"each": NOON})) == []
    twice = replace(history, slots=[FIRED, FIRED])
    assert len(list(faults_of_once(twice, {"each": NOON}))) == 1
    assert len(list(faults_of_once(replace(history, slots=[]), {"each": NOON}))) == 1
    later = {"each": NOON + timedelta(seconds=2)}
    assert list(faults_of_once(replace(history, slots=[]), later)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"state": BackfillState.RUNNING}, ["backfill 1 is running"]),
        ({"skipped": 1}, ["backfill 1 decided 2 of 3 slots"]),
        ({"fired": 2, "skipped": 1}, ["backfill 1 counts 2 firings, there are 1"]),
        ({"succeeded": 0, "failed": 1}, ["backfill 1 counts 0 successes, not 1"]),
    ],
)
def test_backfills_are_counted_again(changes: dict[str, Any], words: list[str]) -> None:
    backfill = replace(BACKFILL, **changes)
    assert list(faults_of_backfills(told(), [backfill], [BACKFILLED])) == words
