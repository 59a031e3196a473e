"""Progress of runs: stored for those that the epoch holds, gone with the next queueing."""

from __future__ import annotations

from callboard.domain.run import Run
from callboard.store.contract import Store
from support.factories import (
    make_end,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    the_run,
)

SAID = {"done": 3, "total": None, "note": "ü", "at": "2026-01-01T00:00:00+00:00"}


async def held_run(store: Store) -> Run:
    return await running_run(store, await stored_job(store), await stored_node(store))


async def report(store: Store, epoch: int, *run_ids: int) -> list[Run]:
    async with store.begin() as tx:
        return await tx.report_progress(epoch, dict.fromkeys(run_ids, SAID))


async def test_what_a_run_said_is_stored_and_stays_after_its_end(store: Store) -> None:
    run = await held_run(store)
    assert run.epoch is not None
    (told,) = await report(store, run.epoch, run.id)
    assert told.progress == SAID
    assert await the_run(store, run.id) == told
    async with store.begin() as tx:
        (ended,) = await tx.end_runs([make_end(run)])
    assert ended.progress == SAID


async def test_another_epoch_and_runs_that_nobody_holds_are_left_alone(store: Store) -> None:
    run = await held_run(store)
    queued = await stored_run(store, await stored_job(store, "other"))
    assert run.epoch is not None
    assert await report(store, run.epoch + 1, run.id) == []
    assert await report(store, run.epoch, queued.id, 987_654) == []
    async with store.begin() as tx:
        await tx.end_runs([make_end(run)])
    assert await report(store, run.epoch, run.id) == []
