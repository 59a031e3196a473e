"""Rounds: one at a time, and another when the last one is over, however it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from callboard.runtime import Rounds


class Begun:
    """An actor's `spawn` that keeps what it began."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]


async def test_there_is_one_round_at_a_time() -> None:
    begun, gate = Begun(), asyncio.Event()
    rounds = Rounds(lambda: _wait(gate), begun, name="a-round")
    rounds.begin()
    rounds.begin()
    assert [task.get_name() for task in begun.tasks] == ["a-round"]
    gate.set()
    await begun.tasks[0]
    rounds.begin()
    assert len(begun.tasks) == 2
    await begun.tasks[1]


async def test_a_round_that_raised_is_over() -> None:
    begun = Begun()
    rounds = Rounds(_raise, begun, name="a-round")
    rounds.begin()
    with pytest.raises(ValueError, match="x"):
        await begun.tasks[0]
    rounds.begin()
    assert len(begun.tasks) == 2
    with pytest.raises(ValueError, match="x"):
        await begun.tasks[1]


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def _raise() -> None:
    raise ValueError("x")
