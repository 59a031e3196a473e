"""Workflow runs that several nodes move on, stop and start at once, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

from callboard import BoardConfig, Callboard, RunState, on_demand, when_all
from callboard.commands import (
    Change,
    CreateTrigger,
    DeleteWorkflow,
    EndedRun,
    EndRuns,
    FireTrigger,
    RetryRun,
    StartWorkflow,
    StopWorkflowRun,
)
from callboard.domain.run import Run
from callboard.domain.schedule import Schedule
from callboard.domain.trigger import Action, Trigger
from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.store.contract import RunFilter, Store, TriggerFilter, WorkflowRunFilter
from support.committing import Committing
from support.factories import claimed_runs, make_end, stored_job, stored_node
from support.postgres_store import seen, someone_waits

ROUNDS = 10
G = "default"
W = WorkflowState
Nodes = tuple[Committing, Committing]
CONFIG = BoardConfig(poll_s=0.2, drain_s=0.0)


def member(name: str, schedule: Schedule, *jobs: str) -> CreateTrigger:
    actions = tuple(Action(job=job) for job in jobs)
    return CreateTrigger(
        trigger=Trigger(name=name, schedule=schedule, actions=actions, workflow="w")
    )


async def with_workflow(store: Store, node: Committing, *members: Change, **limits: Any) -> None:
    for job in "abcd":
        await stored_job(store, job)
    async with store.begin() as tx:
        await tx.insert_workflow(Workflow(name="w", **limits))
    answers = await node.commit(*members)
    assert not any(isinstance(answer, Exception) for answer in answers), answers


async def begun(store: Store, node: Committing, count: int) -> list[WorkflowRun]:
    """Runs of the workflow, the job runs of which a node has."""
    return [await node.done(StartWorkflow(group=G, name="w")) for _ in range(count)]


def end(run: Run, state: RunState = RunState.SUCCEEDED) -> Change:
    return EndRuns(ended=(EndedRun(run=run, end=make_end(run, state)),))


async def present(store: Store, run: WorkflowRun) -> WorkflowRun:
    found = await store.get_workflow_run(run.id)
    assert found is not None
    return found


async def told(store: Store) -> Counter[tuple[str, Any]]:
    """How often each workflow run was told of, by type and id."""
    return Counter(
        (record.type, record.patch["id"])
        for batch in await store.read_events(0, 10_000)
        for record in batch.records
        if record.type.startswith("workflow_run.")
    )


async def test_two_last_ends_at_once_fire_what_waits_for_both_once_and_complete_it_once(
    one: Store, nodes: Nodes
) -> None:
    await with_workflow(
        one,
        nodes[0],
        member("start", on_demand(), "a", "b"),
        member("both", when_all("a", "b"), "c", "d"),
    )
    runs = await begun(one, nodes[0], ROUNDS)
    node = await stored_node(one)
    for first, second, state in (("a", "b", W.RUNNING), ("c", "d", W.COMPLETED)):
        held = {run.id: run for run in await claimed_runs(one, node)}
        for run in runs:
            (this,), (that,) = [(await present(one, run)).runs[job] for job in (first, second)]
            await asyncio.gather(nodes[0].done(end(held[this])), nodes[1].done(end(held[that])))
            after = await present(one, run)
            assert (after.state, len(after.fired["both"])) == (state, 2)
    assert len(await one.list_runs(RunFilter(limit=1000))) == 4 * ROUNDS
    assert {(await told(one))["workflow_run.ended", run.id] for run in runs} == {1}


async def test_ends_of_many_workflow_runs_in_any_order_do_not_hinder_each_other(
    one: Store, nodes: Nodes
) -> None:
    await with_workflow(
        one,
        nodes[0],
        member("start", on_demand(), "a", "b"),
        member("both", when_all("a", "b"), "c", "d"),
    )
    runs = await begun(one, nodes[0], ROUNDS)
    held = {run.id: run for run in await claimed_runs(one, await stored_node(one))}
    ends = [[end(held[run.runs[job][0]]) for run in runs] for job in "ab"]
    ends[1].reverse()
    answers = await asyncio.gather(nodes[0].commit(*ends[0]), nodes[1].commit(*ends[1]))
    assert not any(isinstance(answer, Exception) for got in answers for answer in got)
    for run in runs:
        assert len((await present(one, run)).fired["both"]) == 2


async def test_a_stop_against_an_advance_leaves_nothing_live(one: Store, nodes: Nodes) -> None:
    await with_workflow(
        one, nodes[0], member("start", on_demand(), "a"), member("then", when_all("a"), "b", "c")
    )
    runs = await begun(one, nodes[0], ROUNDS)
    held = {run.id: run for run in await claimed_runs(one, await stored_node(one))}
    for run in runs:
        (a,) = run.runs["a"]
        _, stopped = await asyncio.gather(
            nodes[0].done(end(held[a])), nodes[1].done(StopWorkflowRun(run_id=run.id))
        )
        assert stopped.state in (W.STOPPING, W.STOPPED)
        after = await present(one, run)
        assert (after.state, after.live) == (W.STOPPED, ())
    assert await one.list_runs(RunFilter(states=(RunState.QUEUED, RunState.RUNNING))) == []


async def test_a_retry_against_the_last_end_is_live_or_too_late(one: Store, nodes: Nodes) -> None:
    await with_workflow(
        one, nodes[0], member("start", on_demand(), "a", "b"), member("then", when_all("a"), "c")
    )
    runs = await begun(one, nodes[0], ROUNDS)
    held = {run.id: run for run in await claimed_runs(one, await stored_node(one))}
    for run in runs:
        (a,), (b,) = run.runs["a"], run.runs["b"]
        await nodes[0].done(end(held[a], RunState.FAILED))
        _, again = await asyncio.gather(
            nodes[0].done(end(held[b])), nodes[1].done(RetryRun(run_id=a))
        )
        after = await present(one, run)
        assert after.runs["a"] == (a, again.id)
        assert after.live == (() if after.has_ended else (again.id,))


async def test_starts_at_once_never_go_beyond_the_limit(one: Store, nodes: Nodes) -> None:
    await with_workflow(one, nodes[0], member("start", on_demand(), "a"), max_concurrent_runs=3)
    start, fire = StartWorkflow(group=G, name="w"), FireTrigger(group=G, name="start")
    starts: list[list[Change]] = [[start] * 2, [start, fire]] * 3
    answers = await asyncio.gather(*(node.commit(*changes) for node in nodes for changes in starts))
    flat = [answer for got in answers for answer in got]
    refused = [answer for answer in flat if isinstance(answer, Conflict)]
    assert len(flat) - len(refused) == 3
    assert {each.code for each in refused} == {"workflow_full"}
    assert len(await one.list_workflow_runs(WorkflowRunFilter())) == 3


async def test_starts_of_several_workflows_do_not_hinder_those_of_another_node(
    postgres_dsn: str, one: Store, nodes: Nodes
) -> None:
    """In whatever order they come: the workflows are locked in one order."""
    await with_workflow(one, nodes[0], member("start", on_demand(), "a"))
    async with one.begin() as tx:
        await tx.insert_workflow(Workflow(name="x"))
    w, x = StartWorkflow(group=G, name="w"), StartWorkflow(group=G, name="x")
    async with one.begin() as tx:
        assert await tx.lock_workflows([(G, "w")])
        starting = asyncio.ensure_future(nodes[1].commit(x, w, x))
        await seen(lambda: someone_waits(postgres_dsn))
        assert await asyncio.wait_for(tx.lock_workflows([(G, "x")]), 10)
    assert [run.workflow for run in await starting] == ["x", "w", "x"]


async def test_a_trigger_joins_a_workflow_or_it_is_deleted(one: Store, nodes: Nodes) -> None:
    await with_workflow(one, nodes[0])
    for number in range(ROUNDS):
        joined, deleted = await asyncio.gather(
            nodes[0].commit(member(f"t{number}", when_all("a"), "b")),
            nodes[1].commit(DeleteWorkflow(group=G, name="w")),
        )
        assert isinstance(joined[0], Trigger | InvalidInput)
        assert deleted == [None]
        assert await one.list_triggers(TriggerFilter(workflow="w")) == []
        async with one.begin() as tx:
            await tx.insert_workflow(Workflow(name="w"))


async def test_two_start_triggers_at_once_are_one(one: Store, nodes: Nodes) -> None:
    await with_workflow(one, nodes[0])
    for number in range(ROUNDS):
        answers = await asyncio.gather(
            *(
                node.commit(member(f"t{number}-{n}", on_demand(), "a"))
                for n, node in enumerate(nodes)
            )
        )
        kinds = sorted(type(answer).__name__ for (answer,) in answers)
        assert kinds == ["Conflict", "Trigger"]
        assert await nodes[0].commit(DeleteWorkflow(group=G, name="w")) == [None]
        async with one.begin() as tx:
            await tx.insert_workflow(Workflow(name="w"))


async def test_a_deletion_against_a_firing_leaves_a_run_or_none(one: Store, nodes: Nodes) -> None:
    await with_workflow(one, nodes[0])
    for number in range(ROUNDS):
        await nodes[0].done(member("start", on_demand(), "a"))
        fired, deleted = await asyncio.gather(
            nodes[0].commit(FireTrigger(group=G, name="start")),
            nodes[1].commit(DeleteWorkflow(group=G, name="w")),
        )
        assert deleted == [None]
        if not isinstance(fired[0], NotFound):
            (run,) = fired[0]
            assert run.terms.workflow_run_id is not None
            assert await one.get_workflow_run(run.terms.workflow_run_id) is not None
        async with one.begin() as tx:
            await tx.insert_workflow(Workflow(name="w", description=str(number)))


async def test_two_boards_take_workflow_runs_through_a_diamond(postgres_dsn: str) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    async with (
        Callboard(postgres_dsn, config=replace(CONFIG, node_name="one")) as one,
        Callboard(postgres_dsn, config=replace(CONFIG, node_name="two")) as two,
    ):
        for name in "abcd":
            for board in (one, two):
                await board.define(work, name=name)
        await one.create_workflow(Workflow(name="w"))
        await one.create_trigger(member("start", on_demand(), "a").trigger)
        await one.create_trigger(member("split", when_all("a"), "b", "c").trigger)
        await one.create_trigger(member("join", when_all("b", "c"), "d").trigger)
        boards = (one, two) * (ROUNDS // 2)
        runs = await asyncio.gather(*(board.start_workflow(G, "w") for board in boards))
        for run in runs:
            while not (run := await two.get_workflow_run(run.id)).has_ended:
                live = run.live[0]
                await two.wait_run(live, timeout_s=20)
            assert run.state is W.COMPLETED
            assert {job: len(ids) for job, ids in run.runs.items()} == dict.fromkeys("abcd", 1)
