"""Sessions: connections to one database, so many in use at once, each kept for whoever had it last.

A run gets back the connection that it gave back last, as it left it; another run gets it reset.
asyncpg's own pool makes a proxy for each taking and a task for each giving back, which is dear
beside a chunk, and knows nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import asyncpg

from callboard.errors import StoreUnavailable
from callboard.store.statements import DRIVER_ERRORS, translated

UNUSED_S: Final = 60.0
"""After which a connection is closed."""
KEPT_S: Final = 1.0
"""For which a connection waits for its run before another one may have it, while there is room."""
CLEAN: Final = "set session authorization default; discard temp"
"""What asyncpg's `reset` leaves of a session's state."""

Session: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(slots=True)
class _Idle:
    session: Session
    run_id: int
    since: float
    """By the loop's clock."""
    is_kept: bool = True
    """For its run, for a moment."""


class Sessions:
    """Made on the loop that they are used on."""

    def __init__(
        self, connect: Callable[[], Awaitable[Session]], *, most: int, deadline_s: float
    ) -> None:
        """Args:
        connect: gives a new one.
        most: in use at once; who wants another one waits.
        deadline_s: for resetting one, and for closing them all.
        """
        self._connect = connect
        self._most = most
        self._deadline_s = deadline_s
        self._turns = asyncio.Semaphore(most)
        self._taken = 0
        self._idle: list[_Idle] = []
        """The longest idle first."""
        self._users: dict[Session, int] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def take(self, run_id: int) -> Session:
        """One for that run, to be given back; waits while all are in use.

        Raises:
            StoreUnavailable
        """
        self._check_open()
        await self._turns.acquire()
        self._taken += 1
        try:
            self._check_open()
            session = self._kept_for(run_id) or await self._another()
        except BaseException:
            self._taken -= 1
            self._turns.release()
            raise
        self._users[session] = run_id
        return session

    def give_back(self, session: Session) -> None:
        """Whatever became of it."""
        run_id = self._users.pop(session)
        self._taken -= 1
        self._turns.release()
        if session.is_closed():
            return
        if self._is_closed or session.is_in_transaction():
            session.terminate()
            return
        loop = asyncio.get_running_loop()
        self._idle.append(_Idle(session, run_id, loop.time()))
        if self._alarm is None:
            self._alarm = loop.call_later(UNUSED_S, self._close_unused)

    def rest(self, run_id: int) -> None:
        """The run does not miss those that it gave back."""
        for each in self._idle:
            if each.run_id == run_id:
                each.is_kept = False

    async def close(self) -> None:
        """Once all were given back, or the deadline is over."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        idle, self._idle = self._idle, []
        try:
            async with asyncio.timeout(self._deadline_s):
                for each in idle:
                    await each.session.close()
                for _ in range(self._most):
                    await self._turns.acquire()
        except DRIVER_ERRORS:
            for session in (*(each.session for each in idle), *self._users):
                session.terminate()

    def _kept_for(self, run_id: int) -> Session | None:
        """The one that the run gave back last."""
        for at in range(len(self._idle) - 1, -1, -1):
            each = self._idle[at]
            if each.run_id == run_id:
                del self._idle[at]
                if not each.session.is_closed():
                    return each.session
        return None

    async def _another(self) -> Session:
        """One that nobody misses, reset; a new one while there is room."""
        while (idle := self._free()) is not None:
            self._idle.remove(idle)
            if not idle.session.is_closed():
                return await self._clean(idle.session)
        try:
            return await self._connect()
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    def _free(self) -> _Idle | None:
        """One that no run misses; where there is no room for a new one, the longest idle."""
        if len(self._idle) + self._taken > self._most:
            return self._idle[0] if self._idle else None
        late = asyncio.get_running_loop().time() - KEPT_S
        return next((each for each in self._idle if not each.is_kept or each.since < late), None)

    async def _clean(self, session: Session) -> Session:
        try:
            await session.reset(timeout=self._deadline_s)
            await session.execute(CLEAN, timeout=self._deadline_s)
        except DRIVER_ERRORS as error:
            session.terminate()
            raise translated(error) from error
        except BaseException:
            session.terminate()
            raise
        return session

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the chunk line is closed")

    def _close_unused(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - UNUSED_S
        for each in [each for each in self._idle if each.since <= oldest]:
            self._idle.remove(each)
            each.session.terminate()
        self._alarm = None
        if self._idle:
            self._alarm = loop.call_at(self._idle[0].since + UNUSED_S, self._close_unused)
