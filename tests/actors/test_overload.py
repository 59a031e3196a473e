"""More calls than a board takes at once: they wait for their turn, and the actors do not notice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import BoardConfig, Callboard, Trigger, every, job
from callboard.domain.trigger import Action
from callboard.errors import InvalidInput, Overloaded, StoreUnavailable
from callboard.operations.turnstile import Turnstile
from support.boards import answered


@job(name="greet")
async def greet(name: str = "world") -> None:
    """Say hello."""


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Calls:
    """Calls through a turnstile, each held inside until it is told to leave."""

    def __init__(self, limit: int) -> None:
        self.turnstile = Turnstile(limit)
        self.inside: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def come(self, name: str, weight: int = 1) -> asyncio.Task[None]:
        self.gates[name] = asyncio.Event()
        return asyncio.ensure_future(self._call(name, weight))

    async def _call(self, name: str, weight: int) -> None:
        if not self.turnstile.enters(weight):
            await self.turnstile.turn(weight)
        self.inside.append(name)
        try:
            await self.gates[name].wait()
        finally:
            self.inside.remove(name)
            self.turnstile.leave(weight)

    async def go(self, *names: str) -> None:
        for name in names:
            self.gates[name].set()
        await turns()


async def test_calls_beyond_the_limit_wait_and_go_in_their_order():
    calls = Calls(2)
    tasks = [calls.come(name) for name in "abcd"]
    await turns()
    assert calls.inside == ["a", "b"]
    await calls.go("b")
    assert calls.inside == ["a", "c"]
    await calls.go("a", "c", "d")
    await asyncio.gather(*tasks)
    assert not calls.turnstile.is_full


async def test_a_light_call_does_not_overtake_a_heavy_one_that_waits():
    calls = Calls(10)
    tasks = [calls.come("a", 8), calls.come("heavy", 5), calls.come("light", 1)]
    await turns()
    assert calls.inside == ["a"]
    await calls.go("a")
    assert calls.inside == ["heavy", "light"]
    await calls.go("heavy", "light")
    await asyncio.gather(*tasks)


async def test_a_call_that_is_heavier_than_the_limit_goes_alone():
    calls = Calls(10)
    tasks = [calls.come("a"), calls.come("huge", 1000), calls.come("b")]
    await turns()
    assert calls.inside == ["a"]
    await calls.go("a")
    assert calls.inside == ["huge"]
    await calls.go("huge", "b")
    await asyncio.gather(*tasks)


async def test_a_call_that_is_given_up_while_it_waits_lets_the_others_on():
    calls = Calls(10)
    tasks = [calls.come("a", 6), calls.come("heavy", 9), calls.come("light", 1)]
    await turns()
    tasks[1].cancel()
    await turns()
    assert calls.inside == ["a", "light"]
    await calls.go("a", "light")
    assert not calls.turnstile.is_full


async def test_a_call_that_is_given_up_in_the_moment_of_its_turn_takes_no_place():
    calls = Calls(1)
    tasks = [calls.come(name) for name in "abc"]
    await turns()
    calls.gates["a"].set()
    await asyncio.sleep(0)  # a is about to leave: b is admitted, and does not know it yet
    tasks[1].cancel()
    await turns()
    assert calls.inside == ["c"]
    await calls.go("c")
    assert not calls.turnstile.is_full


async def test_whoever_refuses_early_can_ask_whether_there_is_room():
    calls = Calls(3)
    tasks = [calls.come("bulk", 3), calls.come("a"), calls.come("b")]
    await turns()
    calls.turnstile.check_room()  # a bulk alone turns nobody away
    tasks.append(calls.come("c"))
    await turns()
    with pytest.raises(Overloaded, match="the board has 6 messages waiting"):
        calls.turnstile.check_room()
    await calls.go("bulk", "a", "b", "c")
    await asyncio.gather(*tasks)
    assert (calls.turnstile._inside, calls.turnstile._waiting) == (0, 0)


async def most_waiting(board: Callboard, work: asyncio.Future[Any]) -> int:
    """The longest mailbox while the work goes on."""
    most = 0
    while not work.done():
        most = max(most, *board.health().mailboxes.values())
        await asyncio.sleep(0)
    return most


@pytest.mark.parametrize(("count", "limit"), [(5_000, 100)])
async def test_a_flood_of_starts_is_done_in_full_with_mailboxes_that_stay_short(
    count: int, limit: int
):
    config = BoardConfig(executes=False, fires=False, calls_limit=limit)
    async with Callboard("memory:", config=config) as board:
        await board.define(greet)
        flood = asyncio.gather(*(board.start(greet) for _ in range(count)))
        most = await most_waiting(board, flood)
        handles = await flood
        assert len({handle.id for handle in handles}) == count
        assert sum((await board.count_live_runs()).values()) == count
        assert most <= limit + 10


@pytest.mark.slow
async def test_a_hundred_thousand_starts_at_once_are_all_done():
    async with Callboard("memory:", config=BoardConfig(executes=False, fires=False)) as board:
        await board.define(greet)
        flood = asyncio.gather(*(board.start(greet) for _ in range(100_000)))
        assert await most_waiting(board, flood) <= 10_100
        assert len({handle.id for handle in await flood}) == 100_000


async def test_handlers_go_on_and_leases_are_kept_under_a_flood():
    async with Callboard("memory:", config=BoardConfig(capacity=10)) as board:
        await board.define(greet)
        handles = await asyncio.gather(*(board.start(greet) for _ in range(3_000)))
        await asyncio.gather(*(handle.result(timeout_s=30) for handle in handles[-5:]))
        assert board.health().is_ready


async def test_those_who_wait_are_told_when_the_board_closes():
    board = Callboard("memory:", config=BoardConfig(executes=False, calls_limit=5))
    async with board:
        await board.define(greet)
        flood = [asyncio.ensure_future(answered(board.start(greet))) for _ in range(2_000)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*flood)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert {type(error) for error in refused} <= {StoreUnavailable}


async def test_many_started_in_one_call_are_in_order_and_committed(board: Callboard):
    await board.define(greet)
    handles = await board.start_many(greet, [{"name": f"n{number}"} for number in range(1_500)])
    assert [handle.started.arguments["name"] for handle in handles] == [
        f"n{number}" for number in range(1_500)
    ]
    assert [handle.id for handle in handles] == sorted({handle.id for handle in handles})
    assert (await board.get_run(handles[-1].id)).arguments == {"name": "n1499"}


async def test_what_is_wrong_in_a_bulk_start_is_named_by_place_and_nothing_starts(board: Callboard):
    await board.define(greet)
    wrong: Any = [{"name": "a"}, {"name": {1, 2}}]
    with pytest.raises(InvalidInput) as caught:
        await board.start_many(greet, wrong)
    assert caught.value.problems[0].field == "runs[1].arguments.name"
    with pytest.raises(InvalidInput) as caught:
        await board.start_many("gret", [{}, {}])
    assert [problem.field for problem in caught.value.problems] == ["runs[0].job", "runs[1].job"]
    assert sum((await board.count_live_runs()).values()) == 0


async def test_a_bulk_start_of_nothing_starts_nothing(board: Callboard):
    assert await board.start_many("greet", []) == []


async def test_a_refusal_of_very_many_items_says_the_first_and_how_many_more(board: Callboard):
    with pytest.raises(InvalidInput, match="and 80 more problems") as caught:
        await board.start_many("gret", [{}] * 100)
    assert len(caught.value.problems) == 100
    trigger = Trigger(name="t", schedule=every(hours=1), actions=(Action(job="gret"),))
    with pytest.raises(InvalidInput, match=r"triggers\[0\].actions\[0\].job"):
        await board.create_triggers([trigger])
