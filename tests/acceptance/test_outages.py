"""The database goes away under a running board, in every way it can, and comes back.

The board stays up and says so, calls fail within their deadline, nothing acknowledged is lost,
what ended meanwhile is recorded afterwards, and slots are accounted for.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from acceptance.boards import SHORT_DEADLINE_S, drain, is_away, is_ready, real_board
from acceptance.nodes import PATIENCE_S, until
from acceptance.places import Place
from acceptance.proxy import Line, Proxy
from acceptance.servers import FragileServer
from acceptance.workload import define_all, note
from callboard import Callboard, NewRun, RunContext, RunState
from callboard.errors import StoreUnavailable
from support.history import Asked

CALL_S = 10 * SHORT_DEADLINE_S
"""A call waits for the transaction before it, then for its own: twice the deadline, on a machine
that has nothing else to do."""
OUTAGE_S = 1.5

Outage = Callable[[], Awaitable[None]]


class Outages:
    """Ways to lose a database, each with its end."""

    def __init__(self, server: FragileServer, proxy: Proxy) -> None:
        self._server = server
        self._proxy = proxy

    async def begin(self, how: str) -> None:
        if how in {line.value for line in Line}:
            self._proxy.set(Line(how))
        else:
            await self._server.end(signal.Signals[how])

    async def end(self) -> None:
        self._proxy.set(Line.PASSING)
        await self._server.start()


@pytest.fixture
def outages(server: FragileServer, proxy: Proxy) -> Outages:
    return Outages(server, proxy)


class Gate:
    """A handler that ends when the test lets it."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def wait(self, ctx: RunContext, trace: str, ask: int = 0) -> int:
        note(ctx, trace)
        self.has_begun.set()
        await self.may_end.wait()
        self.has_ended.set()
        return ask


@asynccontextmanager
async def busy_board(place: Place, dsn: str, gate: Gate, **config: Any) -> AsyncIterator[Callboard]:
    """A board with triggers that fire every second, and a run that waits at the gate."""
    async with real_board(dsn, deadline_s=SHORT_DEADLINE_S, **config) as board:
        await define_all(board, place.trace)
        board.handlers.register("gate", gate.wait)
        await board.define("gate", name="gate", arguments={"trace": str(place.trace)})
        yield board


async def start(board: Callboard, asked: Asked, job: str, key: str | None = None) -> int:
    """Start a run by a wish of its own; it counts as acknowledged when it was."""
    number = len(asked.jobs) + 1
    asked.jobs[number] = job
    new = NewRun(job=job, arguments={"ask": number})
    (run,) = await board.start_runs([new], idempotency_key=key)
    asked.acknowledged[number] = run.id
    return run.id


async def is_refused(call: Awaitable[object]) -> None:
    """Not hanging, and not in any other way."""
    async with asyncio.timeout(CALL_S):
        with pytest.raises(StoreUnavailable):
            await call


HOW = ["SIGKILL", "cut", "frozen", "dropped"]
MORE = [pytest.param(how, marks=pytest.mark.slow) for how in ("SIGQUIT", "SIGINT")]


@pytest.mark.parametrize("how", [*HOW, *MORE])
async def test_a_board_lives_through_an_outage_and_loses_nothing(
    fragile: Place, proxy: Proxy, outages: Outages, how: str
) -> None:
    """T11, and the promise of issue and design: nothing acknowledged is lost."""
    asked, gate = Asked(), Gate()
    async with busy_board(fragile, proxy.dsn, gate) as board:
        gated = await start(board, asked, "gate")
        await gate.has_begun.wait()
        epoch = board.health().epoch
        await outages.begin(how)
        await until(lambda: is_away(board), "the board notices")
        assert not board.health().is_ready
        assert board.health().reasons
        await asyncio.gather(
            is_refused(start(board, asked, "quick")), is_refused(board.get_run(gated))
        )
        gate.may_end.set()
        await gate.has_ended.wait()
        await asyncio.sleep(OUTAGE_S)  # slots pass meanwhile
        await outages.end()
        await until(lambda: is_ready(board), "the board is ready again")
        # Ended in the outage, recorded behind it, by the same registration.
        run = await board.wait_run(gated, timeout_s=PATIENCE_S)
        assert (run.state, run.crashes, run.epoch) == (RunState.SUCCEEDED, 0, epoch)
        await start(board, asked, "quick")
        await drain(board)
    history = await fragile.history()
    assert fragile.faults(history, asked) == []


@pytest.mark.parametrize("how", ["frozen", pytest.param("SIGKILL", marks=pytest.mark.slow)])
async def test_an_outage_longer_than_the_lease_has_the_runs_executed_again(
    fragile: Place, proxy: Proxy, outages: Outages, how: str
) -> None:
    """H07: the node cannot know whether others took over, so it gives up before they may."""
    asked, gate = Asked(), Gate()
    async with busy_board(fragile, proxy.dsn, gate, lease_s=1.5) as board:
        gated = await start(board, asked, "gate")
        await gate.has_begun.wait()
        epoch = board.health().epoch
        await outages.begin(how)

        async def has_no_lease() -> bool:
            return board.health().epoch is None

        await until(has_no_lease, "the node gives up")
        if how == "frozen":
            assert await fragile.value("select now() < lease_until from callboard.node")
        gate.may_end.set()
        await outages.end()
        await until(lambda: is_ready(board), "the board is ready again")
        run = await board.wait_run(gated, timeout_s=PATIENCE_S)
        assert (run.state, run.crashes) == (RunState.SUCCEEDED, 1)
        assert run.epoch is not None
        assert epoch is not None
        assert run.epoch > epoch
        await drain(board)
    history = await fragile.history()
    assert fragile.faults(history, asked) == []


@pytest.mark.parametrize("how", ["cut", "dropped"])
async def test_a_board_that_starts_in_an_outage_is_ready_once_it_is_over(
    fragile: Place, proxy: Proxy, outages: Outages, how: str
) -> None:
    await outages.begin(how)
    opening = real_board(proxy.dsn, deadline_s=SHORT_DEADLINE_S)
    task = asyncio.create_task(opening.__aenter__())
    seen = proxy.connections

    async def has_tried_again() -> bool:
        return proxy.connections >= seen + 2

    await until(has_tried_again, "it tries again")
    await outages.end()
    board = await task
    assert board.health().is_ready
    await opening.__aexit__(None, None, None)
