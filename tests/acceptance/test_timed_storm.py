"""Nodes are killed and frozen while triggers are paused, edited, fired and backfilled: each slot is
accounted for, and nothing is left behind (H01, M05, M08, M09, M10, M11, D09).
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random

import pytest

from acceptance.boards import drain, is_ready, real_board
from acceptance.meddler import Meddler, begin_backfills
from acceptance.nodes import QUICK, Company, NodeProcess, company, until
from acceptance.places import Place
from acceptance.servers import FragileServer
from acceptance.timed_work import DELAYS, FILLED, PERIODS, TURNED, define_timed
from acceptance.workload import executions
from callboard import Callboard
from callboard.domain.backfill import BackfillState
from callboard.domain.trigger import OverlapPolicy
from callboard.store.contract import BackfillFilter, TriggerFilter
from support.history import History, faults_of_runs
from support.slot_promises import BackfilledFact, faults_of_slots, read_backfilled

FROZEN_DELAYS = (
    "select name from callboard.trigger as t where schedule ->> 'kind' = 'delay'"
    " and (state <> 'active' or next_slot is null and not exists"
    " (select from callboard.live_run where trigger_id = t.id and state <> 'parked'))"
)
FIRINGS = "select sum(firings) from callboard.trigger where name = any($1)"


async def rage(
    nodes: Company, random: Random, *, size: int, strikes: int, server: FragileServer | None
) -> None:
    """Keep `size` nodes going, and strike one of them, or the server, again and again."""
    names = (f"node-{number}" for number in count(1))
    ready: list[NodeProcess] = []
    for strike in range(strikes):
        while len(ready) < size:
            ready.append(await nodes.engage(next(names)))
        await asyncio.sleep(random.uniform(0.1, 1.5))
        victim = random.choice(ready)
        if strike % 4 == 1:
            victim.freeze()
            await asyncio.sleep(QUICK["lease_s"] + random.uniform(-1.0, 1.0))
            victim.thaw()
        elif server is not None and strike % 4 == 3:
            await server.end(signal.SIGKILL)
            await asyncio.sleep(random.uniform(0.0, 2.0))
            await server.start()
        else:
            ready.remove(victim)
            await victim.kill()
    await nodes.engage(next(names))


async def calmed(board: Callboard, place: Place) -> None:
    """Nothing is paused, delays go on by themselves, and every backfill completes."""
    await until(partial(is_ready, board), "the board is ready")
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
        backfills = await board.list_backfills(BackfillFilter(limit=100))
        for backfill in backfills:
            if backfill.state is BackfillState.PAUSED:
                await board.resume_backfill(backfill.id)
        return all(each.state is BackfillState.COMPLETED for each in backfills)

    await until(are_completed, "all backfills are completed")


def faults(
    history: History, place: Place, backfilled: Sequence[BackfilledFact], promised: int
) -> list[str]:
    found = faults_of_runs(history, executions=executions(place.trace))
    found += faults_of_slots(history, PERIODS, backfilled)
    ids = {trigger.id for trigger in history.triggers if trigger.name in FILLED}
    slots = [each.slot for each in backfilled if each.trigger_id in ids]
    if len(slots) != promised:
        found.append(f"{len(slots)} slots were backfilled, not {promised}")
    return found


def census(history: History, meddler: Meddler, backfilled: Sequence[BackfilledFact]) -> str:
    slots: Counter[str] = Counter()
    for slot in history.slots:
        slots[slot.reason or slot.decision] += slot.count
    ends = Counter(f"{run.state} {run.error or ''}".strip() for run in history.runs.values())
    crashes = sum(run.crashes for run in history.runs.values())
    generations = {trigger.name: trigger.generation for trigger in history.triggers}
    return (
        f"{dict(slots)}, {len(backfilled)} backfilled, {len(history.runs)} runs"
        f" {dict(ends)},"
        f" {crashes} crashes, {generations}, {dict(meddler.done)}, refused {dict(meddler.refused)}"
    )


async def storm(
    place: Place, seed: int, *, size: int, strikes: int, server: FragileServer | None = None
) -> None:
    random = Random(seed)
    async with (
        company(place.dsn) as nodes,
        real_board(
            place.dsn,
            node_name="desk",
            deadline_s=10.0,
            executes=False,
            fires=False,
            crash_budget=int(QUICK["crash_budget"]),
        ) as desk,
    ):
        await define_timed(desk, place.trace, random)
        promised = await begin_backfills(desk, FILLED)
        meddler = Meddler(desk, Random(seed + 1), [*PERIODS, *DELAYS, TURNED])
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(meddler.work(stop, 0.1))
            try:
                await rage(nodes, random, size=size, strikes=strikes, server=server)
            finally:
                stop.set()
        await calmed(desk, place)
        await drain(desk)
        for node in nodes.members:
            if node.is_alive:
                assert await node.close() == 0
    history, backfilled = await place.history(), await read_backfilled(place.sql_dsn)
    print(census(history, meddler, backfilled))
    assert faults(history, place, backfilled, promised) == []


async def test_every_slot_is_accounted_for_whatever_happens_to_triggers_and_nodes(
    postgresql: Place, seed: int
) -> None:
    await storm(postgresql, seed, size=2, strikes=5)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [2, 3])
async def test_thirty_strikes_under_triggers_that_are_meddled_with(
    postgresql: Place, seed: int, size: int
) -> None:
    await storm(postgresql, seed, size=size, strikes=30)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_deaths_of_nodes_and_of_their_server_under_triggers_that_are_meddled_with(
    fragile: Place, server: FragileServer, seed: int
) -> None:
    await storm(fragile, seed, size=2, strikes=24, server=server)
