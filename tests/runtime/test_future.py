"""AsyncioFuture: awaitable, readable from threads, and never a reason to hang."""

from __future__ import annotations

import asyncio
import queue
from typing import Any

import pykka
import pytest

from callboard.runtime import AsyncioFuture, WouldDeadlock
from runtime.samples import breaths, failing, in_thread


def error_info(error: Exception) -> Any:
    return type(error), error, None


async def test_it_can_be_awaited_before_and_after_it_is_set() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    waiting = asyncio.gather(future, future)
    await breaths()
    future.set(7)
    assert list(await waiting) == [7, 7]
    assert await future == 7


async def test_awaiting_it_raises_its_error() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    future.set_exception(error_info(KeyError("k")))
    assert isinstance(await failing(future), KeyError)


async def test_the_error_at_hand_is_taken_by_default() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    try:
        raise KeyError("k")
    except KeyError:
        future.set_exception()
    assert isinstance(await failing(future), KeyError)


async def test_another_thread_can_set_it() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    asyncio.get_running_loop().run_in_executor(None, future.set, 7)
    assert await future == 7


async def test_another_thread_can_wait_for_it() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    waiting = asyncio.ensure_future(in_thread(future.get))
    await breaths()
    future.set(7)
    assert await waiting == 7


def test_waiting_in_a_thread_ends_by_timeout() -> None:
    with pytest.raises(pykka.Timeout):
        AsyncioFuture[int]().get(timeout=0.01)


async def test_a_blocking_get_on_the_loop_raises_unless_the_value_is_there() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    with pytest.raises(WouldDeadlock):
        future.get()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    future.set(7)
    assert future.get() == 7


def test_it_is_set_once() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    future.set(1)
    with pytest.raises(queue.Full):
        future.set(2)
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _: 3)


async def test_combinations_can_be_awaited() -> None:
    first: AsyncioFuture[int] = AsyncioFuture()
    second: AsyncioFuture[int] = AsyncioFuture()
    total = first.join(second).map(sum)
    waiting = asyncio.ensure_future(_value_of(total))
    await breaths()
    second.set(2)
    await breaths()
    first.set(1)
    assert await waiting == 3


async def test_a_cancelled_wait_leaves_the_future_usable() -> None:
    future: AsyncioFuture[int] = AsyncioFuture()
    waiting = asyncio.ensure_future(_value_of(future))
    await breaths()
    waiting.cancel()
    await breaths()
    future.set(7)
    assert await future == 7


async def _value_of(future: pykka.Future[Any]) -> Any:
    return await future
