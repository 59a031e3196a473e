"""The virtual clock: order, jumps, idleness, on asyncio's loop and on uvloop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from callboard.clock import Clock
from callboard.testing import START, VirtualClock

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def plain_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def uv_loop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()  # type: ignore[no-any-return]


@pytest.fixture(params=[plain_loop, uv_loop])
def on_loop(
    request: pytest.FixtureRequest,
) -> Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]:
    def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main())

    return run


def test_it_is_a_clock() -> None:
    clock: Clock = VirtualClock()
    assert clock.now() == START


def test_it_begins_at_the_given_instant_in_utc() -> None:
    paris = timezone(timedelta(hours=1))
    clock = VirtualClock(datetime(2026, 1, 1, 1, tzinfo=paris))
    assert clock.now() == NEW_YEAR
    assert clock.now().tzinfo is UTC


def test_it_refuses_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_the_database_has_the_same_present() -> None:
    clock = VirtualClock(NEW_YEAR)
    assert clock.database_now() == clock.now()


async def test_time_stands_still_by_itself() -> None:
    clock = VirtualClock()
    await clock.settle()
    assert (clock.now(), clock.monotonic()) == (START, 0.0)


async def test_advance_moves_both_clocks() -> None:
    clock = VirtualClock(NEW_YEAR)
    await clock.advance(90.25)
    assert clock.now() == NEW_YEAR + timedelta(seconds=90.25)
    assert clock.monotonic() == 90.25


async def test_advance_to_reaches_the_instant_exactly() -> None:
    clock = VirtualClock(NEW_YEAR)
    instant = datetime(2031, 7, 3, 11, 59, 59, 123457, tzinfo=UTC)
    await clock.advance_to(instant)
    assert clock.now() == instant


async def test_advance_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="set_wall"):
        await VirtualClock().advance(-1)


async def test_an_instant_that_was_turned_into_a_delay_is_met_to_the_microsecond() -> None:
    clock = VirtualClock(NEW_YEAR)
    await clock.advance(31_536_000.1)
    target = clock.now() + timedelta(days=40, microseconds=1)
    seen: list[datetime] = []
    delay = (target - clock.now()).total_seconds()
    clock.call_at(clock.monotonic() + delay, lambda: seen.append(clock.now()))
    await clock.advance(86_400 * 41)
    assert seen == [target]


async def test_alarms_ring_in_the_order_of_their_time() -> None:
    clock, rung = VirtualClock(), list[str]()
    for at, name in ((30.0, "c"), (10.0, "a"), (20.0, "b")):
        clock.call_at(at, lambda name=name: rung.append(name))  # type: ignore[misc]
    await clock.advance(30)
    assert rung == ["a", "b", "c"]


async def test_alarms_of_one_instant_ring_in_the_order_in_which_they_were_set() -> None:
    clock, rung = VirtualClock(), list[int]()
    for number in range(100):
        clock.call_at(5.0, lambda number=number: rung.append(number))  # type: ignore[misc]
    await clock.advance(5)
    assert rung == list(range(100))


async def test_an_alarm_rings_at_its_own_time() -> None:
    clock, seen = VirtualClock(NEW_YEAR), list[tuple[float, datetime]]()
    clock.call_at(7.5, lambda: seen.append((clock.monotonic(), clock.now())))
    await clock.advance(100)
    assert seen == [(7.5, NEW_YEAR + timedelta(seconds=7.5))]


async def test_an_alarm_behind_the_end_does_not_ring() -> None:
    clock, rung = VirtualClock(), list[int]()
    clock.call_at(10.001, lambda: rung.append(1))
    await clock.advance(10)
    assert rung == []


async def test_an_alarm_in_the_past_rings_without_time_passing() -> None:
    clock, rung = VirtualClock(), list[int]()
    await clock.advance(10)
    clock.call_at(3.0, lambda: rung.append(1))
    assert rung == []
    await clock.settle()
    assert (rung, clock.monotonic()) == ([1], 10.0)


async def test_a_cancelled_alarm_does_not_ring() -> None:
    clock, rung = VirtualClock(), list[int]()
    alarm = clock.call_at(1.0, lambda: rung.append(1))
    alarm.cancel()
    alarm.cancel()
    await clock.advance(2)
    assert rung == []


async def test_an_alarm_can_cancel_another_of_the_same_instant() -> None:
    clock, rung = VirtualClock(), list[int]()
    clock.call_at(1.0, lambda: second.cancel())
    second = clock.call_at(1.0, lambda: rung.append(2))
    await clock.advance(2)
    assert rung == []


async def test_an_alarm_that_is_set_on_the_way_rings_on_the_way() -> None:
    clock, seen = VirtualClock(), list[float]()

    def again() -> None:
        seen.append(clock.monotonic())
        clock.call_at(clock.monotonic() + 10, again)

    clock.call_at(10.0, again)
    await clock.advance(35)
    assert seen == [10.0, 20.0, 30.0]


async def test_a_sleeper_wakes_at_its_time() -> None:
    clock = VirtualClock()

    async def sleep() -> float:
        await clock.sleep_until(12.0)
        return clock.monotonic()

    sleeper = asyncio.create_task(sleep())
    await clock.advance(20)
    assert await sleeper == 12.0


async def test_a_cancelled_sleeper_leaves_no_alarm() -> None:
    clock = VirtualClock()
    sleeper = asyncio.create_task(clock.sleep_until(12.0))
    await clock.settle()
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    assert clock.next_alarm is None


async def test_sleeping_until_the_past_returns() -> None:
    clock = VirtualClock()
    await clock.sleep_until(0.0)
    await clock.sleep_until(-5.0)
    assert clock.monotonic() == 0.0


async def test_stepping_the_wall_leaves_monotonic_time_alone() -> None:
    clock, rung = VirtualClock(NEW_YEAR), list[float]()
    clock.call_at(10.0, lambda: rung.append(clock.monotonic()))
    await clock.advance(4)
    clock.set_wall(NEW_YEAR - timedelta(hours=1))
    assert (clock.now(), clock.monotonic()) == (NEW_YEAR - timedelta(hours=1), 4.0)
    await clock.advance(6)
    assert rung == [10.0]
    assert clock.now() == NEW_YEAR - timedelta(hours=1) + timedelta(seconds=6)


async def test_a_callback_that_raises_does_not_stop_the_clock() -> None:
    clock, errors = VirtualClock(), list[BaseException]()
    asyncio.get_running_loop().set_exception_handler(
        lambda _, facts: errors.append(facts["exception"])
    )
    clock.call_at(1.0, lambda: 1 / 0)
    await clock.advance(2)
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert clock.monotonic() == 2.0


async def test_only_one_coroutine_may_move_the_clock() -> None:
    clock = VirtualClock()
    first = asyncio.create_task(clock.advance(1))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another coroutine"):
        await clock.advance(1)
    await first


async def test_run_until_stops_at_the_alarm_that_made_it_true() -> None:
    clock, rung = VirtualClock(), list[float]()
    for at in (10.0, 20.0, 30.0):
        clock.call_at(at, lambda: rung.append(clock.monotonic()))
    await clock.run_until(lambda: len(rung) == 2)
    assert (clock.monotonic(), rung) == (20.0, [10.0, 20.0])


async def test_run_until_moves_nothing_when_the_condition_holds_already() -> None:
    clock = VirtualClock()
    clock.call_at(10.0, lambda: None)
    await clock.run_until(lambda: True)
    assert clock.monotonic() == 0.0


async def test_run_until_says_when_nothing_is_left_to_wait_for() -> None:
    with pytest.raises(TimeoutError, match="nothing waits"):
        await VirtualClock().run_until(lambda: False)


async def test_run_until_gives_up_after_its_limit() -> None:
    clock = VirtualClock()
    clock.call_at(61.0, lambda: None)
    with pytest.raises(TimeoutError, match="still false"):
        await clock.run_until(lambda: False, within=timedelta(minutes=1))


async def test_run_for_is_a_duration() -> None:
    clock = VirtualClock(NEW_YEAR)
    await clock.run_for(timedelta(days=365))
    assert clock.now() == datetime(2027, 1, 1, tzinfo=UTC)


async def test_a_loop_that_never_becomes_idle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callboard.virtual_clock.MOST_TURNS", 1000)
    clock = VirtualClock()

    async def poll() -> None:
        while True:
            clock.now()
            await asyncio.sleep(0)

    poller = asyncio.create_task(poll())
    with pytest.raises(RuntimeError, match="does not become idle"):
        await clock.settle()
    poller.cancel()


def test_everything_that_an_alarm_sets_off_happens_before_the_next_one(on_loop: Any) -> None:
    """Two chains of messages between tasks, a second apart, do not mix."""

    async def main() -> list[tuple[str, int, float]]:
        clock, seen = VirtualClock(), list[tuple[str, int, float]]()
        inboxes = [asyncio.Queue[str]() for _ in range(12)]

        async def actor(index: int) -> None:
            while True:
                message = await inboxes[index].get()
                seen.append((message, index, clock.monotonic()))
                if index + 1 < len(inboxes):
                    inboxes[index + 1].put_nowait(message)

        actors = [asyncio.create_task(actor(index)) for index in range(len(inboxes))]
        clock.call_at(1.0, lambda: inboxes[0].put_nowait("first"))
        clock.call_at(2.0, lambda: inboxes[0].put_nowait("second"))
        await clock.advance(3)
        for task in actors:
            task.cancel()
        return seen

    seen = on_loop(main)
    assert seen == [
        (name, index, at) for name, at in (("first", 1.0), ("second", 2.0)) for index in range(12)
    ]


def test_a_chain_of_any_length_is_waited_for_when_it_asks_for_the_time(on_loop: Any) -> None:
    async def main() -> int:
        clock, steps = VirtualClock(), 0

        async def chain() -> None:
            nonlocal steps
            await clock.sleep_until(1.0)
            for _ in range(100):
                for _ in range(40):
                    await asyncio.sleep(0)
                clock.now()
                steps += 1

        task = asyncio.create_task(chain())
        clock.call_at(1.000001, lambda: None)
        await clock.run_until(lambda: clock.next_alarm is None)
        assert task.done()
        return steps

    assert on_loop(main) == 100


def test_time_stands_still_while_a_thread_is_held_for(on_loop: Any) -> None:
    async def main() -> tuple[bool, float]:
        clock, may_end, ended = VirtualClock(), threading.Event(), False
        loop = asyncio.get_running_loop()

        async def work() -> None:
            nonlocal ended
            await clock.sleep_until(1.0)
            with clock.hold():
                loop.call_soon(may_end.set)
                await asyncio.to_thread(may_end.wait)
                ended = True

        seen: list[tuple[bool, float]] = []
        clock.call_at(2.0, lambda: seen.append((ended, clock.monotonic())))
        task = asyncio.create_task(work())
        await clock.advance(3)
        await task
        return seen[0]

    assert on_loop(main) == (True, 2.0)


def test_the_same_calls_give_the_same_order(on_loop: Any) -> None:
    async def main() -> list[tuple[int, float]]:
        clock, seen = VirtualClock(), list[tuple[int, float]]()

        async def ticker(number: int) -> None:
            for tick in range(1, 30):
                await clock.sleep_until(tick * (number % 7 + 1) * 0.5)
                seen.append((number, clock.monotonic()))

        tasks = [asyncio.create_task(ticker(number)) for number in range(20)]
        await clock.run_for(timedelta(minutes=5))
        assert all(task.done() for task in tasks)
        return seen

    once = on_loop(main)
    assert once == on_loop(main)
    assert once == sorted(once, key=lambda entry: entry[1])


def test_a_year_of_hours_is_lived_through_alarm_by_alarm(on_loop: Any) -> None:
    async def main() -> list[datetime]:
        clock, seen = VirtualClock(NEW_YEAR), list[datetime]()

        async def hourly() -> None:
            while True:
                await clock.sleep_until(clock.monotonic() + 3600)
                seen.append(clock.now())

        task = asyncio.create_task(hourly())
        await clock.run_for(timedelta(days=365))
        task.cancel()
        return seen

    seen = on_loop(main)
    assert len(seen) == 8760
    assert all(instant.microsecond == instant.second == instant.minute == 0 for instant in seen)
