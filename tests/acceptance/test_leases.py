"""Leases against handlers that block, databases that say nothing, and processes that die."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from asyncio.subprocess import PIPE
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from acceptance.boards import real_board
from acceptance.lease_work import BALLAST_MB
from acceptance.nodes import PATIENCE_S, Company, NodeProcess, company, until
from acceptance.places import Place
from acceptance.proxy import Line, Proxy
from acceptance.workload import executions
from callboard import Callboard, Run
from callboard.domain.states import RunState
from callboard.heart import NAME
from support.executions import read_executions

LEASE_S = 1.5
BLOCK_S = 4 * LEASE_S
WARN_S = 0.3

slow = pytest.mark.slow


async def test_t06_a_handler_that_blocks_the_loop_for_leases_loses_nothing_and_is_named(
    postgresql: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """With another node alive: neither its own run nor those beside it are executed again."""
    is_set = asyncio.Event()
    calls: list[str] = []

    async def squat() -> None:
        calls.append("squat")
        await is_set.wait()
        time.sleep(BLOCK_S)  # noqa: ASYNC251 - the fault that is tested

    async def neighbour() -> None:
        calls.append("neighbour")
        await is_set.wait()
        await asyncio.sleep(0.1)

    config: dict[str, Any] = {"lease_s": LEASE_S, "loop_block_warn_s": WARN_S}
    async with (
        real_board(postgresql.dsn, node_name="blocked", **config) as board,
        company(postgresql.dsn, lease_s=LEASE_S, executes=0) as nodes,
    ):
        epoch = board.health().epoch
        handles = [await board.start(await defined(board, each)) for each in (neighbour, squat)]
        await until(lambda: are(calls, "neighbour", "squat"), "both have begun")
        await nodes.engage("other")
        is_set.set()
        runs = [await handle.wait(30) for handle in handles]
        assert [(run.state, run.crashes) for run in runs] == [(RunState.SUCCEEDED, 0)] * 2
        assert sorted(calls) == ["neighbour", "squat"]
        assert board.health().epoch == epoch
        await until(lambda: is_counted(board, "squat"), "the block is counted")
        # On a busy machine there may be other blocks, of nobody's.
        count, seconds = board.health().loop_blocks["squat"]
        assert count == 1
        assert seconds > BLOCK_S - 2 * WARN_S
    assert "crashed" not in caplog.text
    named = [each for each in caplog.records if getattr(each, "event", "") == "loop.blocked"]
    told = [(each.run_id, each.job) for each in named]  # type: ignore[attr-defined]
    assert [each for each in told if each[1] is not None] == [(runs[1].id, "squat")]
    assert re.search(r"squat \(.*test_leases.py:\d+\)$", caplog.text, re.M)


async def defined(board: Callboard, handler: Any) -> str:
    return (await board.define(handler, name=handler.__name__)).name


async def are(calls: list[str], *wanted: str) -> bool:
    return sorted(calls) == sorted(wanted)


async def is_counted(board: Callboard, job: str) -> bool:
    return job in board.health().loop_blocks


async def test_a_loop_that_is_blocked_beyond_the_limit_lets_its_runs_go(
    postgresql: Place, tmp_path: Path
) -> None:
    """The blocked node's own end is refused by its epoch; then it is as good as any other."""
    async with company(postgresql.dsn, lease_s=LEASE_S, loop_block_limit_s=1.0) as nodes:
        blocked = await nodes.engage("blocked")
        await blocked.ask("define", trace=str(postgresql.trace), with_triggers=False)
        epoch = await blocked.ready()
        gate = tmp_path / "gate"
        arguments = {"ask": 1, "gate": str(gate)}
        run_id = await blocked.ask("start", job="blocking_once", arguments=arguments)
        await until(lambda: has_begun(postgresql, run_id), "the handler blocks the loop")
        other = await nodes.engage("other")
        end = await ended(other, run_id)
        assert (end["state"], end["node"], end["crashes"]) == ("succeeded", "other", 1)
        assert executions(postgresql.trace)[run_id] == 2
        _set(gate)
        await until(lambda: is_back(blocked, epoch), "the blocked node is registered anew")
        assert (await ended(blocked, run_id))["node"] == "other"


async def has_begun(place: Place, run_id: int) -> bool:
    return run_id in executions(place.trace)


async def ended(node: NodeProcess, run_id: int) -> dict[str, Any]:
    run: dict[str, Any] = await node.ask("wait", run_id=run_id, timeout_s=30)
    return run


async def is_back(node: NodeProcess, old: int) -> bool:
    health = await node.ask("health")
    return bool(health["is_ready"]) and health["epoch"] > old


@pytest.mark.parametrize("line", [Line.FROZEN, pytest.param(Line.DROPPED, marks=slow)])
async def test_h07_a_node_without_its_database_stops_its_handlers_before_its_lease_ends(
    fragile: Place, proxy: Proxy, line: Line
) -> None:
    """Though its other calls may hang for longer; and when the line is back it works again."""
    # A fifth of the lease is left to stop them in: a second, lest a busy machine takes longer.
    async with company(proxy.dsn, lease_s=5.0, deadline_s=8.0) as nodes:
        node = await nodes.engage("cut-off")
        epoch = await node.ready()
        await node.ask("define", trace=str(fragile.trace), with_triggers=False)
        arguments = {"ask": 1, "seconds": 3600.0}
        run_id = await node.ask("start", job="slow", arguments=arguments)
        await until(lambda: has_begun(fragile, run_id), "the handler works")
        proxy.set(line)
        await until(lambda: has_stopped(fragile, run_id), "the handler is stopped")
        (execution,) = read_executions(fragile.trace)
        assert execution.ended_ns is not None
        stopped_at = datetime.fromtimestamp(execution.ended_ns / 1e9, UTC)
        assert stopped_at < await fragile.value("select lease_until from callboard.node")
        proxy.set(Line.PASSING)
        await until(lambda: is_back(node, epoch), "the node is registered anew")
        await until(lambda: is_executed(fragile, run_id, 2), "the run is executed again")


async def has_stopped(place: Place, run_id: int) -> bool:
    told = read_executions(place.trace)
    return any(each.run_id == run_id and each.ended_ns is not None for each in told)


async def is_executed(place: Place, run_id: int, times: int) -> bool:
    return executions(place.trace)[run_id] == times


@pytest.mark.parametrize(
    ("handler", "least_mb"),
    [
        pytest.param("simmer", 20.0, id="exits", marks=slow),
        pytest.param("gorge", BALLAST_MB, id="eats"),
    ],
)
async def test_g19_a_run_that_kills_its_nodes_is_parked_with_what_was_last_seen(
    postgresql: Place, tmp_path: Path, handler: str, least_mb: float
) -> None:
    """R02: the budget of crashes is its own; nothing is told as an attempt."""
    async with (
        real_board(postgresql.dsn, node_name="desk", executes=False, crash_budget=2) as desk,
        company(postgresql.dsn, lease_s=1.0, crash_budget=2) as nodes,
    ):
        await desk.define(f"acceptance.lease_work:{handler}", name=handler)
        signal = tmp_path / "now"
        run = (await desk.start(handler, {"signal": str(signal)})).started
        for number in range(3):
            await die(postgresql, nodes, f"victim-{number}", run.id, signal)
        parked = await parked_run(desk, run.id)
    assert (parked.crashes, parked.attempt) == (3, 1)
    error = parked.error
    assert error is not None
    assert error.type == "NodeLost"
    seen = re.search(
        r"node victim-2 .* last seen at 20\S+ with ([\d.]+) MB of memory; .* in simmer \(",
        error.message,
    )
    assert seen, error.message
    assert float(seen[1]) >= least_mb
    assert error.traceback is not None
    assert handler in error.traceback
    assert await postgresql.value("select count(*) from callboard.node") <= 1


async def die(place: Place, nodes: Company, name: str, run_id: int, signal: Path) -> None:
    """A node that tells of the run, and then dies of it."""
    victim = await nodes.engage(name)
    await until(lambda: is_told_of(place, name, run_id), f"{name} tells of the run")
    _set(signal)
    assert await victim.died() == 9
    _unset(signal)


def _set(signal: Path) -> None:
    signal.touch()


def _unset(signal: Path) -> None:
    signal.unlink()


async def is_told_of(place: Place, name: str, run_id: int) -> bool:
    query = "select vitals::text as told from callboard.node where name = $1"
    (told,) = [row["told"] for row in await place.rows(query, name)]
    runs = orjson.loads(told or "{}").get("runs", {})
    return any("simmer" in line for line in runs.get(str(run_id), {}).get("stack", ()))


async def parked_run(board: Callboard, run_id: int) -> Run:
    async def look() -> Run | None:
        run = await board.get_run(run_id)
        return run if run.state is RunState.PARKED else None

    parked: Run = await until(look, "the run is parked")
    return parked


async def test_h09_a_node_that_is_ended_in_order_burns_no_attempt(
    postgresql: Place, tmp_path: Path
) -> None:
    """Neither of what it works on nor of what waits there for a place."""
    async with company(postgresql.dsn, drain_s=0.3, capacity=2) as nodes:
        leaver = await nodes.engage("leaver")
        await leaver.ask("define", trace=str(postgresql.trace), with_triggers=False)
        gate = tmp_path / "gate"
        arguments = {"ask": 1, "gate": str(gate)}
        ids = [await leaver.ask("start", job="gated", arguments=arguments) for _ in range(6)]
        await until(lambda: are_begun(postgresql, 2), "two of them run")
        assert await leaver.close() == 0
        _set(gate)
        stayer = await nodes.engage("stayer")
        ends = [await ended(stayer, run_id) for run_id in ids]
    assert {(end["state"], end["node"], end["crashes"]) for end in ends} == {
        ("succeeded", "stayer", 0)
    }
    assert await postgresql.value("select max(attempt) from callboard.ended_run") == 1


async def are_begun(place: Place, least: int) -> bool:
    return len(executions(place.trace)) >= least


async def test_h15_a_second_node_of_the_same_name_refuses_to_start(postgresql: Place) -> None:
    """And says who has it; the first one goes on."""
    async with real_board(postgresql.dsn, node_name="twin", lease_s=2.0) as first:
        epoch = first.health().epoch
        with pytest.raises(Exception, match="'twin' belongs to a node that is alive: process"):
            async with real_board(postgresql.dsn, node_name="twin", lease_s=2.0):
                pytest.fail("two nodes have one name")
        assert first.health().is_ready
        assert first.health().epoch == epoch


async def test_h15_a_service_under_a_name_that_lives_ends_and_says_why(postgresql: Place) -> None:
    words = ["serve", "--dsn", postgresql.dsn, "--node-id", "twin", "--port", "0"]
    async with real_board(postgresql.dsn, node_name="twin", lease_s=2.0):
        service = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callboard_service", *words, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                _, errors = await service.communicate()
        finally:
            if service.returncode is None:
                service.kill()
                await service.wait()
    assert service.returncode == 3
    last = errors.decode().splitlines()[-1]
    assert last.startswith("callboard: the name 'twin' belongs to a node that is alive: process ")
    assert last.endswith("; give this one another name")


async def test_a_closed_board_leaves_no_heart_behind(postgresql: Place) -> None:
    async with real_board(postgresql.dsn):
        assert NAME in [thread.name for thread in threading.enumerate()]
    assert NAME not in [thread.name for thread in threading.enumerate()]
