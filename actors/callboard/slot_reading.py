"""What is told of a trigger's slots: the ledger, the preview behind it, one instant explained."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

from callboard import commands as c
from callboard.domain.backfilled_view import backfilled_entry, with_backfills
from callboard.domain.collision import mark_collisions
from callboard.domain.explain import Explanation, explain_slot, is_within_years
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.slot import SlotView, decided_views, view_slots
from callboard.domain.trigger import Trigger, TriggerState
from callboard.runtime import Command
from callboard.store.contract import TriggerFilter

R = TypeVar("R")

MOST_AT_ONE_INSTANT: Final = 1000
"""Entries of different generations that touch it."""
MOST_OTHERS: Final = 100
"""Triggers that are looked at for collisions."""


class Ask(Protocol):
    """Sends a command to the job store."""

    def __call__(self, command: Command[R], /) -> Awaitable[R]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which slots: those in [since, until), of more than `limit` the first."""

    since: datetime
    until: datetime
    limit: int
    newest_first: bool = False
    """The last ones, in descending order."""


async def read_slots(ask: Ask, trigger: Trigger, span: Span) -> list[SlotView]:
    """What became of the slots, then what is to come, with the marks of collisions."""
    now = await ask(c.ReadClock())
    entries = await _entries(ask, trigger, span)
    views = view_slots(
        trigger, entries, since=span.since, until=span.until, limit=span.limit, now=now
    )
    views = await _backfilled(ask, trigger, views, span)
    if any(view.decision is Decision.PENDING for view in views):
        views = mark_collisions(views, await _others(ask, trigger))
    return views


async def read_ledger(ask: Ask, trigger: Trigger, span: Span) -> list[SlotView]:
    """What became of the slots up to now, also where that is certain but not written yet."""
    now = await ask(c.ReadClock())
    views = decided_views(
        trigger,
        await _entries(ask, trigger, span),
        now=now,
        since=span.since,
        until=span.until,
        limit=span.limit,
        newest_first=span.newest_first,
    )
    return await _backfilled(ask, trigger, views, span)


async def explain(ask: Ask, trigger: Trigger, at: datetime) -> Explanation:
    """What became of the instant `at`, or will, or why it is no slot."""
    now = await ask(c.ReadClock())
    if not is_within_years(at):
        return explain_slot(trigger, at, [], now)
    span = Span(since=at, until=at + datetime.resolution, limit=MOST_AT_ONE_INSTANT)
    entries = await _entries(ask, trigger, span)
    fired = await ask(
        c.ReadBackfilledSlots(
            trigger_id=trigger.id, since=span.since, until=span.until, limit=span.limit
        )
    )
    ids = tuple(sorted({each.backfill_id for each in fired}))
    backfilled = backfilled_entry(trigger, fired) if fired else None
    return explain_slot(trigger, at, entries, now, backfills=ids, backfilled=backfilled)


async def _entries(ask: Ask, trigger: Trigger, span: Span) -> list[LedgerEntry]:
    """The ledger as it was when the trigger was read: what was decided since is left out."""
    entries = await ask(
        c.ReadLedger(
            trigger_id=trigger.id,
            since=span.since,
            until=span.until,
            limit=span.limit,
            newest_first=span.newest_first,
        )
    )
    return [entry for entry in entries if _is_behind(trigger, entry)]


def _is_behind(trigger: Trigger, entry: LedgerEntry) -> bool:
    if entry.generation == trigger.generation:
        return entry.slot <= trigger.cursor
    return entry.generation < trigger.generation


async def _backfilled(
    ask: Ask, trigger: Trigger, views: Sequence[SlotView], span: Span
) -> list[SlotView]:
    """The views with what backfills fired, in the order and number that is asked for."""
    since, until = span.since, span.until
    if len(views) >= span.limit > 0:  # there are more: nothing is said of what lies beyond these
        last = views[-1]
        if span.newest_first:
            since = max(since, last.slot)
        else:
            until = min(until, (last.until or last.slot) + datetime.resolution)
    fired = await ask(
        c.ReadBackfilledSlots(trigger_id=trigger.id, since=since, until=until, limit=span.limit)
    )
    if not fired:
        return list(views)
    every = with_backfills(trigger, views, fired)
    every.sort(key=lambda view: view.slot, reverse=span.newest_first)
    return every[: span.limit]


async def _others(ask: Ask, trigger: Trigger) -> list[Trigger]:
    """Other active triggers that start one of its jobs, MOST_OTHERS at the most."""
    found: dict[int, Trigger] = {}
    for job in sorted({action.job for action in trigger.actions}):
        wanted = TriggerFilter(
            group=trigger.group,
            job=job,
            state=TriggerState.ACTIVE.value,
            limit=MOST_OTHERS + 1 - len(found),
        )
        found |= {each.id: each for each in await ask(c.ListTriggers(filter=wanted))}
        if len(found) > MOST_OTHERS:
            break
    found.pop(trigger.id, None)
    return list(found.values())[:MOST_OTHERS]
