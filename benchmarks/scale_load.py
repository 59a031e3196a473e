"""Requests at a steady pace, and how long each took."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import aiohttp

CLIENTS = 8
PACE_S = 0.04
"""Between the beginnings of one client's requests, at least."""


@dataclass(slots=True, kw_only=True)
class Answers:
    """When each request was begun, by time.time, and how long it took."""

    begun: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    failed: int = 0

    def between(self, since: float, until: float) -> list[float]:
        """Milliseconds of the requests that were under way then."""
        return [
            took * 1e3
            for begun, took in zip(self.begun, self.took_s, strict=True)
            if begun <= until and begun + took >= since
        ]


@asynccontextmanager
async def hammered(url: str, triggers: Sequence[str]) -> AsyncIterator[Answers]:
    """Clients that ask for triggers and runs, and start runs, for the length of the block."""
    answers = Answers()
    async with aiohttp.ClientSession(url) as session:
        tasks = [
            asyncio.create_task(_ask_on(session, answers, triggers, number))
            for number in range(CLIENTS)
        ]
        try:
            yield answers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_on(
    session: aiohttp.ClientSession, answers: Answers, triggers: Sequence[str], client: int
) -> None:
    for turn in count(client):
        begun = time.time()
        name = triggers[(turn * 7919) % len(triggers)]
        answers.failed += not await _ask(session, turn, name)
        answers.begun.append(begun)
        answers.took_s.append(time.time() - begun)
        await asyncio.sleep(max(0.0, PACE_S - (time.time() - begun)))


async def _ask(session: aiohttp.ClientSession, turn: int, trigger: str) -> bool:
    """Whether it was answered well."""
    try:
        match turn % 4:
            case 0:
                request = session.post("/v1/jobs/nothing/runs", json={})
            case 1:
                request = session.get("/v1/runs", params={"limit": "20"})
            case _:
                request = session.get(f"/v1/triggers/{trigger}")
        async with request as response:
            await response.read()
            return response.status < 400
    except aiohttp.ClientError:
        return False


def spread_of(milliseconds: Sequence[float]) -> tuple[float, float, float]:
    """p50, p99 and the worst."""
    ordered = sorted(milliseconds) or [0.0]
    last = len(ordered) - 1
    return ordered[last // 2], ordered[math.ceil(last * 0.99)], ordered[-1]
