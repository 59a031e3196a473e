"""Other nodes are told of a commit behind it, and nothing depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callboard import Callboard, job
from callboard.changes.hints import Hints
from callboard.errors import StoreUnavailable
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock


class Told:
    """Notes what is told; answers when it may."""

    def __init__(self) -> None:
        self.topics: list[list[str]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.error: Exception | None = None

    async def notify(self, topics: Sequence[str]) -> None:
        self.topics.append(list(topics))
        await self.free.wait()
        if self.error is not None:
            raise self.error


def spawn(work: Any, *, name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


def hints(store: Told, *, is_wanted: bool = True) -> Hints:
    given: Any = store
    return Hints(given, spawn, is_wanted=lambda: is_wanted)


async def test_what_comes_up_while_a_hint_is_on_its_way_goes_out_together():
    store = Told()
    store.free.clear()
    one = hints(store)
    one.tell({"events"})
    await asyncio.sleep(0)
    one.tell({"runs"})
    one.tell({"events", "logs"})
    store.free.set()
    await one.sent()
    assert store.topics == [["events"], ["events", "logs", "runs"]]


async def test_a_hint_that_fails_is_nothing():
    store = Told()
    store.error = StoreUnavailable("away")
    one = hints(store)
    one.tell({"events"})
    await one.sent()
    store.error = None
    one.tell({"runs"})
    await one.sent()
    assert store.topics == [["events"], ["runs"]]


async def test_a_node_that_is_alone_tells_nobody():
    store = Told()
    one = hints(store, is_wanted=False)
    one.tell({"events"})
    await one.sent()
    assert store.topics == []


async def test_stops_are_told_by_a_node_that_knows_of_no_other_too():
    store = Told()
    one = hints(store, is_wanted=False)
    one.tell({"events", "stops"})
    await one.sent()
    assert store.topics == [["stops"]]


async def test_a_commit_of_nothing_is_not_told():
    store = Told()
    one = hints(store)
    one.tell(())
    await one.sent()
    assert store.topics == []


class Watched:
    """A store that notes its commits and the hints behind them."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.seen: list[tuple[int, list[str]]] = []
        """The newest event number at each hint, and its topics."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def notify(self, topics: Sequence[str]) -> None:
        _, newest = await self._store.event_range()
        self.seen.append((newest, list(topics)))


@job(name="later")
async def later() -> None:
    pass


async def test_a_hint_is_sent_when_its_commit_can_be_seen(
    store: MemoryStore, clock: VirtualClock, open_board: Any
):
    watched: Any = Watched(store)
    board = Callboard(store=watched, config=replace(CALM, node_name="watched"), clock=clock)
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        await open_board(node_name="another")
        await board.define(later)
        await clock.settle()
        watched.seen.clear()
        await board.start(later, due_at=clock.now().replace(hour=23))
        await board.start(later, due_at=clock.now().replace(hour=23))
        await clock.settle()
    finally:
        await board.close()
    _, newest = await store.event_range()
    assert (newest, ["events", "runs"]) in watched.seen
