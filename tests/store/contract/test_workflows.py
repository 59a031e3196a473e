"""Workflows and workflow runs: stored, changed, listed, pruned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from callboard.domain.given_terms import GivenTerms
from callboard.domain.schedule import Condition, Conditional, OnDemand
from callboard.domain.trigger import Action, OnMissing, Trigger, TriggerState
from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState, snapshot_of
from callboard.store.contract import (
    Cutoffs,
    Store,
    TriggerFilter,
    WorkflowFilter,
    WorkflowRunFilter,
)
from callboard.testing import VirtualClock
from support.factories import NOW, after, stored_trigger
from support.rollback import rolled_back

W = WorkflowState


async def stored_workflow(store: Store, name: str = "w", **changes: Any) -> Workflow:
    async with store.begin() as tx:
        workflow = await tx.insert_workflow(Workflow(name=name, **changes))
    assert workflow is not None
    return workflow


async def stored_run(store: Store, workflow: Workflow, **changes: Any) -> WorkflowRun:
    async with store.begin() as tx:
        (run_id,) = await tx.allocate_workflow_run_ids(1)
        run = WorkflowRun(
            id=run_id,
            workflow=workflow.name,
            group=workflow.group,
            workflow_id=workflow.id,
            **changes,
        )
        (stored,) = await tx.insert_workflow_runs([run])
    return stored


async def test_a_stored_workflow_is_what_was_given_and_its_identity(store: Store) -> None:
    given = Workflow(
        name="nightly load",
        group="g",
        description="all of it",
        properties={"day": "1"},
        max_concurrent_runs=3,
        run_arguments={"--RUN": "{run_id}"},
        labels={"team": "x"},
        annotations={"glue": {"a": [1, None]}},
    )
    async with store.begin() as tx:
        stored = await tx.insert_workflow(given)
    assert stored is not None
    assert stored == replace(given, id=stored.id, version=1, created_at=NOW, updated_at=NOW)
    assert await store.get_workflow("g", "nightly load") == stored
    assert await store.get_workflow("default", "nightly load") is None
    async with store.begin() as tx:
        assert await tx.insert_workflow(given) is None


async def test_a_workflow_is_replaced_at_the_version_that_was_read(
    store: Store, clock: VirtualClock
) -> None:
    first = await stored_workflow(store)
    await clock.advance(1)
    async with store.begin() as tx:
        locked = await tx.lock_workflows([("default", "none"), ("default", "w")])
        assert locked == {("default", "w"): first}
        second = await tx.update_workflow(replace(first, description="new"))
        assert await tx.update_workflow(first) is None
        assert await tx.lock_workflows([]) == {}
    assert second == replace(first, description="new", version=2, updated_at=after(1))
    assert await store.get_workflow("default", "w") == second


async def test_a_deleted_workflow_is_gone_and_its_runs_stay(store: Store) -> None:
    workflow = await stored_workflow(store)
    run = await stored_run(store, workflow)
    async with rolled_back(store) as tx:
        assert await tx.delete_workflow(workflow.id)
    async with store.begin() as tx:
        assert await tx.delete_workflow(workflow.id)
        assert not await tx.delete_workflow(workflow.id)
    assert await store.get_workflow("default", "w") is None
    assert await store.get_workflow_run(run.id) == run


async def test_workflows_are_listed_by_group_and_name(store: Store) -> None:
    names = [("a", "z"), ("b", "a"), ("b", "c")]
    stored = [
        await stored_workflow(store, name, group=group, labels={"n": name})
        for group, name in reversed(names)
    ][::-1]
    assert await store.list_workflows(WorkflowFilter()) == stored
    assert await store.list_workflows(WorkflowFilter(group="b", limit=1)) == stored[1:2]
    assert await store.list_workflows(WorkflowFilter(after=("b", "a"))) == stored[2:]
    assert await store.list_workflows(WorkflowFilter(labels={"n": "z"})) == stored[:1]
    assert await store.list_workflows(WorkflowFilter(group="c")) == []


async def test_the_triggers_of_a_workflow_are_those_that_name_it(store: Store) -> None:
    await stored_workflow(store)
    mine = [await stored_trigger(store, name, workflow="w") for name in ("b", "a")]
    await stored_trigger(store, "c")
    await stored_trigger(store, "d", workflow="v")
    await stored_trigger(store, "e", group="g", workflow="w")
    async with store.begin() as tx:
        assert await tx.triggers_of_workflow("default", "w") == mine[::-1]
        assert await tx.triggers_of_workflow("default", "none") == []
    filter = TriggerFilter(group="default", workflow="w")
    assert await store.list_triggers(filter) == mine[::-1]


async def test_a_stored_run_is_what_was_given(store: Store) -> None:
    workflow = await stored_workflow(store, group="g")
    action = Action(
        job="a", arguments={"n": 1}, terms=GivenTerms(timeout_s=3, annotations={"x": 1})
    )
    start = await stored_trigger(
        store, "start", group="g", schedule=OnDemand(), actions=(action,), workflow="w"
    )
    inner = await stored_trigger(
        store,
        "inner",
        group="g",
        schedule=Conditional(logical="any", conditions=(Condition(job="a"), Condition(job="b"))),
        actions=(Action(job="c"),),
        workflow="w",
        on_missing=OnMissing.SKIP,
        labels={"k": "v"},
        annotations={"glue": {"Type": "CONDITIONAL"}},
        description="then",
        state=TriggerState.INACTIVE,
    )
    run = await stored_run(
        store,
        workflow,
        trigger="start",
        previous_run_id=77,
        properties={"day": "1"},
        run_arguments={"--RUN": "5"},
        triggers=snapshot_of([start, inner]),
        fired={"start": (1, 2), "none": ()},
        met={"inner": {"a": 1}},
        runs={"a": (1, 2)},
        live=(2,),
        missing=("x",),
        event={"batch_size": 3, "window_s": 60.5},
    )
    assert run.created_at == NOW
    assert run.triggers[0].created_at == NOW
    assert [each.name for each in run.triggers] == ["inner", "start"]
    assert await store.get_workflow_run(run.id) == run
    assert await store.get_workflow_run(run.id + 1) is None
    async with store.begin() as tx:
        assert await tx.find_workflow_runs([run.id + 1, run.id]) == {run.id: run}
        assert await tx.lock_workflow_runs([run.id]) == {run.id: run}


async def test_a_trigger_in_a_snapshot_has_nothing_of_its_slots(store: Store) -> None:
    trigger = await stored_trigger(store, "start", workflow="w")
    (kept,) = snapshot_of([replace(trigger, firings=3, last_slot=NOW)])
    assert (kept.firings, kept.last_slot, kept.next_slot) == (0, None, None)
    assert (kept.id, kept.schedule, kept.version) == (trigger.id, trigger.schedule, 1)


async def test_what_is_changeable_of_a_run_is_written(store: Store) -> None:
    workflow = await stored_workflow(store)
    start: Trigger = await stored_trigger(store, "start", workflow="w")
    run = await stored_run(store, workflow, triggers=snapshot_of([start]))
    changes: dict[str, Any] = {
        "state": W.STOPPED,
        "properties": {"a": "b"},
        "fired": {"start": (4,)},
        "met": {"t": {"a": 4}},
        "runs": {"a": (4, 5)},
        "live": (5,),
        "missing": ("y",),
        "ended_at": after(5),
    }
    async with store.begin() as tx:
        await tx.update_workflow_runs(
            [replace(run, **changes, triggers=(), workflow="other", trigger="other")]
        )
        await tx.update_workflow_runs([])
    assert await store.get_workflow_run(run.id) == replace(run, **changes)


async def test_ids_of_runs_ascend_and_are_never_given_twice(store: Store) -> None:
    async with rolled_back(store) as tx:
        first = await tx.allocate_workflow_run_ids(3)
    async with store.begin() as tx:
        second = await tx.allocate_workflow_run_ids(2)
    assert [*first, *second] == sorted({*first, *second})


async def test_live_runs_of_workflows_are_counted(store: Store) -> None:
    one, two, three = [await stored_workflow(store, name) for name in ("x", "y", "z")]
    await stored_run(store, one)
    await stored_run(store, one, state=W.STOPPING)
    await stored_run(store, one, state=W.COMPLETED, ended_at=NOW)
    await stored_run(store, two)
    await stored_run(store, three, state=W.STOPPED, ended_at=NOW)
    async with store.begin() as tx:
        assert await tx.count_workflow_runs([one.id, three.id]) == {one.id: 2}
        assert await tx.count_workflow_runs([]) == {}


async def test_runs_are_listed_newest_first(store: Store) -> None:
    one, two = await stored_workflow(store, "x"), await stored_workflow(store, "y")
    other = await stored_workflow(store, "x", group="g")
    runs = [await stored_run(store, each) for each in (one, two, one, other)]
    first, second, third, fourth = runs

    async def listed(**filter: Any) -> list[WorkflowRun]:
        return await store.list_workflow_runs(WorkflowRunFilter(**filter))

    assert await listed() == runs[::-1]
    assert await listed(workflow="x") == [fourth, third, first]
    assert await listed(group="default") == [third, second, first]
    assert await listed(group="default", workflow="x") == [third, first]
    assert await listed(group="default", workflow="x", limit=1) == [third]
    assert await listed(group="default", before_id=third.id) == [second, first]
    assert await listed(before_id=first.id) == []


async def test_runs_that_ended_long_ago_are_pruned(store: Store) -> None:
    workflow = await stored_workflow(store)
    old = await stored_run(store, workflow, state=W.COMPLETED, ended_at=after(1))
    young = await stored_run(store, workflow, state=W.STOPPED, ended_at=after(10))
    live = await stored_run(store, workflow)
    assert (await store.prune(Cutoffs()))["workflow_runs"] == 0
    removed = await store.prune(Cutoffs(ended_runs=NOW + timedelta(seconds=10)))
    assert removed["workflow_runs"] == 1
    assert await store.get_workflow_run(old.id) is None
    assert await store.list_workflow_runs(WorkflowRunFilter()) == [live, young]
