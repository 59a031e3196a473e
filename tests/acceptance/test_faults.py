"""Handlers that misbehave on a real store, in a node of its own: the run ends in the right state,
and the node goes on; where the node cannot, others do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from acceptance.nodes import Company, NodeProcess, NodeRefused, company, until
from acceptance.places import Place
from acceptance.workload import NEVER_S, executions
from support.history import Asked

LEASE_S = 1.5
PAINT_MB = 100
MOST_MORE_MIB = 48.0
"""Of memory, with 100 MB printed: the log's own limit is 1 MiB."""


class Stage:
    """Nodes on one place, and the wishes of one client."""

    def __init__(self, place: Place, nodes: Company) -> None:
        self.place = place
        self.nodes = nodes
        self.asked = Asked()

    async def engage(self, name: str, **options: float) -> NodeProcess:
        node = await self.nodes.engage(name, **options)
        await node.ask("define", trace=str(self.place.trace), with_triggers=False)
        return node

    async def start(self, node: NodeProcess, job: str, **arguments: Any) -> int:
        number = len(self.asked.jobs) + 1
        self.asked.jobs[number] = job
        given = {"ask": number, **arguments}
        run_id: int = await node.ask("start", job=job, arguments=given)
        self.asked.acknowledged[number] = run_id
        return run_id

    async def result(self, node: NodeProcess, job: str, **arguments: Any) -> dict[str, Any]:
        """How a run of the job ends, or is parked, that is started by way of `node`."""
        return await settled(node, await self.start(node, job, **arguments))

    async def is_sound(self, node: NodeProcess, *, has_drained: bool = True) -> None:
        """The node works, and the record is without faults."""
        assert (await self.result(node, "quick"))["state"] == "succeeded"
        for one in self.nodes.members:
            if one.is_alive:
                assert await one.close() == 0
        history = await self.place.history()
        faults = self.place.faults(history, self.asked, has_drained=has_drained)
        assert faults == []


async def settled(node: NodeProcess, run_id: int) -> dict[str, Any]:
    """The run when it has ended or is parked. A call may fail while the loop is blocked."""

    async def look() -> dict[str, Any] | None:
        try:
            run: dict[str, Any] = await node.ask("wait", run_id=run_id, timeout_s=0.2)
        except NodeRefused:
            return None
        return run if run["state"] not in ("queued", "running", "stopping", "lost") else None

    ended: dict[str, Any] = await until(look, f"run {run_id} ends")
    return ended


@asynccontextmanager
async def stage(place: Place, **options: float) -> AsyncIterator[Stage]:
    async with company(place.dsn, **{"lease_s": LEASE_S, **options}) as nodes:
        yield Stage(place, nodes)


ENDINGS = {
    "failing": ("failed", "ValueError"),
    "exiting": ("failed", "SystemExit"),
    "not_json": ("failed", "ResultNotJson"),
    "late": ("timed_out", "TimedOut"),
    "unknown": ("parked", "UnknownHandler"),
}


async def test_handlers_that_misbehave_end_their_run_and_not_the_node(postgresql: Place) -> None:
    async with stage(postgresql) as on:
        node = await on.engage("node")
        ends = {job: await on.result(node, job) for job in ENDINGS}
        assert {job: (end["state"], end["error"]) for job, end in ends.items()} == ENDINGS
        await on.is_sound(node, has_drained=False)


@pytest.mark.slow  # the grace of a timeout is ten seconds
async def test_a_hanging_thread_is_left_behind_at_its_timeout_and_the_node_goes_on(
    postgresql: Place,
) -> None:
    """T08: the run is told, the thread stays, its place with it."""
    async with stage(postgresql, capacity=2) as on:
        node = await on.engage("node")
        end = await on.result(node, "hanging", seconds=NEVER_S)
        assert (end["state"], end["error"]) == ("timed_out", "TimedOut")
        for _ in range(3):
            assert (await on.result(node, "threaded"))["state"] == "succeeded"
        assert (await on.result(node, "quick"))["state"] == "succeeded"
        assert await node.close() == 0


async def test_a_hundred_megabytes_of_prints_leave_the_memory_flat(postgresql: Place) -> None:
    """R05: the log is cut, and the node and its database stay small."""
    async with stage(postgresql) as on:
        node = await on.engage("node")
        await on.result(node, "talkative", megabytes=1)
        before_mib = node.peak_mib()
        end = await on.result(node, "talkative", megabytes=PAINT_MB)
        assert (end["state"], end["result"]) == ("succeeded", PAINT_MB)
        assert node.peak_mib() - before_mib < MOST_MORE_MIB
        size = "select sum(pg_column_size(lines)) from callboard.run_log"
        assert await postgresql.value(size) < 4 * 1024 * 1024
        await on.is_sound(node)


async def test_a_handler_that_kills_its_node_is_executed_by_others_until_its_budget_is_spent(
    postgresql: Place,
) -> None:
    """R02: the fleet survives, and an operator decides about the run."""
    async with stage(postgresql, crash_budget=1) as on:
        first = await on.engage("first")
        run_id = await on.start(first, "murderous")
        assert await first.died() == 9
        second = await on.engage("second")
        assert await second.died() == 9
        third = await on.engage("third")
        end = await settled(third, run_id)
        assert (end["state"], end["crashes"], end["error"]) == ("parked", 2, "NodeLost")
        assert executions(postgresql.trace)[run_id] == 2
        await on.is_sound(third, has_drained=False)


async def test_t06_a_lone_node_whose_loop_is_blocked_beyond_its_lease_loses_nothing(
    postgresql: Place,
) -> None:
    """Also the runs beside it, whose ends wait for the loop."""
    async with stage(postgresql) as on:
        node = await on.engage("node")
        beside = [await on.start(node, "slow", seconds=0.5) for _ in range(4)]
        end = await on.result(node, "blocking", seconds=3 * LEASE_S)
        assert (end["state"], end["crashes"]) == ("succeeded", 0)
        for run_id in beside:
            end = await settled(node, run_id)
            assert (end["state"], end["crashes"]) == ("succeeded", 0)
        await on.is_sound(node)


async def test_t06_a_loop_blocked_beyond_its_lease_loses_nothing_to_a_second_node_either(
    postgresql: Place,
) -> None:
    async with stage(postgresql) as on:
        blocked = await on.engage("blocked")
        run_id = await on.start(blocked, "blocking", seconds=3 * LEASE_S)

        async def has_begun() -> bool:
            return run_id in executions(postgresql.trace)

        await until(has_begun, "the handler blocks the loop")
        other = await on.engage("other")
        end = await settled(other, run_id)
        assert (end["state"], end["node"], end["crashes"]) == ("succeeded", "blocked", 0)
        assert executions(postgresql.trace)[run_id] == 1
        await on.is_sound(other)
