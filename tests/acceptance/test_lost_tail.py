"""H11: the database fails over to a copy that lacks the last seconds.

What was decided in them is decided again, from the slots; nothing is doubled within what is kept;
effects are at least once. Nodes that remember what the database has forgotten find their way.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from acceptance.boards import SHORT_DEADLINE_S, is_away, is_ready, real_board
from acceptance.calm import drained
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.servers import FragileServer
from acceptance.timed_work import EPOCH, SECOND
from acceptance.workload import jobs
from callboard import Action, Callboard, NewRun, Trigger, every
from support.history import Asked, faults_of_runs
from support.leftovers import leftovers
from support.slot_promises import faults_of_slots

TAIL_S: Final = 3.0
PERIODS: Final = {f"each-{number}": SECOND for number in range(6)}
SLOTS: Final = "select coalesce(sum(slot_count), 0) from callboard.ledger"


async def define(board: Callboard, place: Place) -> None:
    random = Random(11)
    for job in jobs(place.trace):
        await board.replace_job(job)
    for name, period in PERIODS.items():
        action = Action(job=random.choice(["quick", "flaky", "slow"]))
        schedule = every(period, anchor_at=EPOCH)
        await board.create_trigger(Trigger(name=name, schedule=schedule, actions=(action,)))


async def start(board: Callboard, asked: Asked, count: int) -> None:
    for _ in range(count):
        number = len(asked.jobs) + 1
        (run,) = await board.start_runs([NewRun(job="quick", arguments={"ask": number})])
        asked.jobs[number], asked.acknowledged[number] = "quick", run.id


async def have_fired(place: Place, more: int) -> None:
    least = await place.value(SLOTS) + more

    async def have() -> bool:
        return bool(await place.value(SLOTS) >= least)

    await until(have, "slots are decided")


async def are_ready(boards: tuple[Callboard, ...]) -> None:
    for board in boards:
        await until(lambda b=board: is_ready(b), "the board is ready again")


@pytest.mark.slow
async def test_h11_what_a_failover_loses_is_derived_again_from_the_slots(
    fragile: Place, server: FragileServer
) -> None:
    kept, lost, later = Asked(), Asked(), Asked()
    config: dict[str, Any] = {
        "lease_s": 2.0,
        "firing_lease_s": 2.0,
        "capacity": 20,
        "deadline_s": SHORT_DEADLINE_S,
    }
    with tempfile.TemporaryDirectory(prefix="callboard-tail-") as directory:
        copy = Path(directory) / "pgdata"
        async with (
            real_board(fragile.dsn, node_name="first", **config) as first,
            real_board(fragile.dsn, node_name="second", **config) as second,
        ):
            boards = (first, second)
            await define(first, fragile)
            await start(first, kept, 10)
            await have_fired(fragile, 3 * len(PERIODS))
            await server.end(signal.SIGINT)
            await asyncio.to_thread(server.save, copy)
            await server.start()
            await are_ready(boards)
            await start(first, lost, 10)
            await start(second, lost, 10)
            await asyncio.sleep(TAIL_S)
            await server.end(signal.SIGKILL)
            await until(lambda: is_away(first), "the board notices")
            await asyncio.to_thread(server.put_back, copy)
            await server.start()
            await are_ready(boards)
            await start(second, later, 10)
            await start(first, later, 10)
            await have_fired(fragile, 8 * len(PERIODS))
            await drained(second)
        assert await leftovers(fragile.sql_dsn) == []
        history = await fragile.history()
    assert faults_of_slots(history, PERIODS) == []
    assert faults_of_runs(history) == []
    for asked in (kept, later):
        assert all(run_id in history.runs for run_id in asked.acknowledged.values())
