"""The checker finds what is wrong: a sound history passes, each planted fault is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard import Action, Job, RetryPolicy, RunState, Trigger, every
from support.history import Asked, EventFact, History, RunFact, SlotFact, faults_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
S = RunState
WISH, FIRED, RETRIED, RETRY = 101, 102, 103, 104


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def run(run_id: int, **changes: Any) -> RunFact:
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
        "node": "a",
        "ended_at": at(5),
        **changes,
    }
    return RunFact(**values)


def slot(seconds: float, **changes: Any) -> SlotFact:
    values: dict[str, Any] = {
        "trigger_id": 7,
        "slot": at(seconds),
        "until": None,
        "count": 1,
        "decision": "skipped",
        "reason": "coalesced",
        "run_ids": (),
        **changes,
    }
    return SlotFact(**values)


def events(*paths: tuple[int, tuple[RunState, ...]]) -> list[EventFact]:
    steps = [(run_id, state) for run_id, states in paths for state in states]
    return [event(seq, run_id, state) for seq, (run_id, state) in enumerate(steps, start=1)]


def event(seq: int, run_id: int, state: RunState) -> EventFact:
    return EventFact(seq=seq, type="run", run_id=run_id, state=state, node="a", at=NOON)


def sound() -> tuple[History, Asked]:
    """A start, two slots skipped, one fired, and a start that failed and was tried again."""
    trigger = Trigger(
        id=7,
        name="each",
        schedule=every(seconds=1),
        actions=(Action(job="work"),),
        anchor_at=NOON,
        created_at=NOON,
        next_slot=at(4),
        firings=1,
    )
    job = Job(
        name="work", kind="python", spec={"handler": "m:f"}, retry=RetryPolicy(max_attempts=2)
    )
    runs = [
        run(WISH, arguments='{"ask": 1}'),
        run(FIRED, trigger_id=7, slot=at(3), crashes=1),
        run(RETRIED, arguments='{"ask": 2}', state=S.FAILED),
        run(RETRY, arguments='{"ask": 2}', attempt=2, previous_run_id=RETRIED, chain_id=RETRIED),
    ]
    well = (S.QUEUED, S.RUNNING, S.SUCCEEDED)
    history = History(
        jobs={"work": job},
        triggers=[trigger],
        runs={one.id: one for one in runs},
        slots=[
            slot(1, until=at(2), count=2),
            slot(3, decision="fired", reason=None, run_ids=(FIRED,)),
        ],
        events=events(
            (WISH, well),
            (FIRED, (S.QUEUED, S.RUNNING, S.LOST, *well)),
            (RETRIED, (S.QUEUED, S.RUNNING, S.FAILED)),
            (RETRY, well),
        ),
    )
    return history, Asked(jobs={1: "work", 2: "work"}, acknowledged={1: WISH})


def without_run(history: History, run_id: int) -> History:
    runs = {key: one for key, one in history.runs.items() if key != run_id}
    return replace(history, runs=runs)


def with_run(history: History, changed: RunFact) -> History:
    return replace(history, runs={**history.runs, changed.id: changed})


def with_event(history: History, run_id: int, state: RunState) -> History:
    more = event(len(history.events) + 1, run_id, state)
    return replace(history, events=[*history.events, more])


def with_trigger(history: History, **changes: Any) -> History:
    return replace(history, triggers=[replace(history.triggers[0], **changes)])


PLANTED: dict[str, tuple[Callable[[History], History], str]] = {
    "a start is lost": (lambda h: without_run(h, WISH), "was acknowledged as run 101"),
    "a start is another one's": (
        lambda h: with_run(h, replace(h.runs[WISH], arguments='{"ask": 2}')),
        "start 1 of work was acknowledged as",
    ),
    "a run is invented": (
        lambda h: with_event(with_run(h, run(105)), 105, S.QUEUED),
        "nobody asked for",
    ),
    "a start is done twice": (
        lambda h: with_run(h, run(105, arguments='{"ask": 1}')),
        "start 1 was done 2 times",
    ),
    "a run ends twice": (lambda h: with_event(h, WISH, S.SUCCEEDED), "ended more than once"),
    "a run ends without being claimed": (
        lambda h: replace(h, events=[*h.events[:1], *h.events[2:]]),
        "a way that is not in the table",
    ),
    "a run does not end": (
        lambda h: with_run(h, replace(h.runs[WISH], state=S.QUEUED)),
        "has not ended",
    ),
    "a slot is forgotten": (lambda h: with_trigger(h, next_slot=at(5)), "is 0 times in the ledger"),
    "a slot is doubled": (
        lambda h: replace(h, slots=[*h.slots, slot(2)]),
        "is 2 times in the ledger",
    ),
    "a slot is invented": (
        lambda h: replace(h, slots=[*h.slots, slot(2.5)]),
        "of each: no slot",
    ),
    "a slot's run is not there": (
        lambda h: without_run(h, FIRED),
        "fired (102,), which are runs of []",
    ),
    "a stretch counts wrongly": (
        lambda h: replace(h, slots=[slot(1, until=at(2), count=3), h.slots[1]]),
        "says that it is 3 slots",
    ),
    "a slot is skipped for no reason of its policy": (
        lambda h: replace(h, slots=[slot(1, until=at(2), count=2, reason="paused"), h.slots[1]]),
        "was skipped for paused",
    ),
    "an event is missing": (
        lambda h: replace(h, events=[e for e in h.events if e.seq != 5]),
        "missing [5]",
    ),
    "a retry is missing": (lambda h: without_run(h, RETRY), "is followed by 0 retries"),
    "a retry is doubled": (
        lambda h: with_run(h, replace(h.runs[RETRY], id=105)),
        "is followed by 2 retries",
    ),
    "a retry has other arguments": (
        lambda h: with_run(h, replace(h.runs[RETRY], arguments="{}")),
        "is not the same as what it follows",
    ),
}


def test_a_sound_history_has_no_faults() -> None:
    history, asked = sound()
    executions = {WISH: 1, FIRED: 2, RETRIED: 1, RETRY: 1}
    assert faults_of(history, asked, executions=executions) == []


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_found(what: str) -> None:
    plant, words = PLANTED[what]
    history, asked = sound()
    assert any(words in fault for fault in faults_of(plant(history), asked))


def test_a_slot_that_fired_while_the_end_of_its_trigger_waited_is_no_fault() -> None:
    """The end is of the instant at which its transaction began, which was before the slot."""
    history, asked = sound()
    ended = with_trigger(history, next_slot=None, last_slot=at(3), updated_at=at(2.9))
    assert faults_of(ended, asked) == []


def test_an_execution_too_many_is_found() -> None:
    history, asked = sound()
    found = faults_of(history, asked, executions={WISH: 2, FIRED: 1, RETRIED: 1, RETRY: 1})
    assert found == ["run 101 was executed 2 times and claimed 1 times"]
