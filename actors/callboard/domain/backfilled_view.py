"""Slots as people look at them, with what backfills fired afterwards."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from callboard.domain.backfill import BackfilledSlot
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.slot import SlotView, view_entry
from callboard.domain.trigger import Trigger


def with_backfills(
    trigger: Trigger, views: Sequence[SlotView], fired: Iterable[BackfilledSlot]
) -> list[SlotView]:
    """The views, each naming the backfills that fired it or a slot of its stretch.

    A slot that no view speaks of (its trigger was not active in its time) gets one of its own. The
    order of the views is kept; such slots stand behind them.
    """
    left: defaultdict[datetime, list[BackfilledSlot]] = defaultdict(list)
    for each in fired:
        left[each.slot].append(each)
    slots = sorted(left)
    marked: list[SlotView] = []
    covered: set[datetime] = set()
    for view in views:
        first = bisect_left(slots, view.slot)
        mine = slots[first : bisect_right(slots, view.until or view.slot)]
        ids = {each.backfill_id for slot in mine for each in left[slot]}
        marked.append(replace(view, backfills=tuple(sorted(ids))) if ids else view)
        covered.update(mine)
    return marked + [_own_view(trigger, left[slot]) for slot in slots if slot not in covered]


def backfilled_entry(trigger: Trigger, fired: Sequence[BackfilledSlot]) -> LedgerEntry:
    """What the ledger would say of a slot that only these, at least one, fired."""
    return LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=fired[0].slot,
        decision=Decision.FIRED,
        decided_at=min(each.fired_at for each in fired),
        run_ids=tuple(run_id for each in fired for run_id in each.run_ids),
    )


def _own_view(trigger: Trigger, fired: Sequence[BackfilledSlot]) -> SlotView:
    ids = sorted({each.backfill_id for each in fired})
    view = view_entry(trigger, backfilled_entry(trigger, fired))
    return replace(view, starts_at=None, backfills=tuple(ids))
