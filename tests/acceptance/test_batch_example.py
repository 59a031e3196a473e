"""The batch example, as somebody runs it who stops it, kills it, and calls it again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg
import pytest

from acceptance.nodes import PATIENCE_S, until
from acceptance.places import Place
from support.postgres_store import connected

PROGRAM: Final = Path(__file__).parents[2] / "examples" / "batch" / "run.py"
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="the examples are not here")

LOAD, TOTAL = 4711, 4712
"""Advisory locks, at which the fifteenth chunk of `load` waits, and the third of one region."""
GATES: Final = f"""
    create schema shop;
    create table shop.orders (
        id int8 primary key, region text not null, placed_on date not null, cents int8 not null
    );
    create table shop.daily (
        region text, day date, orders int8 not null, cents int8 not null,
        primary key (region, day)
    );
    create function shop.wait_here() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(tg_argv[0]::int8);
        return new;
    end $$;
    create trigger gate before insert on shop.orders for each row
        when (new.id = 14500) execute function shop.wait_here('{LOAD}');
    create trigger gate before update on shop.daily for each row
        when (new.region = 'oceania' and new.orders > 80) execute function shop.wait_here('{TOTAL}')
"""
WAITS: Final = """
    select count(*) from pg_locks
    where locktype = 'advisory' and objid = $1 and not granted
        and database = (select oid from pg_database where datname = current_database())
"""
AGREES: Final = "as plain code adds them up"
DEADLINE_S: Final = 4 * PATIENCE_S


class Call:
    """One call of the example."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said = ""
        self._reading = asyncio.create_task(self._read())

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(DEADLINE_S):
            code = await self.process.wait()
            await self._reading
        return code

    async def has_said(self, words: str) -> None:
        async def is_said() -> bool:
            return words in self.said

        await until(is_said, words)

    async def is_under_way(self) -> None:
        """Return when it has said how far it is, or has ended."""

        async def is_so() -> bool:
            return "a second" in self.said or self.process.returncode is not None

        await until(is_so, "it is under way")

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said += line.decode()


@asynccontextmanager
async def called(place: Path, *options: str) -> AsyncIterator[Call]:
    """It is gone when the block ends."""
    words = [sys.executable, "-W", "error", str(PROGRAM), "--place", str(place), *options]
    process = await asyncio.create_subprocess_exec(
        *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    call = Call(process)
    try:
        yield call
    finally:
        call.send(signal.SIGKILL)
        await call.ended()


async def waits(connection: asyncpg.Connection[Any], gate: int) -> None:
    """Return when somebody waits at the gate."""

    async def is_there() -> bool:
        return bool(await connection.fetchval(WAITS, gate))

    await until(is_there, f"somebody waits at {gate}")


async def test_it_goes_on_when_it_was_stopped_and_when_it_was_killed(
    postgresql: Place, tmp_path: Path
) -> None:
    options = ("--orders", "30000", "--dsn", postgresql.dsn)
    async with connected(postgresql.dsn) as gates:
        await gates.execute(GATES)
        await gates.execute(f"select pg_advisory_lock({LOAD}), pg_advisory_lock({TOTAL})")
        async with called(tmp_path, *options) as call:
            await waits(gates, LOAD)
            call.send(signal.SIGINT)
            await call.has_said("asked to stop")
            await gates.execute(f"select pg_advisory_unlock({LOAD})")
            assert await call.ended() == 1, call.said
            assert "stopped: call this again" in call.said
        stored = await gates.fetchval("select max(id) from shop.orders")
        assert stored == 15_000, "its chunk is done, and no other"
        async with called(tmp_path, *options) as call:
            await waits(gates, TOTAL)
            await call.kill()
            await gates.execute(f"select pg_advisory_unlock({TOTAL})")
        assert "a restart of run" in call.said
    async with called(tmp_path, *options) as call:
        assert await call.ended() == 0, call.said
    assert "goes on when the lease of the killed call is over" in call.said
    assert AGREES in call.said
    async with called(tmp_path, *options) as call:
        assert await call.ended() == 0, call.said
    assert "has done all of it" in call.said
    assert AGREES in call.said


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_million_orders_are_settled_by_calls_that_are_killed_at_random(
    tmp_path: Path, seed: int
) -> None:
    """On the embedded database that it makes for itself."""
    rng = Random(seed)
    for number in range(40):
        async with called(tmp_path) as call:
            await call.is_under_way()
            if number < 15:
                await asyncio.sleep(rng.uniform(0.0, 5.0))
                call.send(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT)))
            code = await call.ended()
            print(f"call {number} ended with {code}: {call.said[-400:]}")
            assert code in (0, 1, -signal.SIGKILL), call.said
        if code == 0:
            break
    assert AGREES in call.said
