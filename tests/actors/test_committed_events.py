"""The events of a commit: made when somebody looks, and then as they would have been."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from callboard import RunState
from callboard.commands import EndedRun
from callboard.committed_events import CommittedEvents
from callboard.domain.run import Run
from callboard.domain.run_end import ended
from callboard.events import (
    Committed,
    Event,
    EventRecord,
    ended_record,
    queued_record,
    run_as_of,
    run_record,
    started_record,
)
from callboard.recent_events import RecentEvents
from support.factories import NOW, after, make_end, make_job, make_run

JOB = replace(make_job(), id=1)


def held(run_id: int = 1) -> Run:
    values = {"state": RunState.RUNNING, "node": "n", "epoch": 3, "started_at": after(1)}
    return make_run(run_id, JOB, **values)


def end(run: Run, state: RunState = RunState.SUCCEEDED) -> EndedRun:
    return EndedRun(run=run, end=make_end(run, state, ended_at=after(2), result="r"))


def sample() -> CommittedEvents:
    record = EventRecord(type="job.changed", patch={"name": "j"})
    return CommittedEvents(
        first_seq=5,
        at=NOW,
        ended=[end(held(1)), end(held(2), RunState.FAILED)],
        queued=[make_run(3, JOB)],
        started=[held(4)],
        told=[(record, None)],
    )


def test_its_events_are_numbered_ends_first_then_what_was_queued_started_and_told():
    events = sample()
    assert [event.seq for event in events] == [5, 6, 7, 8, 9]
    assert [event.type for event in events] == [
        *["run.ended"] * 2,
        "run.queued",
        "run.started",
        "job.changed",
    ]
    assert events[0].run == ended(held(1), end(held(1)).end)
    assert events[1].run is not None
    assert (events[1].run.state, events[1].run.result) == (RunState.FAILED, "r")
    assert (events[4].run, events[4].subject) == (None, {"name": "j"})


def test_its_length_is_known_without_making_them():
    class Unread(EndedRun):
        @property
        def run(self) -> Run:  # type: ignore[override]
            raise AssertionError("somebody looked")

    unread = object.__new__(Unread)
    assert len(CommittedEvents(first_seq=1, at=NOW, ended=[unread] * 3)) == 3


def test_it_is_compared_and_serialised_like_any_sequence_of_events():
    assert sample() == sample() == tuple(sample())
    assert Committed(first_seq=5, events=sample()) == Committed(first_seq=5, events=tuple(sample()))
    wire = orjson.loads(orjson.dumps(Committed(first_seq=5, events=sample()), default=list))
    assert [event["seq"] for event in wire["events"]] == [5, 6, 7, 8, 9]


def test_slices_are_plain_tuples():
    assert [event.seq for event in sample()[1:3]] == [6, 7]


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED])
def test_a_derived_record_tells_of_an_end_what_its_whole_one_would(state: RunState):
    last = ended(held(), end(held(), state).end)
    assert run_as_of(last, ended_record(1, state)) == run_as_of(last, run_record(last)) == last


def test_a_derived_record_tells_of_a_claim_what_its_whole_one_would():
    run = held()
    last = ended(run, end(run).end)
    record = started_record(1, "n", 0, after(1))
    assert run_as_of(last, record) == run_as_of(last, run_record(run)) == run


def test_a_derived_record_tells_of_a_start_what_its_whole_one_would():
    queued = make_run(1, JOB)
    last = ended(held(), end(held()).end)
    told = run_as_of(last, queued_record(1))
    assert told == run_as_of(last, run_record(queued)) == queued


def events(first: int, count: int) -> list[Event]:
    return [Event(seq=seq, type="t", at=NOW) for seq in range(first, first + count)]


def test_recent_events_are_given_from_any_number_on():
    recent = RecentEvents(100)
    recent.add(3, events(1, 3))
    recent.add(5, events(4, 2))
    assert [event.seq for event in recent.after(2)] == [3, 4, 5]
    assert recent.after(5) == []


def test_recent_events_are_bounded_by_whole_commits():
    recent = RecentEvents(4)
    recent.add(3, events(1, 3))
    recent.add(5, events(4, 2))
    assert [event.seq for event in recent.after(0)] == [4, 5]
