"""Actors and messages that the tests of the runtime share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pykka

from callboard.runtime import AsyncioActor, Command, TooManyRestarts, ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Command[Any]):
    """A Counter answers by the sum so far, a Worker by the message."""

    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Command[None]):
    """The handler raises `error`."""

    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Command[str]):
    """Answered by 'done' once the event is set."""

    until: asyncio.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Command[Any]):
    """The handler runs `call(actor)` and answers its result."""

    call: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOn(Command[Any]):
    """The handler asks `whom` and answers what it gets."""

    whom: pykka.ActorRef[Any]
    command: Command[Any]


class Counter(AsyncioActor):
    """Adds up; plain handlers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        match message:
            case Add():
                self.total += message.n
                return self.total
            case Raise():
                raise message.error
            case _:
                return self.unexpected(message)

    def double(self) -> int:
        self.total *= 2
        return self.total

    async def slow_double(self) -> int:
        await breath()
        return self.double()


class Worker(AsyncioActor):
    """Does what it is told; coroutine handlers."""

    def __init__(self, log: list[Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log = log if log is not None else []

    async def on_start(self) -> None:
        self.log.append("start")

    async def on_stop(self) -> None:
        self.log.append("stop")

    async def on_failure(self, *details: Any) -> None:
        self.log.append("failure")

    async def on_receive(self, message: Any) -> Any:
        match message:
            case Wait():
                await message.until.wait()
                return "done"
            case Raise():
                raise message.error
            case Do():
                result = message.call(self)
                return await result if asyncio.iscoroutine(result) else result
            case AskOn():
                return await ask(message.whom, message.command, clock=self.clock)
            case _:
                self.log.append(message)
                return message


class First(Worker):
    """A Worker under another name."""


class Second(Worker):
    """A Worker under another name."""


class Third(Worker):
    """A Worker under another name."""


class Threaded(pykka.ThreadingActor):
    """A threading actor that passes messages on, waiting as threads do."""

    def on_receive(self, message: Any) -> Any:
        match message:
            case Add():
                return message.n + 1
            case AskOn():
                return message.whom.ask(message.command, timeout=5)
            case _:
                return message


def never(error: TooManyRestarts) -> None:
    """For `on_escalate` where nothing should escalate."""
    raise AssertionError(error)


async def breath() -> None:
    """Let everything else on the loop run once."""
    await asyncio.sleep(0)


async def breaths(count: int = 20) -> None:
    """Let chains of wake-ups run to their end."""
    for _ in range(count):
        await breath()


async def in_thread(call: Callable[[], Any]) -> Any:
    """What `call` returns in a thread that runs no loop."""
    return await asyncio.to_thread(call)


async def failing(awaitable: Awaitable[Any]) -> BaseException:
    """The error that the awaitable raises."""
    try:
        await awaitable
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        return error
    raise AssertionError("no error was raised")
