"""After a storm: what is to happen by itself happens, and nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from acceptance.boards import is_ready
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.timed_work import DELAYS
from callboard import Callboard
from callboard.domain.backfill import BackfillState
from callboard.domain.claim_window import SCAN_EVERY_S
from callboard.domain.overlap import OverlapPolicy
from callboard.domain.states import LIVE, RunState
from callboard.store.contract import BackfillFilter, RunFilter, TriggerFilter

FROZEN_DELAYS: Final = (
    "select name from callboard.trigger as t where schedule ->> 'kind' = 'delay'"
    " and (state <> 'active' or next_slot is null and not exists"
    " (select from callboard.live_run where trigger_id = t.id and state <> 'parked'))"
)
FIRINGS: Final = "select sum(firings) from callboard.trigger where name = any($1)"
ORPHANED_SHARDS: Final = (
    "select count(*) from callboard.scheduler_shard as shard where not exists"
    " (select from callboard.scheduler_lease as lease"
    " where lease.epoch = shard.epoch and lease.firing_until > clock_timestamp())"
)
STUCK_S: Final = 2 * SCAN_EVERY_S
"""So long no run ends, and all that are due were looked for: then those that are left never
will."""


async def calmed(board: Callboard, place: Place) -> int:
    """Nothing is paused, delays go on by themselves, and every backfill completes.

    Somebody decides the slots of every shard. Runs that wait for an operator are stopped: who
    shared a node with one that kills nodes may have spent its crash budget too. How many they were.
    """
    parked = 0
    await until(partial(is_ready, board), "the board is ready")

    async def are_owned() -> bool:
        return not await place.value(ORPHANED_SHARDS)

    await until(are_owned, "every shard has an owner")
    await board.resume_triggers(TriggerFilter())
    changing = await board.get_trigger("default", "changing")
    # It had all policies in turn; the checker goes by the last one.
    await board.replace_trigger(replace(changing, overlap=OverlapPolicy()))

    async def are_alive() -> bool:
        return not await place.rows(FROZEN_DELAYS)

    assert await are_alive(), await place.rows(FROZEN_DELAYS)
    before = await place.value(FIRINGS, [*DELAYS])

    async def have_fired() -> bool:
        return bool(await place.value(FIRINGS, [*DELAYS]) > before + 2)

    await until(have_fired, "delays go on")

    async def are_completed() -> bool:
        nonlocal parked
        parked += await stop_parked(board)
        backfills = await board.list_backfills(BackfillFilter(limit=100))
        for backfill in backfills:
            if backfill.state is BackfillState.PAUSED:
                await board.resume_backfill(backfill.id)
        return all(each.state is BackfillState.COMPLETED for each in backfills)

    await until(are_completed, "all backfills are completed")
    return parked


async def drained(board: Callboard, say: Callable[[str], None] = print) -> None:
    """No trigger is active, and every run has ended, but for those that wait for an operator."""
    for trigger in await board.list_triggers(TriggerFilter(limit=1000)):
        await board.deactivate_trigger(trigger.group, trigger.name)
    left = [*LIVE - {RunState.PARKED}]
    while runs := await board.list_runs(RunFilter(states=tuple(left), limit=1000)):
        say(f"{len(runs)} runs are left")

        async def are_fewer(before: int = len(runs)) -> bool:
            now = await board.list_runs(RunFilter(states=tuple(left), limit=1000))
            return len(now) < before

        try:
            await until(are_fewer, "more runs end", within_s=STUCK_S)
        except AssertionError as error:
            error.add_note("\n".join(str(run) for run in runs[:10]))
            raise


async def stop_parked(board: Callboard) -> int:
    """Stop the runs that wait for an operator; how many there were."""
    parked = await board.list_runs(RunFilter(states=(RunState.PARKED,), limit=1000))
    for run in parked:
        await board.stop_run(run.id)
    return len(parked)
