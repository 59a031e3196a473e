"""What ends mean to a workflow run, against a model that looks at the whole history each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.schedule import Condition, Conditional, OnDemand
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Trigger, TriggerState
from callboard.domain.workflow import WorkflowRun, WorkflowState, snapshot_of
from callboard.domain.workflow_advance import (
    counted,
    due_triggers,
    fired,
    settled,
    waiting_triggers,
)

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
JOBS: Final = "abcdef"
ENDS: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED, RunState.TIMED_OUT)
W = WorkflowState


def a_run(id: int, job: str, state: RunState = RunState.QUEUED, previous: int | None = None) -> Run:
    return Run(
        id=id,
        job=job,
        group="default",
        job_id=1,
        state=state,
        previous_run_id=previous,
        chain_id=1,
        trace_id="",
        created_at=NOW,
        due_at=NOW,
        terms=RunTerms(workflow_run_id=1),
    )


def a_trigger(
    name: str,
    conditions: Sequence[Condition],
    *jobs: str,
    logical: Literal["and", "any"] = "and",
    state: TriggerState = TriggerState.ACTIVE,
) -> Trigger:
    return Trigger(
        name=name,
        schedule=Conditional(logical=logical, conditions=tuple(conditions)),
        actions=tuple(Action(job=job) for job in jobs),
        workflow="w",
        state=state,
    )


def begun(*triggers: Trigger, jobs: str = "a") -> WorkflowRun:
    """A workflow run whose start trigger has started these jobs, as the runs 1, 2, ..."""
    start = Trigger(
        name="start",
        schedule=OnDemand(),
        actions=tuple(Action(job=job) for job in jobs),
        workflow="w",
    )
    run = WorkflowRun(id=1, workflow="w", workflow_id=1, triggers=snapshot_of([start, *triggers]))
    return fired(run, start, [(job, number) for number, job in enumerate(jobs, 1)], [])


@dataclass(slots=True)
class Model:
    """Everything that happened, from which each question is answered anew."""

    triggers: tuple[Trigger, ...]
    created: dict[int, str] = field(default_factory=dict)
    """Jobs by run."""
    live: set[int] = field(default_factory=set)
    ends: list[tuple[str, RunState]] = field(default_factory=list)
    """The final ones."""
    fired: list[str] = field(default_factory=list)

    def is_met(self, trigger: Trigger) -> bool:
        assert isinstance(trigger.schedule, Conditional)
        newest = dict(self.ends)
        met = [
            each.job in newest and newest[each.job].value in each.states
            for each in trigger.schedule.conditions
        ]
        return any(met) if trigger.schedule.logical == "any" else all(met)

    def due(self) -> list[str]:
        return [
            each.name
            for each in self.triggers
            if each.state is TriggerState.ACTIVE
            and each.name not in self.fired
            and self.is_met(each)
        ]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Trigger, ...]:
    """Conditional triggers, each of which starts jobs behind those that it watches."""
    triggers = []
    for number in range(draw(st.integers(0, 5))):
        border = draw(st.integers(1, len(JOBS) - 1))
        watched = draw(st.lists(st.sampled_from(JOBS[:border]), min_size=1, unique=True))
        states = st.lists(st.sampled_from([each.value for each in ENDS]), min_size=1, unique=True)
        conditions = [Condition(job=job, states=tuple(draw(states))) for job in watched]
        jobs = draw(st.lists(st.sampled_from(JOBS[border:]), min_size=1, unique=True))
        triggers.append(
            a_trigger(
                f"t{number}",
                conditions,
                *jobs,
                logical=draw(st.sampled_from(["and", "any"])),
                state=draw(st.sampled_from([TriggerState.ACTIVE] * 4 + [TriggerState.INACTIVE])),
            )
        )
    return tuple(triggers)


@given(graph=graphs(), data=st.data())
def test_each_trigger_fires_once_exactly_when_its_conditions_are_met(
    graph: tuple[Trigger, ...], data: st.DataObject
) -> None:
    roots = data.draw(st.lists(st.sampled_from(JOBS), min_size=1, max_size=3, unique=True))
    run = begun(*graph, jobs="".join(roots))
    model = Model(graph, dict(enumerate(roots, 1)), set(range(1, len(roots) + 1)))
    while model.live:
        # One commit: some end, some of them are tried again in it.
        ending = data.draw(st.lists(st.sampled_from(sorted(model.live)), min_size=1, unique=True))
        changed: list[Run] = []
        final: list[tuple[str, RunState]] = []
        for run_id in ending:
            state, job = data.draw(st.sampled_from(ENDS)), model.created[run_id]
            changed.append(a_run(run_id, job, state))
            model.live.discard(run_id)
            if len(model.created) < 30 and data.draw(st.integers(0, 3)) == 0:
                number = max(model.created) + 1
                model.created[number] = job
                model.live.add(number)
                changed.append(a_run(number, job, previous=run_id))
            else:
                final.append((job, state))
        model.ends += final
        run = counted(run, changed)
        assert counted(run, changed) == run
        due = due_triggers(run)
        # Any that an earlier commit of this passage left met has fired by then.
        assert [each.name for each in due] == model.due()
        for trigger in due:
            started = []
            for action in trigger.actions:
                number = max(model.created) + 1
                model.created[number] = action.job
                model.live.add(number)
                started.append((action.job, number))
            model.fired.append(trigger.name)
            run = fired(run, trigger, started, [])
        run = settled(run, NOW)
        assert run.live == tuple(sorted(model.live))
        assert run.has_ended == (not model.live)
    assert run.state is W.COMPLETED
    assert model.due() == []
    assert sorted(run.fired) == sorted(["start", *model.fired])
    assert len(set(model.fired)) == len(model.fired)
    assert sorted(id for ids in run.runs.values() for id in ids) == sorted(model.created)


def test_an_end_in_another_state_takes_the_condition_back() -> None:
    trigger = a_trigger("t", [Condition(job="a"), Condition(job="b")], "c")
    run = begun(trigger, jobs="ab")
    run = counted(run, [a_run(1, "a", RunState.SUCCEEDED)])
    run = counted(run, [a_run(3, "a", previous=1)])
    run = counted(run, [a_run(3, "a", RunState.FAILED)])
    assert due_triggers(counted(run, [a_run(2, "b", RunState.SUCCEEDED)])) == []


def test_an_end_that_is_told_again_counts_once() -> None:
    run = begun(a_trigger("t", [Condition(job="a", states=("failed",))], "b"))
    ended = counted(run, [a_run(1, "a", RunState.FAILED)])
    assert counted(ended, [a_run(1, "a", RunState.ABANDONED)]) == ended


def test_one_that_is_stopped_fires_nothing_and_ends_as_stopped() -> None:
    trigger = a_trigger("t", [Condition(job="a", states=("stopped",))], "b")
    run = replace(begun(trigger), state=W.STOPPING)
    run = counted(run, [a_run(1, "a", RunState.STOPPED)])
    assert [*waiting_triggers(run)] == []
    assert settled(run, NOW).state is W.STOPPED


def test_what_is_live_keeps_it_from_ending() -> None:
    assert not settled(begun(), NOW).has_ended
    with_retry = [a_run(1, "a", RunState.FAILED), a_run(2, "a", previous=1)]
    assert not settled(counted(begun(), with_retry), NOW).has_ended


def test_a_run_that_is_created_behind_the_end_is_not_live_in_it() -> None:
    over = settled(counted(begun(), [a_run(1, "a", RunState.FAILED)]), NOW)
    later = counted(over, [a_run(2, "a", previous=1)])
    assert (later.state, later.live, later.runs) == (W.COMPLETED, (), {"a": (1, 2)})
    assert counted(later, [a_run(2, "a", RunState.SUCCEEDED)]) == later


def test_a_trigger_that_could_start_nothing_has_fired() -> None:
    trigger = a_trigger("t", [Condition(job="a")], "b", "c")
    run = counted(begun(trigger), [a_run(1, "a", RunState.SUCCEEDED)])
    run = fired(run, trigger, [], ["c", "b"])
    assert (run.fired["t"], run.missing) == ((), ("b", "c"))
    assert due_triggers(run) == []
    assert settled(run, NOW).state is W.COMPLETED
