"""Conditional triggers on real databases, with two nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import (
    CreateJob,
    CreateTrigger,
    DeleteJob,
    EndedRun,
    EndRuns,
    EvaluateConditions,
    ReplaceTrigger,
    StopRun,
)
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.run import Run, StopMode
from callboard.domain.schedule import Schedule, when_all, when_any
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, OnMissing, Trigger
from callboard.errors import Conflict, InvalidInput, StoreUnavailable
from callboard.store.contract import RunFilter, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.committing import Committing
from support.factories import (
    NOW,
    claimed_runs,
    make_end,
    make_job,
    stored_job,
    stored_node,
    stored_runs,
)

DAY = timedelta(days=1)


def trigger_of(name: str, schedule: Schedule, starts: str = "c") -> Trigger:
    return Trigger(name=name, schedule=schedule, actions=(Action(job=starts),))


async def running(store: Store, jobs: Sequence[str], count: int = 1) -> list[Run]:
    """So many runs of each of the new jobs, on a new node."""
    node = await stored_node(store, lease=DAY)
    for name in jobs:
        await stored_runs(store, await stored_job(store, name), count)
    return await claimed_runs(store, node)


def end(run: Run, state: RunState = RunState.SUCCEEDED) -> EndRuns:
    return EndRuns(ended=(EndedRun(run=run, end=make_end(run, state)),))


async def entries(store: Store, trigger: Trigger) -> list[LedgerEntry]:
    since, until = NOW - DAY, NOW + DAY
    return await store.read_ledger(trigger.id, since=since, until=until, limit=1000)


async def evaluate(store: Store, clock: VirtualClock, events: int = 5) -> int:
    """How often the follower was another node's."""
    committing, busy = Committing(store, clock), 0
    while True:
        (found,) = await committing.commit(EvaluateConditions(events=events))
        if isinstance(found, StoreUnavailable):
            continue  # as the evaluator does: what it lost a race for is rolled back
        busy += found.is_busy
        if not (found.is_busy or found.again):
            return busy
        await asyncio.sleep(0)


@on_databases
async def test_two_nodes_fire_each_set_once(store: Store, peer: Store, clock: VirtualClock) -> None:
    """G45: they end runs and evaluate at the same time."""
    runs = await running(store, ["a", "b"], 20)
    await stored_job(store, "c")
    one, other = Committing(store, clock), Committing(peer, clock)
    (each, both) = await one.commit(
        CreateTrigger(trigger=trigger_of("each", when_any("a"))),
        CreateTrigger(trigger=trigger_of("both", when_all("a", "b"))),
    )

    async def work(committing: Committing, of: Store, mine: Sequence[Run]) -> None:
        for run in mine:
            await committing.commit(end(run))
            await evaluate(of, clock)

    await asyncio.gather(work(one, store, runs[::2]), work(other, peer, runs[1::2]))
    await evaluate(store, clock)
    fired = await entries(store, each)
    assert [entry.decision for entry in fired] == [Decision.FIRED] * 20
    causes = [run_id for entry in fired for run_id in entry.caused_by]
    assert sorted(causes) == sorted(run.id for run in runs if run.job == "a")
    started = await store.list_runs(RunFilter(trigger="each", limit=1000))
    assert {run.id for run in started} == {entry.run_ids[0] for entry in fired}
    used = [run_id for entry in await entries(store, both) for run_id in entry.caused_by]
    assert len(used) == len(set(used))


@on_databases
async def test_an_evaluation_that_dies_leaves_nothing(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    (run,) = await running(store, ["a"])
    await stored_job(store, "c")
    committing = Committing(store, clock)
    (trigger,) = await committing.commit(CreateTrigger(trigger=trigger_of("t", when_any("a"))))
    await evaluate(peer, clock)
    await committing.commit(end(run))
    with suppress(InterruptedError):
        async with store.begin() as tx:
            work = Work(tx=tx, new_trace_id=lambda: "0" * 32)
            (found,) = await apply_all(work, [EvaluateConditions()])
            assert found is not None
            (busy,) = await Committing(peer, clock).commit(EvaluateConditions())
            assert busy.is_busy
            raise InterruptedError
    assert await entries(store, trigger) == []
    await evaluate(peer, clock)
    await evaluate(store, clock)
    assert [entry.caused_by for entry in await entries(store, trigger)] == [(run.id,)]


@on_databases
async def test_r11_of_two_that_close_a_cycle_at_once_one_is_refused(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """R11"""
    for name in "abcd":
        await stored_job(store, name)
    one, other = Committing(store, clock), Committing(peer, clock)
    await one.commit(CreateTrigger(trigger=trigger_of("ab", when_all("a"), "b")))
    await one.commit(CreateTrigger(trigger=trigger_of("cd", when_all("c"), "d")))
    answers = await asyncio.gather(
        one.commit(CreateTrigger(trigger=trigger_of("bc", when_all("b"), "c"))),
        other.commit(CreateTrigger(trigger=trigger_of("da", when_all("d"), "a"))),
    )
    kinds = sorted(type(answer).__name__ for (answer,) in answers)
    assert kinds == ["InvalidInput", "Trigger"]
    answers = await asyncio.gather(
        one.commit(ReplaceTrigger(trigger=trigger_of("ab", when_all("b"), "a"))),
        other.commit(ReplaceTrigger(trigger=trigger_of("new", when_all("a"), "b"))),
    )
    assert [type(answer) for (answer,) in answers].count(InvalidInput) == 1


@on_databases
async def test_a_job_is_watched_or_deleted_never_both(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    for name in "ac":
        await stored_job(store, name)
    created, deleted = await asyncio.gather(
        Committing(store, clock).commit(CreateTrigger(trigger=trigger_of("t", when_any("a")))),
        Committing(peer, clock).commit(DeleteJob(group="default", name="a")),
    )
    kinds = {type(created[0]), type(deleted[0])}
    assert kinds in ({Trigger, Conflict}, {InvalidInput, type(None)})


@on_databases
async def test_a_job_that_is_made_while_it_begins_to_be_watched_is_watched(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    await stored_job(store, "c")
    one, other = Committing(store, clock), Committing(peer, clock)
    wanted = replace(trigger_of("t", when_any("a")), on_missing=OnMissing.SKIP)
    (trigger,), _ = await asyncio.gather(
        one.commit(CreateTrigger(trigger=wanted)), other.commit(CreateJob(job=make_job("a")))
    )
    for again in (False, True):
        if again:
            await one.commit(DeleteJob(group="default", name="a"))
            await other.commit(CreateJob(job=make_job("a")))
        job = await store.get_job("default", "a")
        assert job is not None
        await stored_runs(store, job, 1)
        (run,) = await claimed_runs(store, await stored_node(store, f"n{again}", lease=DAY))
        await one.commit(end(run))
        await evaluate(peer, clock)
        entry = (await entries(store, trigger))[-1]
        assert entry.caused_by == (run.id,)
        stop = StopRun(run_id=entry.run_ids[0], mode=StopMode.COOPERATIVE, grace_s=0)
        await one.commit(stop)
    assert len(await entries(store, trigger)) == 2


@on_databases
async def test_whoever_is_activated_before_an_end_is_told_of_it(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """R13: also when an evaluation is under way just then."""
    runs = await running(store, ["a"], 10)
    await stored_job(store, "c")
    one, other = Committing(store, clock), Committing(peer, clock)
    await one.commit(CreateTrigger(trigger=trigger_of("first", when_any("a"))))

    async def create_and_end() -> list[Trigger]:
        triggers = []
        for number, run in enumerate(runs):
            (each,) = await one.commit(
                CreateTrigger(trigger=trigger_of(f"t{number}", when_any("a")))
            )
            triggers.append(each)
            await one.commit(end(run))
        return triggers

    async def go_on() -> None:
        for _ in range(30):
            await other.commit(EvaluateConditions(events=3))

    triggers, _ = await asyncio.gather(create_and_end(), go_on())
    await evaluate(store, clock)
    firings = [len(await entries(store, each)) for each in triggers]
    assert firings == list(range(10, 0, -1))
