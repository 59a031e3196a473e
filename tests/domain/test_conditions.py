"""The rule of conditional triggers, and the cycles that they may not make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.chain_end import ChainEnd
from callboard.domain.condition_cycle import ConditionLink, cycle_through
from callboard.domain.conditions import ConditionSet, counted, evaluated, is_complete
from callboard.domain.ledger import Decision
from callboard.domain.schedule import Condition, when_all, when_any
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Trigger, TriggerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def end(seq: int, job: str, *, commit: int | None = None, fails: bool = False) -> ChainEnd:
    return ChainEnd(
        seq=seq,
        commit_seq=commit or seq,
        at=NOW + timedelta(seconds=commit or seq),
        run_id=100 + seq,
        job_id=ord(job),
        job=job,
        group="default",
        state=RunState.FAILED if fails else RunState.SUCCEEDED,
        chain_id=100 + seq,
    )


def trigger(**changes: object) -> Trigger:
    schedule = when_all("a", "b")
    one = Trigger(name="t", schedule=schedule, actions=(Action(job="c"),), id=7, anchor_at=NOW)
    return replace(one, **changes)  # type: ignore[arg-type]


def fresh(since_seq: int = 0, **met: int) -> ConditionSet:
    return ConditionSet(
        trigger_id=7, generation=1, since_seq=since_seq, job_ids=(97, 98), met=dict(met)
    )


def test_a_set_is_the_newest_end_of_each_job_that_meets_its_condition() -> None:
    schedule = when_all("a", Condition(job="b", states=("failed",)))
    ends = [end(1, "a"), end(2, "b"), end(3, "b", fails=True), end(4, "a"), end(5, "x")]
    assert counted(schedule, {}, ends) == {"a": 104, "b": 103}
    assert counted(schedule, {"a": 1, "b": 2}, [end(6, "a", fails=True)]) == {"b": 2}


def test_an_end_that_is_not_final_changes_nothing() -> None:
    again = replace(end(1, "a", fails=True), is_final=False)
    assert counted(when_all("a"), {"a": 5}, [again]) == {"a": 5}


def test_an_end_within_a_workflow_changes_nothing() -> None:
    inside = replace(end(1, "a"), is_triggered=True, workflow_run_id=9)
    assert counted(when_all("a"), {}, [inside]) == {}
    assert counted(when_all("a"), {"a": 5}, [replace(inside, state=RunState.FAILED)]) == {"a": 5}


def test_where_only_triggered_runs_count_others_change_nothing() -> None:
    schedule = replace(when_all("a"), only_triggered=True)
    assert counted(schedule, {"a": 5}, [end(1, "a", fails=True), end(2, "a")]) == {"a": 5}
    assert counted(schedule, {"a": 5}, [replace(end(3, "a"), is_triggered=True)]) == {"a": 103}


def test_and_needs_all_and_any_needs_one() -> None:
    both, one = when_all("a", "b"), when_any("a", "b")
    assert [is_complete(both, met) for met in ({}, {"a": 1}, {"a": 1, "b": 2})] == [0, 0, 1]
    assert [is_complete(one, met) for met in ({}, {"b": 1}, {"a": 1, "b": 2})] == [0, 1, 1]


def test_a_complete_set_is_a_slot_and_the_next_one_begins_empty() -> None:
    found = evaluated(trigger(), fresh(), [end(1, "a"), end(2, "b"), end(3, "b")])
    assert found.met == {"b": 103}
    assert found.plan is not None
    (entry,) = found.plan.entries
    assert (entry.slot, entry.decision) == (NOW + timedelta(seconds=2), Decision.FIRED)
    assert entry.caused_by == (101, 102)
    assert (found.plan.after.last_slot, found.plan.after.firings) == (entry.slot, 1)


def test_r12_a_commit_makes_one_slot_at_the_most() -> None:
    """R12"""
    ends = [end(seq, job, commit=1) for seq, job in enumerate("abab", start=1)]
    found = evaluated(trigger(), fresh(), ends)
    assert found.met == {}
    assert found.plan is not None
    assert [entry.caused_by for entry in found.plan.entries] == [(103, 104)]


def test_r13_events_up_to_the_activation_do_not_count() -> None:
    """R13"""
    found = evaluated(trigger(), fresh(since_seq=1), [end(1, "a"), end(2, "b")])
    assert (found.plan, found.met) == (None, {"b": 102})


def test_a_slot_is_later_than_the_one_before_whatever_the_clock_says() -> None:
    late = NOW + timedelta(hours=1)
    found = evaluated(trigger(last_slot=late), fresh(a=5), [end(1, "b")])
    assert found.plan is not None
    assert found.plan.after.last_slot == late + timedelta(microseconds=1)


def test_the_last_firing_completes_the_trigger() -> None:
    ends = [end(seq, job) for seq, job in enumerate("abab", start=1)]
    found = evaluated(trigger(max_firings=1), fresh(), ends)
    assert found.plan is not None
    assert len(found.plan.entries) == 1
    assert found.plan.after.state is TriggerState.COMPLETED


@pytest.mark.parametrize("state", [TriggerState.ACTIVE, TriggerState.PAUSED])
def test_an_end_at_end_at_completes_the_trigger_without_a_slot(state: TriggerState) -> None:
    one = trigger(end_at=NOW + timedelta(seconds=2), state=state)
    found = evaluated(one, fresh(), [end(1, "a"), end(2, "b")])
    assert found.plan is not None
    assert found.plan.entries == ()
    assert found.plan.after.state is TriggerState.COMPLETED


def links(pairs: Iterable[tuple[str, str]]) -> list[ConditionLink]:
    return [
        ConditionLink(trigger=f"t{number}", watched=(watched,), started=(started,))
        for number, (watched, started) in enumerate(pairs)
    ]


def test_r11_the_shortest_cycle_is_named_by_jobs_and_triggers() -> None:
    """R11"""
    known = links([("a", "b"), ("b", "c"), ("c", "d"), ("b", "d")])
    link = ConditionLink(trigger="new", watched=("x", "d"), started=("y", "a"))
    assert cycle_through(link, known) == "d -(new)-> a -(t0)-> b -(t3)-> d"


def test_the_old_self_of_a_trigger_does_not_count() -> None:
    known = links([("a", "b")])
    assert cycle_through(ConditionLink(trigger="t0", watched=("b",), started=("a",)), known) is None


PAIRS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12)


def reaches(pairs: list[tuple[str, str]], start: str, goal: str) -> bool:
    seen = {start}
    for _ in pairs:
        seen |= {started for watched, started in pairs if watched in seen}
    return goal in seen


@given(PAIRS, st.sampled_from("abcdef"), st.sampled_from("abcdef"))
def test_a_cycle_is_found_where_there_is_a_way_back(
    pairs: list[tuple[str, str]], watched: str, started: str
) -> None:
    link = ConditionLink(trigger="new", watched=(watched,), started=(started,))
    assert (cycle_through(link, links(pairs)) is not None) == reaches(pairs, started, watched)
