"""Many triggers on one real service, against its limits: `python -m benchmarks.scale`.

A service process on a PostgreSQL gets 100,000 active triggers; what they cost while nothing is due
is measured, and then, with clients that go on asking, 10,000 of one instant.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg

from benchmarks.meter import machine_cpu_s, server_cpu_s
from benchmarks.scale_load import Answers, hammered, spread_of
from benchmarks.scale_service import Service, running_service
from benchmarks.server import Server, fresh_database, opened_server

LEAD_S = 20.0
"""Before the instant at which all are due: a service that heard of nothing looks in time."""
SETTLE_S = 8.0
PATIENCE_S = 120.0
DAY = timedelta(days=1)
COPIED = """
insert into callboard.trigger (
    group_name, name, schedule, actions, description, misfire, overlap, jitter_s, state,
    next_slot, firings, generation, anchor_at, version, created_at, updated_at
)
select
    group_name, $1 || number, schedule, actions, description, misfire, overlap, jitter_s, 'active',
    $2::timestamptz + $3::interval * (number::float8 / $4), firings, generation, anchor_at, version,
    created_at, updated_at
from callboard.trigger, generate_series(1, $4::int8) as number
where name = $5
"""
ZONE = "Europe/Prague"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    limit: float | None = None


async def measured(options: argparse.Namespace, server: Server) -> list[Figure]:
    """One sample, on a database and a service of its own."""
    async with fresh_database(server, itertools.count()) as dsn:
        async with running_service(dsn, options.profile) as service:
            connection = await asyncpg.connect(dsn)
            try:
                await _define(service.url)
                idle = await _idle(options, server, service, connection)
                return idle + await _storm(options, service, connection)
            finally:
                await connection.close()


async def _define(url: str) -> None:
    job = {"name": "nothing", "kind": "python", "spec": {"handler": "benchmarks.noop:nothing"}}
    async with aiohttp.ClientSession(url, raise_for_status=_complain) as session:
        await _ready(session)
        await session.post("/v1/jobs", json=job)


async def _copied(
    url: str,
    connection: asyncpg.Connection,
    name: str,
    slot: datetime,
    spread: timedelta,
    count: int,
) -> None:
    """Triggers `name-1` ..., daily, each with its next slot within `spread` after `slot`."""
    local = slot.astimezone(ZoneInfo(ZONE))
    expression = f"{local.minute} {local.hour} * * *"
    trigger = {
        "name": f"{name}-0",
        "schedule": {"kind": "cron", "expression": expression, "zone": ZONE},
        "actions": [{"job": "nothing"}],
        "start_on_create": False,
    }
    async with aiohttp.ClientSession(url, raise_for_status=_complain) as session:
        await session.post("/v1/triggers", json=trigger)
    values = (f"{name}-", slot, spread, count, f"{name}-0")
    await connection.execute(COPIED, *values, timeout=600)
    await connection.execute("analyze callboard.trigger")


async def _ready(session: aiohttp.ClientSession) -> None:
    for _ in range(round(PATIENCE_S / 0.1)):
        if (await session.get("/readyz", raise_for_status=False)).status == 200:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the service was not ready within {PATIENCE_S} s")


async def _complain(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        raise RuntimeError(f"{response.url}: {await response.text()}")


async def _idle(
    options: argparse.Namespace,
    server: Server,
    service: Service,
    connection: asyncpg.Connection,
) -> list[Figure]:
    await asyncio.sleep(SETTLE_S)
    before_mb = service.rss_mb()
    start = datetime.now(UTC) + timedelta(hours=1)
    await _copied(service.url, connection, "idle", start, DAY, options.triggers)
    await asyncio.sleep(SETTLE_S)
    cpu_s, server_s = service.cpu_s(), server_cpu_s(server.postmaster)
    await asyncio.sleep(options.idle_s)
    idle_pct = 100 * (service.cpu_s() - cpu_s) / options.idle_s
    figures = [
        Figure(what="memory before", value=before_mb, unit="MB"),
        Figure(what="memory with all triggers", value=service.rss_mb(), unit="MB"),
        Figure(what="idle CPU, of a core", value=idle_pct, unit="%", limit=2.0),
    ]
    after_s = server_cpu_s(server.postmaster)
    if server_s is not None and after_s is not None:
        value = 100 * (after_s - server_s) / options.idle_s
        figures.append(Figure(what="the database's, meanwhile", value=value, unit="%"))
    return figures


async def _storm(
    options: argparse.Namespace, service: Service, connection: asyncpg.Connection
) -> list[Figure]:
    soon = datetime.now(UTC) + timedelta(seconds=LEAD_S, minutes=1)
    slot = soon.replace(second=0, microsecond=0)
    await _copied(service.url, connection, "due", slot, timedelta(), options.due)
    names = [f"due-{number}" for number in range(1, options.due + 1)]
    async with hammered(service.url, names) as answers:
        await asyncio.sleep(slot.timestamp() - time.time() - 1)
        calm_until, cpu_s, machine_s = time.time(), service.cpu_s(), machine_cpu_s()
        fired_at = await _counted(connection, FIRED, slot, options.due)
        used_s, all_used_s = service.cpu_s() - cpu_s, (machine_cpu_s() or 0.0) - (machine_s or 0.0)
        ended_at = await _counted(connection, ENDED, slot, options.due)
    due_at = slot.timestamp()
    return [
        Figure(what="all slots in the ledger after", value=fired_at - due_at, unit="s", limit=2.0),
        Figure(what="CPU of the service until then", value=used_s, unit="s"),
        Figure(what="CPU of the whole machine", value=all_used_s, unit="s"),
        *_latencies("while they fire", answers, due_at, fired_at, limit=200.0),
        Figure(what="all runs ended after", value=ended_at - due_at, unit="s"),
        *_latencies("while they run", answers, fired_at, ended_at),
        *_latencies("before", answers, 0.0, calm_until),
        Figure(what="requests that failed", value=answers.failed, unit="", limit=0.0),
        Figure(what="memory at the end", value=service.rss_mb(), unit="MB"),
    ]


FIRED = "select count(*) from callboard.ledger where slot = $1 and decision = 'fired'"
ENDED = "select count(*) from callboard.ended_run where slot = $1"


async def _counted(
    connection: asyncpg.Connection, query: str, slot: datetime, wanted: int
) -> float:
    """When, by time.time, the query first counted so many."""
    give_up_at = slot.timestamp() + PATIENCE_S
    while await connection.fetchval(query, slot) < wanted:
        if time.time() > give_up_at:
            raise RuntimeError(f"not all {wanted} came within {PATIENCE_S} s: {query}")
        await asyncio.sleep(0.05)
    return time.time()


def _latencies(
    when: str, answers: Answers, since: float, until: float, limit: float | None = None
) -> list[Figure]:
    middle, late, worst = spread_of(answers.between(since, until))
    return [
        Figure(what=f"API p50 {when}", value=middle, unit="ms"),
        Figure(what=f"API p99 {when}", value=late, unit="ms", limit=limit),
        Figure(what=f"API worst {when}", value=worst, unit="ms"),
    ]


def table(samples: Sequence[Sequence[Figure]]) -> str:
    """One line a figure: the median, every sample, the limit, and whether it is kept."""
    lines = []
    for figures in zip(*samples, strict=True):
        first = figures[0]
        values = sorted(figure.value for figure in figures)
        middle = values[len(values) // 2]
        limit = "" if first.limit is None else f"<= {first.limit:g}"
        verdict = "" if first.limit is None else "kept" if middle <= first.limit else "MISSED"
        every = " ".join(f"{figure.value:.3g}" for figure in figures)
        lines.append(
            f"{first.what:34} {middle:9.3g} {first.unit:3} {limit:8} {verdict:7} [{every}]"
        )
    return "\n".join(lines)


async def main(options: argparse.Namespace) -> None:
    samples = []
    async with opened_server(options.dsn) as server:
        print(f"PostgreSQL {server.version}, one commit {server.commit_ms:.2f} ms", flush=True)
        for _ in range(options.samples):
            samples.append(await measured(options, server))
    print(
        f"{options.triggers} triggers, {options.due} due at one instant, {options.samples} samples"
    )
    print(table(samples))
    if options.json:
        figures = [[[each.what, each.value, each.unit] for each in sample] for sample in samples]
        options.json.write_text(json.dumps(figures))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--triggers", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--idle-s", type=float, default=20.0)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--dsn", help="of a server; default: an embedded one of its own")
    parser.add_argument("--profile", type=Path, help="cProfile of the service (slower)")
    parser.add_argument("--json", type=Path, help="every sample, for programs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(main(parsed(sys.argv[1:])))
