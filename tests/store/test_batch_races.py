"""Batch runs that two nodes start, restart and end at once, on PostgreSQL: exactly one wins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from callboard.changes.runs import queued_run
from callboard.commands import (
    AbandonRun,
    EndedRun,
    EndRuns,
    RecoverRun,
    RescueRuns,
    RestartRun,
    RetryRun,
    StartNextInstance,
    StartRuns,
    StopRun,
)
from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_step import Checkpoint, StepCounts, StepState
from callboard.domain.run import NewRun, Run, StopMode
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger
from callboard.errors import Conflict
from callboard.store.contract import RunFilter, Store
from callboard.store.contract_chunks import StepNotHeld
from callboard.testing import VirtualClock
from support.batch_node import NUMBER, BatchNode, batch_job, ending
from support.factories import LEASE, NOW, TRACE_ID, make_end, stored_trigger
from support.postgres_store import connected, seen, someone_waits

MONDAY = "2026-01-05"
DATED = {"name": "day", "type": "date", "by_slot": True}
ROUNDS = 5
Pair = tuple[BatchNode, BatchNode]


@pytest.fixture
async def pair(one: Store, two: Store, clock: VirtualClock) -> Pair:
    nodes = BatchNode(one, clock, "node-a"), BatchNode(two, clock, "node-b")
    await nodes[0].define()
    return nodes


async def each_alone(pair: Pair, commands: Sequence[Any]) -> list[Any]:
    """The answers of commands that go to the nodes in turn, each node's one by one."""

    async def by(node: BatchNode, own: Sequence[Any]) -> list[Any]:
        return [(await node.committing.commit(command))[0] for command in own]

    answers = await asyncio.gather(by(pair[0], commands[::2]), by(pair[1], commands[1::2]))
    return [answer for own in answers for answer in own]


async def together(pair: Pair, commands: Sequence[Any]) -> list[Any]:
    """Likewise, each node's in one commit."""
    answers = await asyncio.gather(
        pair[0].committing.commit(*commands[::2]), pair[1].committing.commit(*commands[1::2])
    )
    return [answer for own in answers for answer in own]


WAYS = {MONDAY: each_alone, "2026-01-06": together}
"""By the day of the instance that is fought for."""


def starting(day: str = MONDAY) -> StartRuns:
    return StartRuns(runs=(NewRun(job="settlement", arguments={"day": day}),))


def by_code(answers: Sequence[Any]) -> dict[str, list[Conflict]]:
    """The refusals; anything but a Conflict is not one."""
    refusals: dict[str, list[Conflict]] = {}
    for answer in answers:
        if isinstance(answer, BaseException):
            assert isinstance(answer, Conflict), answer
            refusals.setdefault(answer.code, []).append(answer)
    return refusals


def won(answers: Sequence[Any]) -> list[Run]:
    flat = [answer for answer in answers if not isinstance(answer, BaseException)]
    return [each[0] if isinstance(each, tuple) else each for each in flat]


async def failed(node: BatchNode, day: str = MONDAY) -> Run:
    await node.start(day=day)
    return await node.run(RunState.FAILED)


async def test_of_twenty_starts_exactly_one_wins(pair: Pair):
    """Case 16."""
    for day, way in WAYS.items():
        answers = await way(pair, [starting(day)] * 20)
        (run,) = won(answers)
        refusals = by_code(answers)
        assert [*refusals] == ["instance_already_exists"]
        facts = [refusal.facts for refusal in refusals["instance_already_exists"]]
        assert [each["last_run_id"] for each in facts] == [run.id] * 19
        (instance, *_) = await pair[0].store.list_instances("default", "settlement", 10)
        assert instance.live_run_id == run.id
    assert len(await pair[0].store.list_runs(RunFilter())) == len(WAYS)


async def test_of_twenty_restarts_exactly_one_wins(pair: Pair):
    """Case 50."""
    for day, way in WAYS.items():
        first = await failed(pair[0], day)
        commands = [RestartRun(run_id=first.id), RetryRun(run_id=first.id)] * 10
        answers = await way(pair, commands)
        (run,) = won(answers)
        refusals = by_code(answers)
        assert [*refusals] == ["run_already_running"]
        assert {each.facts["run_id"] for each in refusals["run_already_running"]} == {run.id}
        await pair[0].run()
    assert len(await pair[0].store.list_runs(RunFilter())) == 2 * len(WAYS)


async def test_ten_nexts_have_ten_numbers(pair: Pair):
    """Case 67, B21."""
    await pair[0].define(batch_job("counted", parameters=[NUMBER]))
    numbers: list[Any] = []
    for way in WAYS.values():
        answers = await way(pair, [StartNextInstance(group="default", job="counted")] * 10)
        assert not by_code(answers)
        numbers += [run.arguments["number"] for run in won(answers)]
    assert sorted(numbers) == [*range(1, 21)]


async def test_starts_of_many_at_once_in_other_orders_do_not_fail(pair: Pair):
    days = [f"2026-03-{day:02d}" for day in range(1, 11)]
    for number in range(ROUNDS):
        own = [day.replace("2026", str(2030 + number)) for day in days]
        answers = await asyncio.gather(
            pair[0].committing.commit(*map(starting, own)),
            pair[1].committing.commit(*map(starting, own[::-1])),
        )
        flat = [answer for own_answers in answers for answer in own_answers]
        assert len(won(flat)) == 10
        assert [*by_code(flat)] == ["instance_already_exists"]


async def test_a_bulk_start_against_another_is_whole_or_nothing(pair: Pair):
    for number in range(ROUNDS):
        day, other = f"{2030 + number}-01-01", f"{2030 + number}-01-02"
        runs = tuple(NewRun(job="settlement", arguments={"day": each}) for each in (day, other))
        bulk = StartRuns(runs=runs)
        answers = await asyncio.gather(
            pair[0].committing.commit(bulk), pair[1].committing.commit(starting(other))
        )
        flat = [answer for own in answers for answer in own]
        assert len(won(flat)) == 1
        assert [*by_code(flat)] == ["instance_already_exists"]
        instances = await pair[0].store.list_instances("default", "settlement", 100)
        made = [each for each in instances if each.parameters["day"] in (day, other)]
        assert len(made) == (2 if isinstance(answers[0][0], tuple) else 1)


async def test_a_restart_and_an_abandon_at_once_leave_one_of_them(pair: Pair):
    for number in range(ROUNDS):
        first = await failed(pair[0], f"{2030 + number}-01-01")
        answers = await each_alone(pair, [RestartRun(run_id=first.id), AbandonRun(run_id=first.id)])
        assert len(won(answers)) == 1
        instance = await pair[0].instance(first)
        if won(answers)[0].id == first.id:
            assert instance.state is InstanceState.ABANDONED
        else:
            assert instance.live_run_id == won(answers)[0].id
            await pair[0].ask(StopRun(run_id=won(answers)[0].id, mode=StopMode.KILL))


async def test_an_end_and_a_restart_at_once_never_leave_two_live_runs(pair: Pair):
    for number in range(ROUNDS):
        await pair[0].start(day=f"{2030 + number}-01-01")
        run = await pair[0].claim()
        await pair[0].begin(run)
        end = EndRuns(ended=(EndedRun(run=run, end=make_end(run, RunState.FAILED)),))
        answers = await each_alone(pair, [end, RestartRun(run_id=run.id)])
        instance = await pair[0].instance(run)
        refusals = by_code(answers)
        if refusals:
            assert [*refusals] == ["run_already_running"]
            assert instance.state is InstanceState.FAILED
        else:
            assert instance.live_run_id == answers[1].id
            await pair[0].ask(StopRun(run_id=answers[1].id, mode=StopMode.KILL))


async def test_runs_of_triggers_that_begin_at_once_have_numbers_of_their_own(pair: Pair):
    """B21: neither of them has an instance yet."""
    await pair[0].define(batch_job("counted", parameters=[NUMBER]))
    job = await pair[0].store.get_job("default", "counted")
    assert job is not None
    runs = await _unbegun(pair, job)
    answers = await asyncio.gather(*(node.begin(run) for node, run in zip(pair, runs, strict=True)))
    numbers = [history.runs[0].arguments["number"] for history in answers]
    assert sorted(numbers) == [1, 2]
    for node, run in zip(pair, runs, strict=True):
        await node.end(run)
        assert (await pair[0].instance(run)).state is InstanceState.SUCCEEDED


async def _unbegun(pair: Pair, job: Any) -> list[Run]:
    """A claimed run on each node, as a trigger's firing leaves it."""
    store = pair[0].store
    async with store.begin() as tx:
        ids = await tx.allocate_run_ids(2)
        await tx.insert_runs([queued_run(id, job, {}, TRACE_ID, NOW, NOW) for id in ids])
    return [await node.claim() for node in pair]


async def test_a_restart_and_a_slots_begin_of_one_identity_do_not_wait_for_each_other(
    pair: Pair, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
):
    """Triggers are locked before instances: none of the two is tried again for a deadlock."""
    await pair[0].define(batch_job("dated", parameters=[DATED]))
    stored = await stored_trigger(pair[0].store, job="dated")
    await _fired(pair[0].store, stored)
    first = await pair[0].run(RunState.FAILED)
    await _fired(pair[0].store, stored)
    second = await pair[1].claim()
    tries = [_tries(node, monkeypatch) for node in pair]
    async with connected(postgres_dsn) as other, other.transaction():
        await other.execute("select from callboard.trigger for update")
        beginning = asyncio.ensure_future(pair[1].begin(second))
        await seen(lambda: someone_waits(postgres_dsn))
        restarting = asyncio.ensure_future(pair[0].restart(first.id))
        await seen(lambda: someone_waits(postgres_dsn, waiters=2))
    with pytest.raises(Conflict) as refusal:
        await beginning
    assert refusal.value.code == "instance_already_exists"
    assert (await restarting).previous_run_id == first.id
    assert tries == [[1], [1]]


async def _fired(store: Store, trigger: Trigger) -> None:
    """A run of the trigger's slot of that day."""
    job = await store.get_job("default", "dated")
    assert job is not None
    async with store.begin() as tx:
        (run_id,) = await tx.allocate_run_ids(1)
        run = queued_run(run_id, job, {}, TRACE_ID, NOW, NOW)
        of_slot = replace(run, trigger=trigger.name, trigger_id=trigger.id, slot=NOW)
        await tx.insert_runs([of_slot])


def _tries(node: BatchNode, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many transactions the node has begun from now on."""
    begin, tries = node.store.begin, [0]

    def counted() -> Any:
        tries[0] += 1
        return begin()

    monkeypatch.setattr(node.store, "begin", counted)
    return tries


# the fence


async def test_a_run_that_was_recovered_commits_no_chunk_and_ends_no_step(pair: Pair):
    """Case 71: whoever still works on it can write nothing more."""
    await pair[0].start(day=MONDAY)
    run = await pair[0].claim()
    await pair[0].begin(run)
    step = await pair[0].step(run)
    line = pair[0].store.chunk_line()
    try:
        await line.open_step(step)
        async with line.begin(step, epoch=run.epoch or 0) as chunk:
            await chunk.save(Checkpoint(cursor=3, counts=StepCounts(reads=3, writes=3, commits=1)))
        await pair[1].ask(RecoverRun(run_id=run.id, force=True))
        with pytest.raises(StepNotHeld):
            async with line.begin(step, epoch=run.epoch or 0) as chunk:
                await chunk.save(Checkpoint(cursor=6))
    finally:
        await line.close()
    with pytest.raises(Conflict):
        await pair[0].end_step(step)
    kept = await pair[0].store.get_step(step.id)
    assert kept is not None
    assert (kept.state, kept.checkpoint.cursor) == (StepState.FAILED, 3)
    again = await pair[1].restart(run.id)
    held = await pair[1].claim()
    assert held.id == again.id
    await pair[1].begin(held)
    assert (await pair[1].step(held)).checkpoint.cursor == 3


async def test_a_chunk_that_commits_while_its_run_is_rescued_is_seen_by_the_next_holder(
    pair: Pair, clock: VirtualClock
):
    await pair[0].start(day=MONDAY)
    run = await pair[0].claim()
    await pair[0].begin(run)
    step = await pair[0].step(run)
    line = pair[0].store.chunk_line()
    await clock.advance(LEASE.total_seconds() + 1)
    rescue = RescueRuns(own_epoch=None, crash_budget=3)
    try:
        await line.open_step(step)
        async with line.begin(step, epoch=run.epoch or 0) as chunk:
            await chunk.save(Checkpoint(cursor=3, counts=StepCounts(reads=3)))
            rescuing = asyncio.ensure_future(pair[1].ask(rescue))
            await asyncio.sleep(0)
        assert await rescuing in (0, 1)
    finally:
        await line.close()
    await pair[1].ask(rescue)
    await clock.advance(60)
    held = await pair[1].claim()
    assert held.id == run.id
    await pair[1].begin(held)
    assert (await pair[1].step(held)).checkpoint.cursor == 3


async def test_a_node_that_froze_in_a_commit_keeps_no_other_run_from_being_rescued(
    pair: Pair, clock: VirtualClock
):
    runs = []
    for day in WAYS:
        await pair[0].start(day=day)
        runs.append(await pair[0].claim())
        await pair[0].begin(runs[-1])
    frozen, other = runs
    step, _ = [await pair[0].step(run) for run in runs]
    await clock.advance(LEASE.total_seconds() + 1)
    rescue = RescueRuns(own_epoch=None, crash_budget=3)
    line = pair[0].store.chunk_line()
    try:
        await line.open_step(step)
        async with line.begin(step, epoch=frozen.epoch or 0) as chunk:
            await chunk.save(Checkpoint(cursor=3))
            assert [await pair[1].ask(rescue) for _ in range(2)] == [1, 0]
            assert (await pair[1].present(other.id)).state is RunState.QUEUED
            assert (await pair[1].present(frozen.id)).state is RunState.RUNNING
    finally:
        await line.close()
    assert await pair[1].ask(rescue) == 1
    assert (await pair[1].present(frozen.id)).state is RunState.QUEUED


async def test_a_step_ends_once_although_two_say_so(pair: Pair):
    await pair[0].start(day=MONDAY)
    run = await pair[0].claim()
    await pair[0].begin(run)
    step = await pair[0].step(run)
    succeeded = ending(step, run.epoch)
    as_failed = replace(succeeded, state=StepState.FAILED, exit_code="FAILED")
    answers = await each_alone(pair, [succeeded, as_failed])
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(refusal) for refusal in refusals] == [StepNotHeld]
