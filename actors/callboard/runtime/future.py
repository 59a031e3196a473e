"""AsyncioFuture: pykka's future, awaitable on any loop and readable from any thread."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from callboard.runtime.answer import Failed
from callboard.runtime.errors import WouldDeadlock

if TYPE_CHECKING:
    from pykka._future import GetHookFunc
    from pykka._types import OptExcInfo

T = TypeVar("T")


class _Value:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def give(self) -> Any:
        return self.value


class AsyncioFuture(pykka.Future[T]):
    """A value that is there now or later; set once, from any thread.

    `await` it on a loop; `get()` it from a thread that runs no loop. `map`, `join` and the other
    combinations of pykka can be awaited too.
    """

    def __init__(self) -> None:
        self._get_hook = None
        self._get_hook_result = _UNSET
        self._lock = threading.Lock()
        self._outcome: _Value | Failed | None = None
        self._wakers: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"<AsyncioFuture {'pending' if self._outcome is None else 'done'}>"

    @property
    def is_done(self) -> bool:
        """Whether the value or the error is there."""
        return self._outcome is not None

    def get(self, *, timeout: float | None = None) -> T:
        """The value, or raises the error; waits for it at most `timeout` seconds.

        Raises:
            pykka.Timeout: it did not come in time.
            WouldDeadlock: it is not there yet, and this thread runs an event loop.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if self._outcome is None:
            self._block(timeout)
        assert self._outcome is not None
        value: T = self._outcome.give()
        return value

    def set(self, value: T | None = None) -> None:
        """Give the value.

        Raises:
            queue.Full: it has one already.
        """
        self._settle(_Value(value))

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Give an error instead of a value: `(type, error, traceback)`, or the one at hand."""
        kind, error, traceback = exc_info if exc_info is not None else sys.exc_info()
        assert kind is not None
        self._settle(Failed(kind() if error is None else error, traceback))

    def set_get_hook(self, func: GetHookFunc[T]) -> None:
        """Compute the value by `func` when it is first asked for.

        When awaited, `func` may be called again after a future that it reads has come.
        """
        if self._outcome is not None:
            raise queue.Full
        self._get_hook = func

    def arrival(self) -> asyncio.Future[None]:
        """Done on the running loop as soon as there is a value or an error; never raises it."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def rouse() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake() -> None:
            if asyncio._get_running_loop() is loop:
                rouse()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(rouse)

        self._call_when_settled(wake)
        return waiter

    def __await__(self) -> Generator[Any, None, T]:
        if self._get_hook is not None:
            return (yield from self._await_hook())
        if self._outcome is None:
            yield from self.arrival()
        return self.get()

    __iter__ = __await__

    def _await_hook(self) -> Generator[Any, None, T]:
        # The hook reads other futures; each one that is not there yet says so by WouldDeadlock.
        while True:
            try:
                return self.get()
            except WouldDeadlock as missing:
                source = missing.future
            assert isinstance(source, AsyncioFuture)
            yield from source.arrival()

    def _settle(self, outcome: _Value | Failed) -> None:
        with self._lock:
            if self._outcome is not None or self._get_hook is not None:
                raise queue.Full
            self._outcome = outcome
            wakers = self._wakers
        for wake in wakers:
            wake()

    def _call_when_settled(self, wake: Callable[[], object]) -> None:
        with self._lock:
            if self._outcome is None:
                self._wakers.append(wake)
                return
        wake()

    def _block(self, timeout: float | None) -> None:
        if timeout is None or timeout > 0:
            if asyncio._get_running_loop() is not None:
                raise WouldDeadlock(self)
            arrived = threading.Event()
            self._call_when_settled(arrived.set)
            arrived.wait(timeout)
        if self._outcome is None:
            raise pykka.Timeout(f"{timeout} seconds")


# pykka marks "the hook was not called yet" by an instance of its own private class.
_UNSET: Any = pykka.Future()._get_hook_result
