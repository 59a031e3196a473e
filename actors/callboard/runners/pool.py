"""ThreadPool: a bounded number of daemon threads for blocking calls.

All bookkeeping happens on the loop's thread, so there is nothing to lock. A call that is given up
keeps its thread, and so its place, until it ends (T08): never are there more threads than places.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from typing import Final

from callboard.runners.ending import Detached, Ended, call_to_end

IDLE_NAME: Final = "callboard-idle"


class Call:
    """One call in the pool; `end` is its end as a future."""

    __slots__ = ("context", "end", "has_ended", "has_started", "is_given_up", "name", "work")

    def __init__(self, name: str, work: Callable[[], object], context: Context) -> None:
        self.name = name
        self.work = work
        self.context = context
        self.end: asyncio.Future[Ended | Detached] = asyncio.get_running_loop().create_future()
        self.has_started = False
        self.has_ended = False
        self.is_given_up = False


class ThreadPool:
    """Calls functions in threads, at most `size` at once; the others wait in their order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._waiting: deque[Call] = deque()
        self._is_closed = False
        self.stuck = 0
        """Calls that were given up and have not ended."""

    def submit(self, name: str, work: Callable[[], object], context: Context) -> Call:
        """Call `work` in a thread that bears `name` meanwhile, within `context`."""
        if self._is_closed:
            raise RuntimeError("the thread pool is closed")
        call = Call(name, work, context)
        self._waiting.append(call)
        self._hand_out()
        return call

    def give_up(self, call: Call) -> None:
        """Wait no longer for it; one that has not begun never will."""
        if call.has_ended or call.is_given_up:
            return
        call.is_given_up = True
        if call.has_started:
            self.stuck += 1
            _settle(call, Detached())
        else:
            self._waiting.remove(call)
            _settle(call, Ended(error=asyncio.CancelledError()))

    def close(self) -> None:
        """End the idle threads and wait for them; busy ones end after their call."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for worker in (*idle, *self._busy):
            worker.inbox.put(None)
        for worker in idle:
            worker.thread.join()

    def _hand_out(self) -> None:
        while self._waiting and (self._idle or len(self._busy) < self._size):
            worker = self._idle.pop() if self._idle else _Worker(self._free)
            self._busy.add(worker)
            call = self._waiting.popleft()
            call.has_started = True
            worker.inbox.put(call)

    def _free(self, worker: _Worker, call: Call, end: Ended) -> None:
        call.has_ended = True
        self._busy.discard(worker)
        if not self._is_closed:
            self._idle.append(worker)
        if call.is_given_up:
            self.stuck -= 1
        _settle(call, end)
        self._hand_out()


def _settle(call: Call, end: Ended | Detached) -> None:
    if not call.end.done():
        call.end.set_result(end)


class _Worker:
    """One thread and what it is to do next; None ends it."""

    def __init__(self, on_end: Callable[[_Worker, Call, Ended], None]) -> None:
        self.inbox: SimpleQueue[Call | None] = SimpleQueue()
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._work, name=IDLE_NAME, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (call := self.inbox.get()) is not None:
            self.thread.name = call.name
            end = call.context.run(call_to_end, call.work)
            self.thread.name = IDLE_NAME
            try:
                self._loop.call_soon_threadsafe(self._on_end, self, call, end)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits, nothing follows
                return
            del call, end
