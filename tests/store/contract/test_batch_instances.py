"""Batch instances and their runs: stored once, changed, listed, deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.batch_instance import BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_step import Move
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.batch import (
    chunk_line,
    held_run,
    make_instance,
    make_skipped,
    put_moves,
    save_chunk,
    stored_instance,
    stored_step,
)
from support.factories import NOW, after
from support.rollback import rolled_back


async def test_a_stored_instance_is_what_was_given_and_its_id(store: Store) -> None:
    given = make_instance("a", group="g", live_run_id=7)
    async with store.begin() as tx:
        stored, is_new = await tx.insert_instance(given)
    assert is_new
    assert stored == replace(given, id=stored.id, created_at=NOW)
    assert await store.get_instance(stored.id) == stored
    assert await store.get_instance(stored.id + 1) is None


async def test_the_second_of_an_identity_is_the_first(store: Store) -> None:
    first = await stored_instance(store, "a", live_run_id=1)
    async with store.begin() as tx:
        found = await tx.insert_instance(make_instance("a", live_run_id=2, parameters={"b": 1}))
    assert found == (first, False)


@pytest.mark.parametrize("change", [{"group": "g"}, {"job": "other"}, {"key": "b"}])
async def test_another_group_job_or_key_is_another_instance(
    store: Store, change: dict[str, str]
) -> None:
    first = await stored_instance(store, "a")
    async with store.begin() as tx:
        second, is_new = await tx.insert_instance(replace(make_instance("a"), **change))  # type: ignore[arg-type]
    assert is_new
    assert second.id > first.id


@pytest.mark.parametrize("key", ["a", "b"])
async def test_an_instance_that_was_rolled_back_is_none(store: Store, key: str) -> None:
    async with rolled_back(store) as tx:
        await tx.insert_instance(make_instance("a"))
    async with store.begin() as tx:
        _, is_new = await tx.insert_instance(make_instance(key))
    assert is_new


@on_databases
@pytest.mark.parametrize("fails", [False, True])
async def test_who_meets_an_identity_in_the_making_waits_for_what_becomes_of_it(
    store: Store, peer: Store, fails: bool
) -> None:
    made = asyncio.Event()

    async def make() -> BatchInstance:
        async with store.begin() as tx:
            instance, _ = await tx.insert_instance(make_instance("a", live_run_id=1))
            made.set()
            await asyncio.sleep(0.1)  # the other one waits on the database meanwhile
            if fails:
                raise RuntimeError("rolled back")
        return instance

    async def meet() -> tuple[BatchInstance, bool]:
        await made.wait()
        async with peer.begin() as tx:
            return await tx.insert_instance(make_instance("a", live_run_id=2))

    first, second = await asyncio.gather(make(), meet(), return_exceptions=True)
    assert not isinstance(second, BaseException)
    if fails:
        assert (second[0].live_run_id, second[1]) == (2, True)
    else:
        assert second == (first, False)


async def test_its_life_is_written_and_its_identity_never(store: Store) -> None:
    first = await stored_instance(store, "a")
    ended = replace(
        first,
        state=InstanceState.FAILED,
        live_run_id=None,
        last_run_id=9,
        ended_at=after(5),
        key="z",
        parameters={},
    )
    async with store.begin() as tx:
        locked = await tx.lock_instances([first.id, 99])
        await tx.update_instances([ended])
        found = await tx.find_instances([99, first.id])
    assert locked == {first.id: first}
    assert found == {first.id: replace(ended, key="a", parameters=first.parameters)}


async def test_the_last_instance_of_a_job_is_the_one_created_last(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.last_instance("default", "load") is None
    for key in "abc":
        await stored_instance(store, key)
    await stored_instance(store, "d", job="other")
    async with store.begin() as tx:
        last = await tx.last_instance("default", "load")
    assert last is not None
    assert last.key == "c"


async def test_instances_of_a_job_are_listed_newest_first_by_pages(store: Store) -> None:
    for key in "abcd":
        await stored_instance(store, key)
    await stored_instance(store, "x", group="g")
    page = await store.list_instances("default", "load", 3)
    assert [each.key for each in page] == ["d", "c", "b"]
    rest = await store.list_instances("default", "load", 3, page[-1].id)
    assert [each.key for each in rest] == ["a"]
    assert await store.list_instances("default", "unknown", 3) == []


async def test_a_batch_run_is_what_was_given(store: Store) -> None:
    instance = await stored_instance(store)
    given = BatchRun(
        run_id=5,
        instance_id=instance.id,
        arguments={"n": 1, "operator": "ä"},
        references=("operator",),
        context={"loaded": 3},
        exit_code="COMPLETED WITH SKIPS",
        exit_message="two",
        definition={"steps": [{"name": "load"}], "flow": {}},
        mapped={"load": None},
        begun_at=after(1),
        recovered_at=after(2),
        recovery="dead",
    )
    plain = BatchRun(run_id=6, instance_id=instance.id, arguments={})
    async with store.begin() as tx:
        await tx.insert_batch_run(plain)
        await tx.insert_batch_run(given)
    async with store.begin() as tx:
        assert await tx.find_batch_runs([5, 6, 7]) == {5: given, 6: plain}
    assert await store.get_batch_runs([5, 7]) == {5: given}
    assert await store.list_batch_runs(instance.id) == [given, plain]
    assert await store.list_batch_runs(instance.id + 1) == []


async def test_a_batch_run_keeps_its_parameters_and_its_mapping(store: Store) -> None:
    instance = await stored_instance(store)
    given = BatchRun(run_id=5, instance_id=instance.id, arguments={"n": 1})
    changed = replace(
        given,
        arguments={},
        mapped={"a": "b"},
        context={"a": 1},
        exit_code="FAILED",
        exit_message="why",
        definition={"steps": []},
        begun_at=after(1),
        recovered_at=after(2),
        recovery="dead",
    )
    async with store.begin() as tx:
        await tx.insert_batch_run(given)
        await tx.update_batch_runs([changed, replace(changed, run_id=6)])
    kept = replace(changed, arguments={"n": 1}, mapped=None)
    assert await store.get_batch_runs([5, 6]) == {5: kept}


async def test_a_history_has_all_that_the_instance_has_done(store: Store) -> None:
    held = await held_run(store)
    first, second = await stored_step(store, held), await stored_step(store, held, name="b")
    await stored_instance(store, "other")
    move = Move(node="load", code="COMPLETED", target={"to": "b"}, run_id=held.run.id)
    await put_moves(store, held.instance, move)
    history = await store.get_batch_history(held.instance.id)
    assert history is not None
    assert history.instance == held.instance
    assert [run.run_id for run in history.runs] == [held.run.id]
    assert history.steps == (first, second)
    assert history.moves == (replace(move, at=NOW),)
    assert await store.get_batch_history(99) is None


async def test_a_deleted_instance_leaves_nothing_but_its_runs(store: Store) -> None:
    held = await held_run(store)
    step = await stored_step(store, held)
    await put_moves(store, held.instance, Move(node="load", code="A", target={"end": "A"}))
    async with chunk_line(store) as line:
        await save_chunk(line, held, step, step.checkpoint, [make_skipped()])
    async with store.begin() as tx:
        assert await tx.delete_instance(held.instance.id)
    async with store.begin() as tx:
        assert not await tx.delete_instance(held.instance.id)
        assert await tx.ways_of_instance(held.instance.id) == []
    assert await store.get_batch_history(held.instance.id) is None
    assert await store.get_step(step.id) is None
    assert await store.get_batch_runs([held.run.id]) == {}
    assert await store.list_skipped_items(step_id=step.id, limit=9) == []
    assert await store.get_run(held.run.id) is not None
    again = await stored_instance(store)
    assert again.id != held.instance.id


async def test_an_origin_stays_and_is_the_same_for_all_nodes(store: Store, peer: Store) -> None:
    assert await store.batch_origin() == await store.batch_origin() == await peer.batch_origin()
    assert len(await store.batch_origin()) >= 32


async def test_a_rollback_takes_all_of_it_back(store: Store, clock: VirtualClock) -> None:
    held = await held_run(store)
    before = await store.get_batch_history(held.instance.id)
    async with rolled_back(store) as tx:
        await tx.delete_instance(held.instance.id)
    assert await store.get_batch_history(held.instance.id) == before
