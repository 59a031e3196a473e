"""The stream: every event once, in order, to everybody."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from callboard import Callboard, Event, EventFilter, RunState, every, job
from callboard.committed_events import CommittedEvents
from callboard.store.contract import Snapshot
from callboard.subscription import EventsGone, SubscriberTooSlow
from callboard.testing import VirtualClock


@job(name="nap")
async def nap() -> str:
    return "rested"


@job(name="sleep")
async def sleep() -> None:
    await asyncio.Event().wait()


async def taken(subscription, count: int) -> list[Event]:
    return [await anext(subscription) for _ in range(count)]


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


async def test_a_snapshot_comes_first_and_what_follows_is_newer(
    board: Callboard, clock: VirtualClock
):
    await board.define(sleep)
    await board.define(nap)
    live = await board.start(sleep)
    await clock.settle()
    async with board.subscribe() as subscription:
        first = await anext(subscription)
        assert isinstance(first, Snapshot)
        assert [(run.id, run.state) for run in first.runs] == [(live.id, RunState.RUNNING)]
        await board.start(nap)
        events = await taken(subscription, 3)
    assert types(events) == ["run.queued", "run.started", "run.ended"]
    assert [event.seq for event in events] == [first.seq + n for n in (1, 2, 3)]


async def test_an_event_has_the_run_as_it_was_then(board: Callboard, clock: VirtualClock):
    await board.define(nap)
    async with board.subscribe(snapshot=False) as subscription:
        await board.start(nap)
        queued, started, ended = [event.run for event in await taken(subscription, 3)]
    assert (queued.state, queued.started_at, queued.result) == (RunState.QUEUED, None, None)
    assert (started.state, started.node, started.result) == (RunState.RUNNING, "node-1", None)
    assert (ended.state, ended.result) == (RunState.SUCCEEDED, "rested")


async def test_a03_history_is_told_as_it_was_seen_live(board: Callboard, clock: VirtualClock):
    await board.define(nap)
    async with board.subscribe(snapshot=False) as live:
        await board.start(nap)
        await board.start(nap)
        seen = await taken(live, 6)
    async with board.subscribe(after=seen[0].seq - 1) as replay:
        again = await taken(replay, 6)
    assert [(e.seq, e.type, e.run.state) for e in again] == [
        (e.seq, e.type, e.run.state) for e in seen
    ]
    assert [e.run.started_at for e in again] == [e.run.started_at for e in seen]
    assert [e.run.result for e in again] == [e.run.result for e in seen]


async def test_a_resumed_stream_has_no_gap_and_no_duplicate(board: Callboard, clock: VirtualClock):
    await board.define(nap)
    await board.schedule("t", every(seconds=1), nap)
    seen: list[int] = []
    after = None
    for _ in range(5):
        async with board.subscribe(after=after, snapshot=False) as subscription:
            await clock.advance(3)
            got = await taken(subscription, 5)
        seen += [event.seq for event in got]
        after = seen[-1]
        await clock.advance(2)
    assert all(later == earlier + 1 for earlier, later in pairwise(seen))


async def test_commits_of_another_node_are_in_the_stream_in_order(open_board, clock: VirtualClock):
    one = await open_board(poll_s=1.0)
    two = await open_board(poll_s=1.0, executes=False)
    await one.define(nap)
    async with two.subscribe(snapshot=False) as subscription:
        await clock.settle()
        run = await one.start(nap)
        await clock.advance(2)
        mine = await two.start(nap)
        await clock.advance(2)
        events = await taken(subscription, 6)
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + 6))
    assert [event.run.id for event in events] == [run.id] * 3 + [mine.id] * 3


async def test_commits_of_two_nodes_that_interleave_are_in_order_for_both(
    open_board, clock: VirtualClock
):
    boards = [await open_board(poll_s=1.0), await open_board(poll_s=1.0)]
    await boards[0].define(nap)
    await clock.advance(2)
    async with (
        boards[0].subscribe(snapshot=False) as one,
        boards[1].subscribe(snapshot=False) as two,
    ):
        await clock.settle()
        for _ in range(10):
            await asyncio.gather(*[board.start(nap) for board in boards for _ in range(3)])
        await clock.advance(3)
        seen, other = _drained(one), _drained(two)
    numbers = [event.seq for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 180))
    assert seen == other


async def test_nothing_is_made_of_a_commit_when_nobody_listens(
    board: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self: CommittedEvents) -> None:
        raise AssertionError("somebody looked")

    await board.define(nap)
    with monkeypatch.context() as patched:
        patched.setattr(CommittedEvents, "_make", refuse)
        handle = await board.start(nap)
        await clock.settle()
    assert (await board.get_run(handle.id)).has_ended
    async with board.subscribe(snapshot=False) as subscription:
        await board.start(nap)
        assert types(await taken(subscription, 3)) == ["run.queued", "run.started", "run.ended"]


@pytest.mark.parametrize(
    "filter",
    [
        EventFilter(job="nap"),
        EventFilter(trigger="t"),
        EventFilter(states=(RunState.SUCCEEDED,), job="nap"),
        EventFilter(group="elsewhere"),
    ],
)
async def test_a_filter_gives_what_it_accepts_and_nothing_else(
    board: Callboard, clock: VirtualClock, filter: EventFilter
):
    await board.define(nap)
    await board.define(sleep)
    async with board.subscribe(snapshot=False) as all_events:
        async with board.subscribe(snapshot=False, filter=filter) as some:
            await board.start(sleep)
            await board.schedule("t", every(seconds=1), nap)
            await board.start(nap)
            await clock.advance(3)
            everything = _drained(all_events)
            assert _drained(some) == [event for event in everything if filter.accepts(event)]
            assert some.seq == all_events.seq


def _drained(subscription) -> list[Event]:
    events = [item for _, item in subscription._items]
    subscription._items.clear()
    return events


async def test_a02_a_slow_subscriber_is_let_go_and_nobody_else_notices(
    board: Callboard, clock: VirtualClock
):
    await board.define(nap)
    async with board.subscribe(snapshot=False, buffer=4) as slow:
        async with board.subscribe(snapshot=False) as quick:
            await clock.settle()
            for _ in range(3):
                await board.start(nap)
            await clock.settle()
            assert len(await taken(quick, 9)) == 9
            got = await taken(slow, 4)
            with pytest.raises(SubscriberTooSlow) as dropped:
                await anext(slow)
    assert dropped.value.after == got[-1].seq
    async with board.subscribe(after=dropped.value.after) as resumed:
        assert [event.seq for event in await taken(resumed, 5)] == [
            got[-1].seq + n for n in range(1, 6)
        ]


async def test_a_reader_that_waits_for_history_is_not_dropped(
    board: Callboard, clock: VirtualClock
):
    await board.define(nap)
    for _ in range(20):
        await (await board.start(nap)).wait()
    async with board.subscribe(after=1, buffer=2) as subscription:
        events = await taken(subscription, 60)
    assert [event.seq for event in events] == list(range(2, 62))


async def test_events_that_are_gone_are_refused_with_what_there_is(open_board, clock: VirtualClock):
    board = await open_board(keep_events_s=60.0, prune_every_s=30.0)
    await board.define(nap)
    await (await board.start(nap)).wait()
    await clock.advance(3600)
    with pytest.raises(EventsGone, match="begin again"):
        async with board.subscribe(after=0):
            pass


async def test_numbers_that_were_never_given_are_refused(board: Callboard):
    with pytest.raises(EventsGone):
        async with board.subscribe(after=10**9):
            pass


async def test_closing_the_board_ends_every_stream(open_board, clock: VirtualClock):
    board = await open_board()
    async with board.subscribe(snapshot=False) as subscription:
        await board.close()
        assert [item async for item in subscription] == []


async def test_a_cancelled_wait_loses_nothing(board: Callboard, clock: VirtualClock):
    await board.define(nap)
    async with board.subscribe(snapshot=False) as subscription:
        waiting = asyncio.create_task(anext(subscription))
        await clock.settle()
        waiting.cancel()
        await board.start(nap)
        assert types(await taken(subscription, 3)) == ["run.queued", "run.started", "run.ended"]


async def test_a_log_is_followed_to_its_end(board: Callboard, clock: VirtualClock):
    async def talk() -> None:
        for number in range(3):
            print("line", number)
            await clock.sleep_until(clock.monotonic() + 1)

    await board.define(talk)
    run = await board.start(talk)
    tail = board.follow_log(run.id)
    lines: list[str] = []

    async def follow() -> None:
        async for line in tail:
            lines.append(line.text)

    following = asyncio.create_task(follow())
    await clock.run_until(following.done)
    assert lines == ["line 0", "line 1", "line 2"]
