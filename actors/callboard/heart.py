"""Heart: a thread that keeps the node's lease alive and watches the event loop, whatever that does.

It is no actor: it blocks, by design, and must go on while no actor can. What it finds out it tells
to its owner by `post`, which has to be safe to call from a thread; what it is to do, it is told by
the methods, on the loop.

States
    RESTING -begin-> KEEPING -rest, lease taken away or given up-> RESTING;  -close-> ended
Fails
    any error: it ends, and its owner is told (`Stopped`)
    the event loop is closed without a `close`: it ends, so that the lease does, too
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.domain.json import JsonObject
from callboard.errors import CallboardError
from callboard.events import LoopBlocked
from callboard.loop_watch import LoopGone, LoopWatch
from callboard.pulse import Failing, GivenUp, Pulse, Renewed
from callboard.store.contract import LeaseLine

NAME: Final = "callboard-heart"
CLOSE_S: Final = 2.0
"""The end of the thread is waited for."""
STILL_S: Final = 0.5
"""A wait that takes so much longer than it should: the whole process stood still."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The heart has ended by an error."""

    reason: str


Told: TypeAlias = Renewed | Failing | GivenUp | LoopBlocked | Stopped


class Heart:
    """One thread; made, told and closed on the event loop that it watches."""

    def __init__(
        self,
        *,
        line: LeaseLine | None,
        post: Callable[[Told], None],
        lease: timedelta,
        block_warn_s: float,
        block_limit_s: float,
        vitals: Callable[[float], JsonObject | None],
        clock: Clock,
    ) -> None:
        """Args:
        line: how leases are renewed; None: the heart only watches the loop.
        post: called in the heart's thread.
        vitals: likewise; what the node does at that instant of the monotonic clock.
        """
        self._line = line
        self._post = post
        self._clock = clock
        self._watch = LoopWatch(warn_s=block_warn_s, on_freed=self._tell, clock=clock)
        self._pulse: Pulse | None = None
        if line is not None:
            self._pulse = Pulse(
                line=line,
                post=self._tell,
                lease=lease,
                block_limit_s=block_limit_s,
                vitals=vitals,
                clock=clock,
            )
        self._orders: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._live, name=NAME, daemon=True)
        self._thread.start()

    @property
    def keeps_leases(self) -> bool:
        """Whether it can; otherwise its owner has to."""
        return self._pulse is not None

    def begin(self, epoch: int, *, asked_at: float, at_once: bool = False) -> None:
        """As Pulse.begin."""
        if self._pulse is not None:
            self._orders.put(partial(self._pulse.begin, epoch, asked_at=asked_at, at_once=at_once))

    def rest(self) -> None:
        """Keep no lease any more."""
        if self._pulse is not None:
            self._orders.put(self._pulse.rest)

    def stop(self) -> None:
        """Let it end, whatever it does, without waiting for that."""
        self._orders.put(None)
        if self._line is not None:
            self._line.interrupt()

    async def close(self) -> None:
        """Stop it, and wait until it has ended, but not for ever."""
        self.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._ended), CLOSE_S)
            self._thread.join(CLOSE_S)

    # in the thread

    def _live(self) -> None:
        try:
            self._beat()
        except LoopGone:
            logger.warning("the event loop was closed under an open board: its lease will end")
        except Exception as error:
            logger.exception("the heart stopped")
            self._tell(Stopped(reason=f"{type(error).__name__}: {error}"))
        finally:
            self._end()

    def _beat(self) -> None:
        while True:
            now = self._clock.monotonic()
            wait_s = self._watch.every_s
            blocked_s = self._watch.look(now)
            if self._pulse is not None:
                due_s = self._pulse.step(now, blocked_s=blocked_s)
                wait_s = wait_s if due_s is None else min(wait_s, due_s)
            if not self._obey(wait_s):
                return

    def _obey(self, wait_s: float) -> bool:
        """Wait, and do what is ordered meanwhile; False: to end."""
        until = self._clock.monotonic() + wait_s
        try:
            order = self._orders.get(timeout=wait_s)
        except Empty:
            now = self._clock.monotonic()
            if now - until > STILL_S:
                self._watch.forgive(now)
            return True
        if order is not None:
            order()
        return order is not None

    def _tell(self, told: Told) -> None:
        try:
            self._post(told)
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.debug("nobody hears %s: %s", type(told).__name__, error)

    def _end(self) -> None:
        if self._line is not None:
            try:
                self._line.close()
            except Exception:
                logger.exception("the lease's connection was not closed in order")
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(_settle, self._ended)


def _settle(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)
