"""JobStore: the one way to the store; changes that wait together are committed together.

Receives
    Change             from all        written in the next commit -> the command's reply or refusal
    Read               from all        answered beside the commits -> the command's reply
    LeaseRenewed(...)  from registrar  whether there are other nodes, to be told of commits
Sends
    Committed, Hinted, StoreChanged, Hopeless    to the board's other actors, through `publish`
    RunsAssigned, AssignmentUnsure               to executor, likewise: runs that started here, for
                                                 the places that its last claim left empty
    WaitLimited                                  to timekeeper, likewise
Owns
    waiting: changes that no commit has taken yet, at most WAITING_LIMIT
    the store and its connections
    committer: with the offer of the executor's places and the jobs that were seen lately, bounded
States
    CLOSED -store opened-> OPEN; in CLOSED every command is refused with StoreUnavailable
Fails
    StoreUnavailable: every change of the commit is refused with it; where a commit was under way,
        it may have been done (H08)
    SchemaMismatch, and what else opening says: Hopeless, there is nothing to be done about it
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from callboard.changes.apply import BULK, CHANGE
from callboard.changes.committer import Committer
from callboard.changes.hints import Hints
from callboard.changes.waiting import Waiting
from callboard.clock import Clock
from callboard.commands import (
    AdoptStarts,
    Change,
    ClaimRuns,
    CreateTriggers,
    EndRuns,
    FireSlots,
    Read,
    RetryRuns,
    StartRuns,
    TimeOutRuns,
)
from callboard.errors import Overloaded, StoreError, StoreUnavailable
from callboard.events import (
    AssignmentUnsure,
    Committed,
    Hinted,
    Hopeless,
    LeaseRenewed,
    RunsAssigned,
    StoreChanged,
    WaitLimited,
)
from callboard.reads import READ
from callboard.runtime import AsyncioActor, Reply
from callboard.store.contract import Renewal, Store

WAITING_LIMIT: Final = 20_000
COMMIT_WEIGHT: Final = 5_000
"""Rows, about, that one transaction takes on; a single larger change still goes alone."""
WEIGHTS: Final[Mapping[type, Callable[[Any], int]]] = {
    StartRuns: lambda change: len(change.runs),
    EndRuns: lambda change: len(change.ended),
    FireSlots: lambda change: len(change.plans),
    ClaimRuns: lambda change: change.limit,
    CreateTriggers: lambda change: len(change.triggers),
    RetryRuns: lambda change: len(change.run_ids),
    TimeOutRuns: lambda change: change.limit,
    AdoptStarts: lambda change: change.limit,
}
"""Of changes that are more than one row or two."""
RECONNECT_S: Final = 0.5
REMIND_S: Final = 30.0
"""Between two warnings of the same reason that the database cannot be reached for."""

Inbox: TypeAlias = Change | Read | LeaseRenewed
Publish: TypeAlias = Callable[
    [Committed | RunsAssigned | AssignmentUnsure | WaitLimited | Hinted | StoreChanged | Hopeless],
    None,
]

logger = logging.getLogger(__name__)


class JobStore(AsyncioActor):
    mailbox_limit = 20_000

    def __init__(
        self,
        *,
        store: Store,
        publish: Publish,
        new_trace_id: Callable[[], str],
        clock: Clock,
    ) -> None:
        super().__init__(clock=clock)
        self._store = store
        self._publish = publish
        self._hints = Hints(store, self.spawn, is_wanted=lambda: self._has_peers)
        self._committer = Committer(
            store=store,
            publish=publish,
            note=self._note,
            hints=self._hints,
            on_renewal=self._on_renewal,
            new_trace_id=new_trace_id,
            clock=clock,
        )
        self._waiting: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_open = False
        self._is_up: bool | None = None
        self._said, self._said_at = "", 0.0
        self._has_peers = True  # until a renewal of the lease says otherwise

    def on_start(self) -> None:
        self.spawn(self._serve(), name="job-store-commits")

    def on_stop(self) -> Any:
        return self._close()

    async def _close(self) -> None:
        if self._is_open:
            await self._idle.wait()
            await self._hints.sent()
        self._is_open = False
        await self._store.close()

    def on_receive(self, message: Inbox) -> Any:
        kind = type(message)
        if kind is LeaseRenewed:
            return self._on_renewal(cast(LeaseRenewed, message))
        if not self._is_open:
            raise StoreUnavailable("the database has not been reached yet")
        if kind in BULK or kind in CHANGE:
            return self._on_change(cast(Change, message))
        if kind in READ:
            return self.later(self._read(cast(Read, message)))
        return super().on_receive(message)

    def _on_renewal(self, renewed: LeaseRenewed | Renewal) -> None:
        self._has_peers = renewed.live_nodes > 1

    async def _read(self, message: Read) -> object:
        try:
            return await READ[type(message)](self._store, message)
        except StoreUnavailable as error:
            self._note(error)
            raise

    def _note(self, error: StoreUnavailable | None) -> None:
        """Say it when the store begins or ceases to answer."""
        is_up = error is None
        if is_up is self._is_up:
            return
        if error is not None and self._is_worth_saying(str(error)):
            logger.warning("the database does not answer: %s", error)
        elif error is None and self._is_up is not None:
            logger.info("the database answers again")
        self._is_up = is_up
        self._publish(StoreChanged(is_up=is_up, reason="" if error is None else str(error)))

    def _on_change(self, change: Change) -> Reply[Any]:
        if len(self._waiting) >= WAITING_LIMIT:
            raise Overloaded("the job store", WAITING_LIMIT)
        reply = self.reply_later()
        self._waiting.append((change, reply))
        self._idle.clear()
        self._wake.set()
        return reply

    async def _serve(self) -> None:
        await self._open()
        if not self._is_open:
            return
        self.spawn(self._listen(), name="job-store-hints")
        while True:
            if not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            await self._committer.commit(self._take())

    async def _open(self) -> None:
        while not self._is_open:
            try:
                await self._store.open()
            except StoreUnavailable as error:
                self._note_closed(error)
                await self._pause()
            except StoreError as error:
                self._publish(Hopeless(error=error))
                return
            else:
                self._is_open = True
        self._idle.set()
        self._note(None)
        # An earlier life may have ended over a commit that assigned runs.
        self._publish(AssignmentUnsure())
        self._publish(Hinted(topic="opened"))

    def _note_closed(self, error: StoreUnavailable) -> None:
        """Say why the store cannot be opened."""
        if self._is_worth_saying(str(error)):
            logger.warning("the database cannot be reached: %s", error)
            self._publish(StoreChanged(is_up=False, reason=str(error)))
        self._is_up = False

    def _is_worth_saying(self, reason: str) -> bool:
        """Whether it is another reason than the last one, or was said a while ago."""
        now = self.clock.monotonic()
        if reason == self._said and now < self._said_at + REMIND_S:
            return False
        self._said, self._said_at = reason, now
        return True

    async def _listen(self) -> None:
        while True:
            try:
                await self._store.listen(self._on_hint)
            except StoreError as error:
                # Also one that no new try will change (a pooler without LISTEN): hints only hurry.
                logger.info("no hints from other nodes for now: %s", error)
            await self._pause()

    def _on_hint(self, topic: str) -> None:
        if topic == "runs":
            self._committer.hinted()
        self._publish(Hinted(topic=topic))

    async def _pause(self) -> None:
        await self.clock.sleep_until(self.clock.monotonic() + RECONNECT_S)

    def _take(self) -> list[Waiting]:
        batch = [self._waiting.popleft()]
        weight = _weight(batch[0][0])
        while self._waiting:
            weight += _weight(self._waiting[0][0])
            if weight > COMMIT_WEIGHT:
                break
            batch.append(self._waiting.popleft())
        return batch


def _weight(change: Change) -> int:
    kind = type(change)
    weight = WEIGHTS.get(kind)
    return 1 if weight is None else weight(change)
