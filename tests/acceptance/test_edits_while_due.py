"""Edits while a slot is due never lose or double it: two services, quick triggers, and two clients
that change them as fast as they are answered (D09, M13, M14).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import pytest

from acceptance.boards import drain, real_board
from acceptance.nodes import until
from acceptance.places import Place
from acceptance.workload import executions, jobs
from callboard.clock import SystemClock
from service.cli.processes import ServiceProcess
from support.history import faults_of_runs
from support.slot_promises import faults_of_slots

PERIODS: Final = {"hammered": timedelta(seconds=1), "fast": timedelta(milliseconds=200)}
TRIGGERS: Final = "/v1/triggers"
CALENDAR: Final = "/v1/calendars/away"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EVERY_SECOND: Final = ("* * * * * ?", "0-59 * * * * ?", "0/1 * * ? * *")
EXPECTED: Final = frozenset({200, 201, 409, 412, 422})
TOO_LATE: Final = "is not later than now"
"""The end of a pause that had come before the request was understood."""
CLOCK: Final = SystemClock()


@pytest.fixture
def services(postgresql: Place, tmp_path: Path) -> Iterator[list[ServiceProcess]]:
    """Two, on one database."""
    path = str(Path(__file__).parents[1])
    started: list[ServiceProcess] = []
    for name in "ab":
        env = {"PYTHONPATH": path, "CALLBOARD_NODE_ID": name}
        started.append(ServiceProcess(tmp_path / name, postgresql.dsn, env=env))
    yield started
    for service in started:
        service.program.close()


class Client:
    """Changes the trigger by the API of one service."""

    def __init__(self, http: aiohttp.ClientSession, random: Random) -> None:
        self._http = http
        self._random = random
        self.answers: Counter[str] = Counter()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(method, path, json=body, headers=named) as answer:
            text = await answer.text()
            is_expected = answer.status in EXPECTED and (answer.status != 422 or TOO_LATE in text)
            assert is_expected, f"{method} {path} {body}: {answer.status} {text}"
            self.answers[f"{method} {path.rpartition('/')[2]} {answer.status}"] += 1
            return answer

    async def hammer(self, stop: asyncio.Event) -> None:
        verbs = (self.put, self.patch, self.patch_seen, self.pause, self.resume, self.put_calendar)
        while not stop.is_set():
            await self._random.choice(verbs)(self._random.choice([*PERIODS]))

    async def put(self, name: str) -> None:
        await self.call("PUT", f"{TRIGGERS}/{name}", {"name": name, **self._definition(name)})

    def _definition(self, name: str) -> dict[str, Any]:
        return {
            "schedule": self._schedule(name),
            "actions": [{"job": "quick"}],
            "calendars": self._random.choice(([], [{"calendar": "away"}])),
            "jitter_s": self._random.choice((0, 0.4)),
        }

    def _schedule(self, name: str) -> dict[str, Any]:
        period = PERIODS[name]
        if name == "hammered" and self._random.random() < 0.5:
            text = self._random.choice(EVERY_SECOND)
            zone = self._random.choice(("UTC", "Europe/Prague", "America/New_York"))
            return {"kind": "cron", "expression": text, "dialect": "quartz", "zone": zone}
        anchor = EPOCH + self._random.randrange(10**9) * period
        every_s = period.total_seconds()
        return {"kind": "interval", "every_s": every_s, "anchor_at": anchor.isoformat()}

    async def patch(self, name: str) -> None:
        patch = {"max_firings": self._random.randrange(10**6, 10**7)}
        await self.call("PATCH", f"{TRIGGERS}/{name}", patch)

    async def patch_seen(self, name: str) -> None:
        """The second of two editors that saw the same is told (M14)."""
        seen = await self.call("GET", f"{TRIGGERS}/{name}")
        patch = {"calendars": self._random.choice(([], [{"calendar": "away"}]))}
        await self.call("PATCH", f"{TRIGGERS}/{name}", patch, If_Match=seen.headers["ETag"])

    async def pause(self, name: str) -> None:
        until = None
        if self._random.random() < 0.8:
            until = CLOCK.now() + timedelta(seconds=self._random.uniform(1.5, 2.5))
        await self.call("POST", f"{TRIGGERS}/{name}/pause", {"until": until and until.isoformat()})

    async def resume(self, name: str) -> None:
        missed = self._random.choice(("skip", "catch_up"))
        await self.call("POST", f"{TRIGGERS}/{name}/resume", {"missed": missed})

    async def put_calendar(self, _name: str = "") -> None:
        start = CLOCK.now() + timedelta(seconds=self._random.uniform(-2, 2))
        stretch = [start.isoformat(), (start + timedelta(seconds=1.5)).isoformat()]
        definition = {"kind": "ranges", "ranges": [stretch]}
        await self.call("PUT", CALENDAR, {"name": "away", "definition": definition})


@asynccontextmanager
async def clients(services: list[ServiceProcess], seed: int) -> AsyncIterator[list[Client]]:
    async with (
        aiohttp.ClientSession(services[0].url) as first,
        aiohttp.ClientSession(services[1].url) as second,
    ):
        yield [Client(http, Random(seed + n)) for n, http in enumerate((first, second))]


async def hammered(services: list[ServiceProcess], seed: int, length_s: float) -> Counter[str]:
    """Create the trigger, change it for so long; what was answered how often."""
    async with clients(services, seed) as pair:
        await pair[0].put_calendar()
        for name in PERIODS:
            await pair[0].put(name)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for client in pair:
                group.create_task(client.hammer(stop))
            await asyncio.sleep(length_s)
            for name in PERIODS:
                await until(partial(is_edited, pair[0], name, 5 * length_s), f"{name} is edited")
            stop.set()
        for name in PERIODS:
            await pair[0].resume(name)
            await until(partial(is_on_time, pair[1], name), f"{name} fires as before")
        return pair[0].answers + pair[1].answers


async def is_edited(client: Client, name: str, times: float) -> bool:
    """Whether it was edited, or paused, more often than that; a busy machine takes its time."""
    trigger = await (await client.call("GET", f"{TRIGGERS}/{name}")).json()
    return bool(trigger["generation"] > times)


async def is_on_time(client: Client, name: str) -> bool:
    """Whether its next slot is one of the future, when it is active."""
    trigger = await (await client.call("GET", f"{TRIGGERS}/{name}")).json()
    assert trigger["state"] == "active"
    return bool(datetime.fromisoformat(trigger["next_slot"]) > CLOCK.now())


async def check(place: Place, services: list[ServiceProcess], seed: int, length_s: float) -> None:
    async with real_board(
        place.dsn, node_name="desk", deadline_s=10.0, executes=False, fires=False
    ) as desk:
        for job in jobs(place.trace):
            await desk.replace_job(job)
        answers = await hammered(services, seed, length_s)
        await drain(desk)
    for service in services:
        assert service.stop() == 0
    history = await place.history()
    generations = {trigger.name: trigger.generation for trigger in history.triggers}
    decided = Counter(slot.reason or slot.decision for slot in history.slots)
    print(f"generations {generations}, {dict(answers)}, {dict(decided)}")
    assert faults_of_slots(history, PERIODS) == []
    assert faults_of_runs(history, executions=executions(place.trace)) == []
    assert min(generations.values()) > 5 * length_s
    assert [service.program.err for service in services] == ["", ""]


async def test_edits_while_a_slot_is_due_neither_lose_nor_double_it(
    postgresql: Place, services: list[ServiceProcess], seed: int
) -> None:
    await check(postgresql, services, seed, 6.0)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_two_minutes_of_edits_neither_lose_nor_double_a_slot(
    postgresql: Place, services: list[ServiceProcess], seed: int
) -> None:
    await check(postgresql, services, seed, 120.0)
