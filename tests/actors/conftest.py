"""Boards on a virtual clock and the memory store, closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from callboard import Callboard
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.batch_node import BatchNode

OpenBoard = Callable[..., Any]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(clock: VirtualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
async def node(store: MemoryStore, clock: VirtualClock) -> BatchNode:
    """One to which batch jobs are known."""
    node = BatchNode(store, clock)
    await node.define()
    return node


@pytest.fixture
async def open_board(clock: VirtualClock, store: MemoryStore) -> AsyncIterator[OpenBoard]:
    """`await open_board(**config)`: another board on the same store and clock."""
    boards: list[Callboard] = []

    async def open_one(**config: Any) -> Callboard:
        config.setdefault("node_name", f"node-{len(boards) + 1}")
        board = Callboard(
            store=store, config=replace(CALM, **config), clock=clock, rng=Random(len(boards))
        )
        boards.append(board)
        await board.open()
        await clock.run_until(lambda: board.health().is_ready)
        return board

    yield open_one
    for board in boards:
        await board.close()


@pytest.fixture
async def board(open_board: OpenBoard) -> Callboard:
    one: Callboard = await open_board()
    return one
