"""JobStore: the one way to the store; changes that wait together are committed together.

Receives
    Change    from all    written in the next transaction -> the command's reply or refusal
    Read      from all    answered beside the transactions -> the command's reply
Sends
    Committed, Hinted, StoreChanged, Hopeless    to the board's other actors, through `publish`
Owns
    waiting: changes that no transaction has taken yet, at most WAITING_LIMIT
    the store and its connection
States
    CLOSED -store opened-> OPEN; in CLOSED every command is refused with StoreUnavailable
Fails
    StoreUnavailable: every change of the transaction is refused with it, none is done
    SchemaMismatch, and what else opening says: Hopeless, there is nothing to be done about it
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, cast

from callboard.changes.apply import BULK, CHANGE, apply_all
from callboard.changes.work import Work
from callboard.clock import Clock
from callboard.commands import Change, ClaimRuns, EndRuns, FireSlots, Read, StartRuns
from callboard.errors import Overloaded, StoreError, StoreUnavailable, TransactionConflict
from callboard.events import Committed, Event, Hinted, Hopeless, StoreChanged
from callboard.reads import READ
from callboard.runtime import AsyncioActor, Reply
from callboard.store.contract import Renewal, Store

WAITING_LIMIT: Final = 20_000
COMMIT_WEIGHT: Final = 5_000
"""Rows, about, that one transaction takes on; a single larger change still goes alone."""
RECONNECT_S: Final = 0.5
TRIES: Final = 3
"""Of a transaction that lost a race inside the database (a deadlock, say)."""

Inbox: TypeAlias = Change | Read
Waiting: TypeAlias = tuple[Change, Reply[Any]]
Publish: TypeAlias = Callable[[Committed | Hinted | StoreChanged | Hopeless], None]

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
        self._new_trace_id = new_trace_id
        self._waiting: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_open = False
        self._is_up: bool | None = None
        self._has_peers = True  # until a renewal of the lease says otherwise

    def on_start(self) -> None:
        self.spawn(self._serve(), name="job-store-commits")

    def on_stop(self) -> Any:
        return self._close()

    async def _close(self) -> None:
        if self._is_open:
            await self._idle.wait()
        self._is_open = False
        await self._store.close()

    def on_receive(self, message: Inbox) -> Any:
        if not self._is_open:
            raise StoreUnavailable("the database has not been reached yet")
        if type(message) in READ:
            return self.later(self._read(cast(Read, message)))
        if type(message) in CHANGE or type(message) in BULK:
            return self._on_change(cast(Change, message))
        return super().on_receive(message)

    async def _read(self, message: Read) -> object:
        try:
            return await READ[type(message)](self._store, message)
        except StoreUnavailable as error:
            self._note(error)
            raise

    def _note(self, error: StoreUnavailable | None) -> None:
        """Say it when the store begins or ceases to answer."""
        is_up = error is None
        if is_up is not self._is_up:
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
            await self._commit(self._take())

    async def _open(self) -> None:
        while not self._is_open:
            try:
                await self._store.open()
            except StoreUnavailable as error:
                logger.warning("the database cannot be reached: %s", error)
                self._note(error)
                await self._pause()
            except StoreError as error:
                self._publish(Hopeless(error=error))
                return
            else:
                self._is_open = True
        self._idle.set()
        self._note(None)
        self._publish(Hinted(topic="opened"))

    async def _listen(self) -> None:
        while True:
            try:
                await self._store.listen(lambda topic: self._publish(Hinted(topic=topic)))
            except StoreError as error:
                # Also one that no new try will change (a pooler without LISTEN): hints only hurry.
                logger.info("no hints from other nodes for now: %s", error)
            await self._pause()

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

    async def _commit(self, batch: Sequence[Waiting], *, tries: int = 1) -> None:
        """Commit all of the batch; where one change spoils it, each alone."""
        try:
            answers = await self._transact([change for change, _ in batch])
        except TransactionConflict as error:
            if tries < TRIES:
                await self._commit(batch, tries=tries + 1)
            else:
                _refuse(batch, error)
        except StoreUnavailable as error:
            self._note(error)
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - an asker's error is the asker's, not a crash
            if len(batch) > 1:
                for waiting in batch:
                    await self._commit([waiting])
            else:
                _refuse(batch, error)
        else:
            self._note(None)
            for (_, reply), answer in zip(batch, answers, strict=True):
                _answer(reply, answer)

    async def _transact(self, changes: Sequence[Change]) -> list[object]:
        async with self._store.begin() as tx:
            work = Work(tx=tx, new_trace_id=self._new_trace_id)
            answers = await apply_all(work, changes)
            if self._has_peers:
                await tx.notify(_topics(work))
            first_seq = await tx.append_events(work.records) if work.records else 0
        for answer in answers:
            if isinstance(answer, Renewal):
                self._has_peers = answer.live_nodes > 1
        self._tell(work, first_seq)
        return answers

    def _tell(self, work: Work, first_seq: int) -> None:
        if not (work.records or work.logged_run_ids or work.slots):
            return
        events = tuple(
            Event(
                seq=seq,
                type=record.type,
                at=work.now,
                run=run,
                subject={} if run is not None else record.patch,
            )
            for seq, (record, run) in enumerate(
                zip(work.records, work.runs, strict=True), start=first_seq
            )
        )
        self._publish(
            Committed(
                events=events,
                triggers=tuple(work.triggers),
                logged_run_ids=frozenset(work.logged_run_ids),
                slots=work.slots,
            )
        )


def _answer(reply: Reply[Any], answer: object) -> None:
    if isinstance(answer, Exception):
        reply.set_exception(answer)
    else:
        reply.set(answer)


def _refuse(batch: Sequence[Waiting], error: Exception) -> None:
    for _, reply in batch:
        reply.set_exception(error)


def _weight(change: Change) -> int:
    match change:
        case StartRuns():
            return len(change.runs)
        case EndRuns():
            return len(change.ended)
        case FireSlots():
            return len(change.plans)
        case ClaimRuns():
            return change.limit
    return 1


def _topics(work: Work) -> list[str]:
    topics = {"events"} if work.records else set()
    topics |= {"triggers"} if work.triggers else set()
    topics |= {"logs"} if work.logged_run_ids else set()
    for record in work.records:
        if record.type == "run.queued":
            topics.add("runs")
        elif record.type == "run.stopping":
            topics.add("stops")
    return sorted(topics)
