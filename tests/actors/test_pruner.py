"""How often history is pruned, and that it then keeps what it was told to keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from callboard import every, job
from callboard.config import BoardConfig
from callboard.pruner import prune_pace_s
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs

OpenBoard = Callable[..., Any]


@job()
async def tick() -> None:
    pass


@pytest.mark.parametrize(
    ("config", "pace_s"),
    [
        ({}, 600.0),
        ({"keep_runs_s": None, "keep_ledger_s": None, "keep_events_s": None}, 600.0),
        ({"keep_runs_s": 60.0}, 6.0),
        ({"keep_runs_s": 6.0}, 1.0),
        ({"keep_events_s": 0.0}, 600.0),
        ({"keep_runs_s": 600.0}, 600.0),
        ({"keep_runs_per_job": 5}, 60.0),
        ({"keep_runs_per_job": 5, "prune_every_s": 20.0}, 20.0),
    ],
)
def test_what_is_kept_for_a_short_time_is_pruned_often(
    config: dict[str, Any], pace_s: float
) -> None:
    assert prune_pace_s(BoardConfig(**config)) == pace_s


async def test_runs_are_kept_for_as_long_as_they_are_to_be(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(keep_runs_s=60.0, prune_every_s=600.0)
    await board.define(tick)
    await board.schedule("t", every(seconds=1), tick)
    await clock.advance(200)
    assert 60 <= len(await all_runs(board)) <= 67


async def test_as_many_runs_of_a_job_are_kept_as_there_are_to_be(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_board(keep_runs_per_job=5, prune_every_s=600.0)
    await board.define(tick)
    await board.schedule("t", every(seconds=10), tick)
    await clock.advance(305)
    assert 5 <= len(await all_runs(board)) <= 5 + 6


@pytest.mark.parametrize(("answer", "times"), [(0, 10), (None, 1)])
async def test_room_is_made_every_minute_where_the_store_needs_any(
    open_board: OpenBoard,
    clock: VirtualClock,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | None,
    times: int,
) -> None:
    asked: list[float | None] = []

    async def make_room(keep_s: float | None) -> int | None:
        asked.append(keep_s)
        return answer

    monkeypatch.setattr(store, "make_room", make_room)
    await open_board(keep_runs_s=86_400.0)
    await clock.advance(605)
    assert asked == [86_400.0] * times
