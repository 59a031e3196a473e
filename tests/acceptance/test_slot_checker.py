"""The checker of slots finds what is wrong: a sound history passes, each planted fault is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard import Action, RunState, Trigger, every
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from support.history import EventFact, History, RunFact, SlotFact
from support.slot_promises import BackfilledFact, faults_of_slots

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST, HELD, FILLED = 101, 102, 103
BACKFILLED = BackfilledFact(trigger_id=7, slot=NOON - SECOND, backfill_id=1, run_ids=(FILLED,))


def run(run_id: int, slot: float, started: float, ended: float) -> RunFact:
    return RunFact(
        id=run_id,
        job="work",
        state=RunState.SUCCEEDED,
        attempt=1,
        previous_run_id=None,
        chain_id=run_id,
        trigger_id=7,
        slot=NOON + slot * SECOND,
        arguments="{}",
        crashes=0,
        node="a",
        started_at=NOON + started * SECOND,
        ended_at=NOON + ended * SECOND,
        trace_id=f"trace-{run_id}",
    )


def row(slot: float, **fields: Any) -> SlotFact:
    values: dict[str, Any] = {
        "trigger_id": 7,
        "slot": NOON + slot * SECOND,
        "until": None,
        "count": 1,
        "decision": "skipped",
        "reason": "paused",
        "run_ids": (),
        **fields,
    }
    return SlotFact(**values)


def fired(slot: float, run_id: int) -> SlotFact:
    return row(slot, decision="fired", reason=None, run_ids=(run_id,))


def events(*steps: tuple[int, str]) -> list[EventFact]:
    return [
        EventFact(
            seq=seq,
            type="run",
            run_id=run_id,
            state=RunState("queued" if word == "held" else word),
            node=None,
            at=NOON,
            is_held=word == "held",
        )
        for seq, (run_id, word) in enumerate(steps, start=1)
    ]


def sound() -> History:
    """A stretch of a pause, a slot that fired, one that was held; one that was backfilled."""
    trigger = Trigger(
        id=7,
        name="each",
        schedule=every(seconds=1),
        actions=(Action(job="work"),),
        overlap=OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE),
        created_at=NOON,
        updated_at=NOON + 4.5 * SECOND,
        generation=9,
    )
    runs = [run(FIRST, 3, 3, 5), run(HELD, 4, 5, 6), run(FILLED, -1, 6, 7)]
    return History(
        jobs={},
        triggers=[trigger],
        runs={each.id: each for each in runs},
        slots=[row(1, until=NOON + 2 * SECOND, count=2), fired(3, FIRST), fired(4, HELD)],
        events=events(
            (FIRST, "queued"),
            (FIRST, "running"),
            (HELD, "held"),
            (FIRST, "succeeded"),
            (HELD, "queued"),
            (HELD, "running"),
            (HELD, "succeeded"),
            (FILLED, "queued"),
            (FILLED, "running"),
            (FILLED, "succeeded"),
        ),
    )


def with_run(history: History, changed: RunFact) -> History:
    return replace(history, runs={**history.runs, changed.id: changed})


def with_slots(history: History, *slots: SlotFact) -> History:
    return replace(history, slots=[*history.slots, *slots])


PLANTED: dict[str, tuple[Callable[[History], History], str]] = {
    "a slot is forgotten": (
        lambda h: replace(h, slots=h.slots[1:]),
        "12:00:01+00:00 of each is 0 times",
    ),
    "a slot is in two rows": (lambda h: with_slots(h, row(2)), "is 2 times in the ledger"),
    "a stretch begins in another one": (
        lambda h: with_slots(h, row(2, until=NOON + 4 * SECOND, count=3)),
        "of each begins in",
    ),
    "a slot is invented": (lambda h: with_slots(h, row(2.5)), "stands for 0 slots"),
    "a slot behind the end": (lambda h: with_slots(h, row(5)), "is no slot of each"),
    "a stretch counts wrongly": (
        lambda h: replace(h, slots=[replace(h.slots[0], count=3), *h.slots[1:]]),
        "stands for 2 slots",
    ),
    "a fired slot has no run": (
        lambda h: replace(h, slots=[*h.slots[:2], replace(h.slots[2], run_ids=())]),
        "contradicts itself",
    ),
    "a slot's run is not there": (
        lambda h: replace(h, runs={FIRST: h.runs[FIRST], FILLED: h.runs[FILLED]}),
        "and not there",
    ),
    "a run of a slot is told by nobody": (
        lambda h: with_run(h, run(105, 2, 8, 9)),
        "nobody tells of",
    ),
    "a slot that fired is backfilled": (
        lambda h: with_slots(with_run(h, run(105, -1, 8, 9)), fired(-1, 105)),
        "fired 2 times",
    ),
    "two firings are live": (
        lambda h: replace(
            h, events=[e for e in h.events if (e.run_id, e.state) != (FIRST, RunState.SUCCEEDED)]
        ),
        "were live",
    ),
    "two firings ran at one time": (
        lambda h: with_run(h, run(HELD, 4, 3.9, 6)),
        "run 101 ended at",
    ),
}


def test_a_sound_history_has_no_faults() -> None:
    assert faults_of_slots(sound(), {"each": SECOND}, [BACKFILLED]) == []


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_found(what: str) -> None:
    plant, words = PLANTED[what]
    found = faults_of_slots(plant(sound()), {"each": SECOND}, [BACKFILLED])
    assert any(words in fault for fault in found), found
