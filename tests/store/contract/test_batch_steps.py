"""Steps of batch runs, the moves between them, and what became of both in the history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import Checkpoint, Move, StepCounts, StepExecution, StepState
from callboard.store.contract import Cutoffs, Store
from callboard.testing import VirtualClock
from support.batch import (
    Held,
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


async def test_an_outline_has_the_last_execution_of_each_step_and_no_partition_that_has_ended(
    store: Store,
) -> None:
    held = await held_run(store)
    names = ["b", "a", "a;", "a.b", "a", "\u00e4", "b", "a"]
    steps = [await _over(store, held, name=name, visit=n + 1) for n, name in enumerate(names)]
    for name in ("a:a", "a:z", "b:1", "z:1"):
        await _over(store, held, name=name, manager_id=steps[0].id)
    async with store.begin() as tx:
        outline = await tx.outline_of_instance(held.instance.id)
        assert outline == [steps[2], steps[3], *steps[5:]]
        assert await tx.outline_of_instance(held.instance.id + 1) == []


async def test_an_outline_has_all_that_runs(store: Store) -> None:
    held = await held_run(store)
    running = [
        await stored_step(store, held, name="a"),
        await stored_step(store, held, name="a:p", manager_id=1),
        await stored_step(store, held, name="a", visit=2),
    ]
    async with store.begin() as tx:
        assert await tx.outline_of_instance(held.instance.id) == running


async def test_partitions_are_counted_by_their_step(store: Store) -> None:
    held = await held_run(store)
    one, two, none = [await stored_step(store, held, visit=n) for n in (1, 2, 3)]
    for number, manager in enumerate((one, one, two)):
        checkpoint = Checkpoint(counts=ALL_COUNTS)
        name = f"load:{number}"
        await stored_step(store, held, name=name, manager_id=manager.id, checkpoint=checkpoint)
    async with store.begin() as tx:
        counts = await tx.partition_counts([one, two, none])
        assert counts == {one.id: ALL_COUNTS.plus(ALL_COUNTS), two.id: ALL_COUNTS}
        assert await tx.partition_counts([]) == {}


async def test_a_step_that_goes_on_knows_what_those_before_it_have_counted(store: Store) -> None:
    held = await held_run(store)
    checkpoint = Checkpoint(counts=ALL_COUNTS)
    first = await _over(store, held, checkpoint=checkpoint)
    await _over(store, held, checkpoint=checkpoint)  # began afresh
    second = await _over(store, held, first_id=first.id)
    third = await stored_step(store, held, first_id=first.id, checkpoint=checkpoint)
    assert await store.counts_before(third.id) == {first.id: ALL_COUNTS, second.id: StepCounts()}
    assert await store.counts_before(first.id) == {}
    assert await store.counts_before(third.id + 1) == {}


async def test_the_steps_of_an_instance_come_in_pages_without_partitions(store: Store) -> None:
    held = await held_run(store)
    a = await stored_step(store, held, name="a")
    await stored_step(store, held, name="a:p", manager_id=a.id)
    b, d = [await stored_step(store, held, name=name) for name in ("b", "d")]
    assert await store.list_instance_steps(held.instance.id, 2) == [a, b]
    assert await store.list_instance_steps(held.instance.id, 2, b.id) == [d]
    assert await store.list_instance_steps(held.instance.id + 1, 2) == []


async def test_partitions_come_in_pages_by_name_backwards_as_they_were_executed_last(
    store: Store,
) -> None:
    held = await held_run(store)
    first = await stored_step(store, held, name="a")
    await _over(store, held, name="a:1", manager_id=first.id, state=StepState.FAILED)
    await _over(store, held, name="a:2", manager_id=first.id)
    await _over(store, held, name="a:1", manager_id=first.id, visit=2)
    await _over(store, held, name="a;:0", manager_id=first.id)
    await _over(store, held, name="a:1", manager_id=7)
    await stored_step(store, held, name="a:\u00e4:1", manager_id=7)

    def record(name: str, manager_id: int, state: StepState, code: str) -> PartitionRecord:
        return PartitionRecord(name=name, manager_id=manager_id, state=state, exit_code=code)

    records = [
        record("a:\u00e4:1", 7, StepState.RUNNING, "EXECUTING"),
        record("a:2", first.id, StepState.SUCCEEDED, "COMPLETED"),
        record("a:1", 7, StepState.SUCCEEDED, "COMPLETED"),
    ]
    assert await store.list_partitions(held.instance.id, "a", 1, 2) == records[:2]
    assert await store.list_partitions(held.instance.id, "a", 1, 2, "a:2") == records[2:]
    assert await store.list_partitions(held.instance.id, "b", 1, 2) == []


async def test_moves_come_in_pages_by_node_and_visit(store: Store) -> None:
    held = await held_run(store)
    places = [("b", 1), ("a", 2), ("a", 10), ("\u00e4", 1)]
    moves = [Move(node=n, visit=v, code="A", target={"end": "A"}, at=NOW) for n, v in places]
    await put_moves(store, held.instance, *moves)
    listed = await store.list_moves(held.instance.id, 3)
    assert listed == [moves[1], moves[2], moves[0]]
    assert await store.list_moves(held.instance.id, 3, ("b", 1)) == moves[3:]
    assert await store.list_moves(held.instance.id + 1, 3) == []


async def test_ways_are_told_once_in_the_order_in_which_they_were_taken(store: Store) -> None:
    held = await held_run(store)
    ways = [
        Move(node="b", code="A", target={"to": "a"}),
        Move(node="a", code="A", target={"to": "b"}),
        Move(node="a", code="B", target={"to": "b"}),
    ]
    taken = [replace(ways[n], visit=visit) for visit, n in enumerate((0, 1, 0, 2, 1), start=1)]
    await put_moves(store, held.instance, *taken)
    async with store.begin() as tx:
        assert await tx.ways_of_instance(held.instance.id) == ways


async def _over(store: Store, held: Held, **changes: Any) -> StepExecution:
    """A step that has come to its end."""
    values = {"state": StepState.SUCCEEDED, "exit_code": "COMPLETED", "ended_at": NOW, **changes}
    return await stored_step(store, held, **values)


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


async def test_the_last_execution_of_a_step_on_a_visit_is_found(store: Store) -> None:
    held = await held_run(store)
    await _over(store, held, name="a")
    last = await _over(store, held, name="a")
    await stored_step(store, held, name="a:p", manager_id=last.id)
    round_two = await stored_step(store, held, name="a", visit=2)
    async with store.begin() as tx:
        assert await tx.last_execution(held.instance.id, "a", 1) == last
        assert await tx.last_execution(held.instance.id, "a", 2) == round_two
        assert await tx.last_execution(held.instance.id, "a", 3) is None
        assert await tx.last_execution(99, "a", 1) is None


async def test_executions_of_a_step_are_counted_as_far_as_is_asked(store: Store) -> None:
    held = await held_run(store)
    for visit in (1, 2, 3):
        await stored_step(store, held, name="a", visit=visit)
    await stored_step(store, held, name="a:p", manager_id=1)
    async with store.begin() as tx:
        counts = [await tx.count_executions(held.instance.id, "a", most) for most in (2, 3, 9)]
        assert counts == [2, 3, 3]
        assert await tx.count_executions(held.instance.id, "b", 9) == 0


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
    ids = [item.id for item in of_a]
    assert ids == sorted(set(ids))
    assert of_a == [
        replace(make_skipped(n), id=id, step_id=a.id, at=NOW)
        for n, id in zip("124", ids, strict=True)
    ]
    assert await store.list_skipped_items(step_id=a.id, limit=1, after=ids[0]) == of_a[1:2]
    of_run = await store.list_skipped_items(run_id=held.run.id, limit=2, after=ids[0])
    assert [item.item for item in of_run] == ["2", "3"]
    assert await store.list_skipped_items(run_id=99, limit=9) == []


async def test_no_item_comes_twice_where_an_earlier_chunk_commits_between_two_pages(
    store: Store,
) -> None:
    held = await held_run(store)
    a, b = await stored_step(store, held, name="a:1"), await stored_step(store, held, name="a:2")
    async with chunk_line(store) as line:
        async with line.begin(a, epoch=held.epoch) as late:
            await late.save(a.checkpoint, [make_skipped("late")])
            await save_chunk(line, held, b, b.checkpoint, [make_skipped("1")])
            (first,) = await store.list_skipped_items(run_id=held.run.id, limit=1)
        rest = await store.list_skipped_items(run_id=held.run.id, limit=9, after=first.id)
    assert (first.item, first.id in {item.id for item in rest}) == ("1", False)


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


async def test_the_runs_of_an_instance_that_was_pruned_keep_their_parameters_alone(
    store: Store,
) -> None:
    instance_id = await _closed(store, InstanceState.SUCCEEDED)
    (run,) = await store.list_batch_runs(instance_id)
    kept = replace(run, exit_code="DONE")
    async with store.begin() as tx:
        full = replace(kept, context={"sum": 6}, definition={"steps": [], "flow": None})
        await tx.update_batch_runs([full])
    await store.prune(Cutoffs(ended_runs=NOW))
    assert await store.list_batch_runs(instance_id) == [full]
    await store.prune(Cutoffs(ended_runs=after(1)))
    assert await store.list_batch_runs(instance_id) == [kept]


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.STOPPED])
async def test_steps_of_instances_that_can_be_restarted_stay(
    store: Store, state: InstanceState
) -> None:
    instance_id = await _closed(store, state)
    await store.prune(Cutoffs(ended_runs=after(10**6)))
    assert await _left(store, instance_id) == (2, 1, 1)
