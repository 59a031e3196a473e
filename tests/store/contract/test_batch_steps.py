"""Steps of batch runs, the moves between them, and what became of both in the history."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_step import Checkpoint, Move, StepCounts, StepExecution, StepState
from callboard.store.contract import Cutoffs, Store
from callboard.testing import VirtualClock
from support.batch import (
    changed_step,
    chunk_line,
    held_run,
    make_checkpoint,
    make_skipped,
    make_step,
    moves_of,
    put_moves,
    save_chunk,
    steps_of,
    stored_step,
    the_step,
)
from support.factories import LEASE, NOW, after

ALL_COUNTS = StepCounts(
    reads=1,
    writes=2,
    filters=3,
    commits=4,
    rollbacks=5,
    read_skips=6,
    process_skips=7,
    write_skips=8,
    retries=9,
)


async def test_a_stored_step_is_what_was_given_and_its_id(store: Store) -> None:
    held = await held_run(store)
    given = make_step(
        held,
        name="report:north",
        manager_id=3,
        first_id=2,
        visit=2,
        checkpoint=Checkpoint(cursor=[1, "a"], context={"x": None}, counts=ALL_COUNTS),
        plan=({"name": "north", "inputs": {}},),
        expected=10,
    )
    async with store.begin() as tx:
        stored = await tx.insert_step(given)
    assert stored == replace(given, id=stored.id, started_at=NOW)
    assert await the_step(store, stored.id) == stored
    assert await store.get_step(stored.id + 1) is None


async def test_the_steps_of_a_run_come_in_pages_by_id(store: Store) -> None:
    held = await held_run(store)
    a, b, d = [await stored_step(store, held, name=name) for name in ("a", "b", "d")]
    assert await store.list_steps(held.run.id, 2) == [a, b]
    assert await store.list_steps(held.run.id, 2, b.id) == [d]
    assert await store.list_steps(held.run.id + 1, 2) == []


async def test_a_history_has_all_steps_however_many_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.store.postgres_batch.STEPS_PAGE", 2)
    held = await held_run(store)
    steps = [await stored_step(store, held, name=f"s{number}") for number in range(5)]
    history = await store.get_batch_history(held.instance.id)
    assert history is not None
    assert history.steps == tuple(steps)


async def test_a_step_that_begins_afresh_is_the_first_of_its_line(store: Store) -> None:
    held = await held_run(store)
    step = await stored_step(store, held)
    assert step.first_id == step.id
    assert await the_step(store, step.id) == step


@pytest.mark.parametrize("cursor", [None, 0, "", False, {"orders": 17}, 2**60, 1.5])
async def test_a_cursor_comes_back_as_it_was(store: Store, cursor: object) -> None:
    held = await held_run(store)
    checkpoint = Checkpoint(cursor=cursor)  # type: ignore[arg-type]
    step = await stored_step(store, held, checkpoint=checkpoint)
    assert (await the_step(store, step.id)).checkpoint == checkpoint


async def test_the_end_of_a_step_is_written(store: Store) -> None:
    held = await held_run(store)
    step = await stored_step(store, held)
    changes = {
        "state": StepState.FAILED,
        "exit_code": "LOST",
        "exit_message": "its node died",
        "checkpoint": Checkpoint(cursor=9, context={"a": 1}, counts=ALL_COUNTS),
        "plan": ({"name": "p", "inputs": {"x": 1}},),
        "expected": 5,
        "ended_at": after(3),
    }
    assert await changed_step(store, step, **changes) == replace(step, **changes)  # type: ignore[arg-type]


async def test_many_steps_end_at_once(store: Store) -> None:
    held = await held_run(store)
    async with store.begin() as tx:
        steps = [await tx.insert_step(make_step(held, name=f"p:{n}")) for n in range(150)]
    async with store.begin() as tx:
        locked = await tx.lock_running_steps([held.instance.id])
        ended = [_ended(step) for step in locked]
        await tx.update_steps(ended)
    assert locked == steps
    assert await steps_of(store, held.instance) == ended


def _ended(step: StepExecution) -> StepExecution:
    return replace(step, state=StepState.FAILED, exit_code="LOST", ended_at=NOW)


async def test_executions_of_one_step_are_found_by_its_name(store: Store) -> None:
    held = await held_run(store)
    first = await stored_step(store, held, name="a", visit=1)
    await stored_step(store, held, name="a:p")
    second = await stored_step(store, held, name="a", visit=2)
    async with store.begin() as tx:
        assert await tx.steps_named(held.instance.id, "a") == [first, second]
        assert await tx.steps_named(99, "a") == []


async def test_a_lease_runs_until_its_end(store: Store, clock: VirtualClock) -> None:
    held = await held_run(store)

    async def has_lease(epoch: int) -> bool:
        async with store.begin() as tx:
            return await tx.has_lease(epoch)

    assert await has_lease(held.epoch)
    assert not await has_lease(held.epoch + 1)
    await clock.advance(LEASE.total_seconds())
    assert not await has_lease(held.epoch)


async def test_only_running_steps_of_the_instances_are_locked_as_running(store: Store) -> None:
    held = await held_run(store)
    first = await stored_step(store, held, name="a")
    second = await stored_step(store, held, name="b")
    await changed_step(store, first, state=StepState.SUCCEEDED, ended_at=NOW)
    async with store.begin() as tx:
        assert await tx.lock_running_steps([held.instance.id, 99]) == [second]
        assert await tx.lock_running_steps([99]) == []
        assert await tx.lock_running_steps([]) == []
        assert await tx.lock_step(99) is None


async def test_without_a_chunk_about_to_commit_no_instance_is_waited_for(store: Store) -> None:
    held = await held_run(store)
    await stored_step(store, held)
    async with store.begin() as tx:
        assert await tx.committing_instances([held.instance.id, 99]) == set()
        assert await tx.committing_instances([]) == set()


async def test_what_a_chunk_committed_is_seen_by_who_locks_the_step(store: Store) -> None:
    held = await held_run(store)
    step = await stored_step(store, held)
    async with chunk_line(store) as line:
        await save_chunk(line, held, step, make_checkpoint(3, reads=3))
    async with store.begin() as tx:
        [running] = await tx.lock_running_steps([held.instance.id])
        locked = await tx.lock_step(step.id)
    assert running == locked
    assert running.checkpoint == make_checkpoint(3, reads=3)
    assert running.committed_at == NOW


async def test_moves_are_kept_in_the_order_in_which_they_were_made(store: Store) -> None:
    held = await held_run(store)
    a = Move(node="a", code="X", target={"to": "b"}, run_id=1, at=after(1))
    b = Move(node="b", code="Y", target={"stop": None}, run_id=1, at=after(2))
    again = Move(node="a", visit=2, code="Z", target={"end": "Z"}, run_id=2, at=after(3))
    await put_moves(store, held.instance, a, b)
    await put_moves(store, held.instance, again)
    assert await moves_of(store, held.instance) == [a, b, again]


async def test_a_move_of_the_same_node_and_visit_replaces_the_one_before(store: Store) -> None:
    held = await held_run(store)
    a, b = (Move(node=node, code="X", target={"to": "c"}) for node in "ab")
    await put_moves(store, held.instance, a, b)
    new = Move(node="a", code="Y", target={"end": "Y"}, run_id=4)
    await put_moves(store, held.instance, a, new)
    assert await moves_of(store, held.instance) == [replace(b, at=NOW), replace(new, at=NOW)]
    await put_moves(store, held.instance)
    assert len(await moves_of(store, held.instance)) == 2


async def test_steps_and_moves_get_other_names_and_dropped_ones_go(store: Store) -> None:
    """B18: a renamed step is mapped explicitly; its partitions go with it."""
    held = await held_run(store)
    names = {"load": "read", "read": "load", "gone": None}
    for name, manager_id in (("load", None), ("load:p", 1), ("gone", None), ("gone:p", 2)):
        await stored_step(store, held, name=name, manager_id=manager_id)
    await stored_step(store, held, name="other")
    moves = [
        Move(node="load", code="A", target={"to": "other"}, at=NOW),
        Move(node="read", code="A", target={"stop": "load"}, at=NOW),
        Move(node="other", code="A", target={"to": "gone"}, at=NOW),
        Move(node="gone", code="A", target={"end": "A"}, at=NOW),
    ]
    await put_moves(store, held.instance, *moves)
    async with store.begin() as tx:
        await tx.rename_steps(held.instance.id, names)
    assert [step.name for step in await steps_of(store, held.instance)] == [
        "read",
        "read:p",
        "other",
    ]
    assert await moves_of(store, held.instance) == [
        replace(moves[0], node="read"),
        replace(moves[1], node="load", target={"stop": "read"}),
    ]


async def test_skipped_items_are_listed_by_step_and_by_run(store: Store) -> None:
    held = await held_run(store)
    a, b = await stored_step(store, held, name="a"), await stored_step(store, held, name="b")
    async with chunk_line(store) as line:
        await save_chunk(line, held, a, a.checkpoint, [make_skipped("1"), make_skipped("2")])
        await save_chunk(line, held, b, b.checkpoint, [make_skipped("3", "read")])
        await save_chunk(line, held, a, a.checkpoint, [make_skipped("4")])
    of_a = await store.list_skipped_items(step_id=a.id, limit=9)
    assert of_a == [replace(make_skipped(n), step_id=a.id, at=NOW) for n in "124"]
    of_run = await store.list_skipped_items(run_id=held.run.id, limit=2, after=1)
    assert [item.item for item in of_run] == ["2", "3"]
    assert await store.list_skipped_items(run_id=99, limit=9) == []


async def _closed(store: Store, state: InstanceState) -> int:
    held = await held_run(store)
    step = await stored_step(store, held)
    async with chunk_line(store) as line:
        await save_chunk(line, held, step, step.checkpoint, [make_skipped("1"), make_skipped("2")])
    await changed_step(store, step, state=StepState.SUCCEEDED, ended_at=NOW)
    await put_moves(store, held.instance, Move(node="load", code="A", target={"end": "A"}))
    async with store.begin() as tx:
        ended = replace(held.instance, state=state, live_run_id=None, ended_at=NOW)
        await tx.update_instances([ended])
    return held.instance.id


async def _left(store: Store, instance_id: int) -> tuple[int, int, int]:
    history = await store.get_batch_history(instance_id)
    assert history is not None
    skips = await store.list_skipped_items(run_id=history.runs[0].run_id, limit=9)
    return len(skips), len(history.steps), len(history.moves)


@pytest.mark.parametrize("state", [InstanceState.SUCCEEDED, InstanceState.ABANDONED])
async def test_steps_of_closed_instances_leave_the_history_and_the_identity_stays(
    store: Store, state: InstanceState
) -> None:
    instance_id = await _closed(store, state)
    await store.prune(Cutoffs(ended_runs=NOW))
    assert await _left(store, instance_id) == (2, 1, 1)
    removed = await store.prune(Cutoffs(ended_runs=after(1), limit=1))
    assert (removed["batch_skips"], removed["batch_steps"], removed["batch_moves"]) == (1, 0, 0)
    removed = await store.prune(Cutoffs(ended_runs=after(1), limit=1))
    assert (removed["batch_skips"], removed["batch_steps"], removed["batch_moves"]) == (1, 1, 1)
    assert await _left(store, instance_id) == (0, 0, 0)
    removed = await store.prune(Cutoffs(ended_runs=after(1)))
    assert (removed["batch_skips"], removed["batch_steps"], removed["batch_moves"]) == (0, 0, 0)


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.STOPPED])
async def test_steps_of_instances_that_can_be_restarted_stay(
    store: Store, state: InstanceState
) -> None:
    instance_id = await _closed(store, state)
    await store.prune(Cutoffs(ended_runs=after(10**6)))
    assert await _left(store, instance_id) == (2, 1, 1)
