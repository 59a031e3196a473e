"""A plan whose firings turned out to be fewer: slots that nothing was started for did not fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.trigger import TriggerState, with_next_slot


def recounted(plan: SlotPlan, entries: Sequence[LedgerEntry]) -> SlotPlan:
    """The plan with these entries, of which fewer may fire, in place of its own.

    Its trigger's firings become fewer, too. The plan may have taken the last slot that
    `max_firings` lets fire; where fewer fired, the trigger goes on to the slot behind its last
    decided one.
    """
    unfired = _fired(plan.entries) - _fired(entries)
    if not unfired:
        return plan
    after = replace(plan.after, firings=plan.after.firings - unfired)
    cursor = after.last_slot
    if after.state is TriggerState.COMPLETED and after.max_firings is not None and cursor:
        going_on = replace(after, state=TriggerState.ACTIVE)
        after = with_next_slot(going_on, going_on.slot_after(cursor))
    return SlotPlan(before=plan.before, after=after, entries=tuple(entries))


def _fired(entries: Sequence[LedgerEntry]) -> int:
    return sum(entry.decision is Decision.FIRED for entry in entries)
