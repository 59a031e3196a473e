"""Notifier: tells webhooks of failed and recovered jobs, and of missed deadlines.

Receives
    Committed(...)    from job store   runs ended, while webhooks listen; messages are due
    Hinted(topic)     from job store   messages are due, other nodes committed, the store came up
    _Beat()           from self        look at everything
    _Due()            from self        a message is due
    _Ends()           from self        runs have ended a moment ago
Sends
    NoteEnds, NoteDeadlines, TakeDeliveries, UpdateDelivery, ListWebhooks, ListWatchedSlots,
    GetTrigger, ReadLedger, GetRuns, ListRuns, NextDeliveryAt, ReadClock    to job store
Owns
    what is to be looked at in the next round; how many messages are on their way
States
    idle -> a round: ends, deadlines when it is their time, then messages until none is due -> idle
Fails
    StoreUnavailable: the next beat tries again; a message that was taken is due again by itself
    the other side: the message is sent again, later and later, and given up at last
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import (
    GetRuns,
    GetTrigger,
    ListRuns,
    ListWatchedSlots,
    ListWebhooks,
    NextDeliveryAt,
    NoteDeadlines,
    NoteEnds,
    Outbound,
    ReadClock,
    ReadLedger,
    TakeDeliveries,
    UpdateDelivery,
)
from callboard.domain.lateness import (
    KINDS,
    DeadlineKind,
    MissedDeadline,
    WatchedSlots,
    allowance,
    missed_deadlines,
    undecided,
)
from callboard.domain.ledger import LedgerEntry
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger
from callboard.errors import CallboardError
from callboard.events import Committed, Hinted
from callboard.postman import Postman
from callboard.runtime import AsyncioActor, Command, Rounds, ask
from callboard.store.contract import RunFilter, WebhookFilter

EVENTS_PER_ROUND: Final = 10_000
SOON_S: Final = 0.1
LEAST_S: Final = 0.1
ANY: Final = WebhookFilter(limit=1)
SLOTS_PER_ROUND: Final = 1000
MESSAGES_AT_ONCE: Final = 16
ASK_S: Final = 30.0
MOMENT: Final = timedelta(microseconds=1)
OUTAGES: Final = (CallboardError, pykka.ActorDeadError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    pass


Inbox: TypeAlias = Committed | Hinted | _Beat | _Due | _Ends


class Notifier(AsyncioActor):
    def __init__(
        self, *, job_store: pykka.ActorRef[Any], postman: Postman, poll_s: float, clock: Clock
    ) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._postman = postman
        self._poll_s = poll_s
        self._is_watching = True
        """Whether anybody is to be told of anything, as far as is known."""
        self._ends = self._deadlines = self._messages = False
        """What the next round has to look at."""
        self._rounds = Rounds(self._round, self.spawn, name="notifier-round")
        self._on_their_way = 0

    def on_start(self) -> None:
        self._on_beat()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._on_hinted(message)
            case _Beat():
                return self._on_beat()
            case _Due():
                return self._look(messages=True)
            case _Ends():
                return self._look(ends=True)
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        if message.is_for_webhooks:
            self._look(ends=True, messages=True)
        elif message.count:
            self._look_soon()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("deliveries", "opened"):
            self._look(ends=True, messages=True)
        elif message.topic == "events":
            self._look_soon()

    def _look_soon(self) -> None:
        """Not after every commit: a busy board has hundreds a second."""
        if self._is_watching:
            self.timers.send_within("ends", SOON_S, _Ends())

    def _on_beat(self) -> None:
        self.timers.send_after("beat", self._poll_s, _Beat())
        self._look(ends=True, deadlines=True, messages=True)

    def _look(self, *, ends: bool = False, deadlines: bool = False, messages: bool = False) -> None:
        self._ends |= ends
        self._deadlines |= deadlines
        self._messages |= messages
        self._rounds.begin()

    async def _round(self) -> None:
        try:
            while self._ends or self._deadlines or self._messages:
                if self._ends:
                    self._ends = False
                    await self._note_ends()
                elif self._deadlines:
                    self._deadlines = False
                    await self._check_deadlines()
                else:
                    self._messages = False
                    await self._send_messages()
        except OUTAGES as error:
            logger.info("notifications wait: %s", error)

    async def _ask(self, command: Command[Any]) -> Any:
        return await ask(self._job_store, command, timeout=ASK_S)

    # ends of runs

    async def _note_ends(self) -> None:
        if not self._is_watching and not await self._ask(ListWebhooks(filter=ANY)):
            return
        noted = await self._ask(NoteEnds(events=EVENTS_PER_ROUND))
        self._is_watching = noted.is_watching
        self._ends |= noted.again
        self._messages |= noted.is_watching
        if noted.missed is not None:
            words = "events %d to %d were removed before webhooks heard of them"
            logger.warning(words, *noted.missed)

    # deadlines

    async def _check_deadlines(self) -> None:
        watched: list[WatchedSlots] = await self._ask(ListWatchedSlots())
        if not watched:
            return
        now: datetime = await self._ask(ReadClock())
        for each in watched:
            trigger = await self._ask(GetTrigger(group=each.group, name=each.name))
            for kind in KINDS:
                if trigger is not None and trigger.id == each.trigger_id:
                    await self._check(each, trigger, kind, now)

    async def _check(
        self, watched: WatchedSlots, trigger: Trigger, kind: DeadlineKind, now: datetime
    ) -> None:
        within = allowance(trigger, kind)
        if within is None:
            return
        since, until = watched.checked.get(kind), now - within
        if since is None:  # not retroactive
            await self._ask(NoteDeadlines(watched=watched, kind=kind, until=now))
            return
        if until <= since:
            return
        entries = await self._entries(trigger, since, until)
        missed = list(missed_deadlines(entries, within, kind, await self._chains(entries)))
        if len(entries) == SLOTS_PER_ROUND:
            until, self._deadlines = entries[-1].slot, True
        elif (slot := undecided(trigger, since, until)) is not None:
            reason = "nobody has decided the slot yet"
            missed.append(MissedDeadline(slot=slot, until=slot + within, reason=reason))
            until = slot
        if missed or until - since > timedelta(seconds=self._poll_s):
            command = NoteDeadlines(
                watched=watched,
                kind=kind,
                until=until,
                missed=tuple(missed),
                jobs=tuple(action.job for action in trigger.actions),
            )
            await self._ask(command)

    async def _entries(
        self, trigger: Trigger, since: datetime, until: datetime
    ) -> Sequence[LedgerEntry]:
        command = ReadLedger(
            trigger_id=trigger.id,
            since=since + MOMENT,
            until=until + MOMENT,
            limit=SLOTS_PER_ROUND,
        )
        entries: Sequence[LedgerEntry] = await self._ask(command)
        # A stretch that was begun before was told of before.
        return [entry for entry in entries if entry.slot > since]

    async def _chains(self, entries: Sequence[LedgerEntry]) -> dict[int, list[Run]]:
        """By first run, the runs that may have been in time."""
        ids = tuple(run_id for entry in entries for run_id in entry.run_ids)
        if not ids:
            return {}
        firsts: dict[int, Run] = await self._ask(GetRuns(ids=ids))
        chains = {run_id: [run] for run_id, run in firsts.items()}
        for run_id, run in firsts.items():
            if run.has_ended and run.state is not RunState.SUCCEEDED:
                chains[run_id] += await self._ask(ListRuns(filter=RunFilter(chain_id=run_id)))
        return chains

    # messages

    async def _send_messages(self) -> None:
        room = MESSAGES_AT_ONCE - self._on_their_way
        if room <= 0:
            return  # whoever comes back looks again
        wait_s = await self._due_in_s()
        if wait_s is None or wait_s > 0:
            self._look_in(wait_s)
            return
        taken: tuple[Outbound, ...] = await self._ask(TakeDeliveries(limit=room))
        for outbound in taken:
            self._on_their_way += 1
            self.spawn(self._send(outbound), name=f"delivery-{outbound.delivery.id}")
        if len(taken) < room:
            self._look_in(await self._due_in_s())

    async def _send(self, outbound: Outbound) -> None:
        try:
            delivery = await self._postman.deliver(outbound)
            await self._ask(UpdateDelivery(delivery=delivery))
        except asyncio.CancelledError:
            raise
        except OUTAGES as error:
            logger.info("a message of a webhook waits: %s", error)
        finally:
            self._on_their_way -= 1
            self._look(messages=True)

    async def _due_in_s(self) -> float | None:
        """Seconds until a message is due; None: none waits."""
        due_at: datetime | None = await self._ask(NextDeliveryAt())
        if due_at is None:
            return None
        now: datetime = await self._ask(ReadClock())
        return (due_at - now).total_seconds()

    def _look_in(self, wait_s: float | None) -> None:
        if wait_s is not None and wait_s < self._poll_s:
            self.timers.send_after("due", max(LEAST_S, wait_s), _Due())
