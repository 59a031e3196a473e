"""The start of a cluster: triggers that fire then (C19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callboard.changes.settle import move, settle
from callboard.changes.slots import store_plans
from callboard.changes.work import Work
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import SlotPlan
from callboard.domain.restart import restarted
from callboard.domain.trigger import Trigger, TriggerState


async def start_triggers(work: Work, triggers: Sequence[Trigger]) -> None:
    """Give each of the locked triggers its slot of this start; a paused one's is skipped."""
    settled = await settle(work, triggers)
    active = [trigger for trigger in settled if trigger.state is TriggerState.ACTIVE]
    await move(
        work,
        [
            SlotPlan(before=trigger, after=restarted(trigger, work.now), entries=())
            for trigger in active
        ],
    )
    paused = [trigger for trigger in settled if trigger.state is TriggerState.PAUSED]
    await store_plans(work, [_skipped(trigger, work) for trigger in paused])


def _skipped(trigger: Trigger, work: Work) -> SlotPlan:
    slot = restarted(replace(trigger, state=TriggerState.ACTIVE), work.now).next_slot
    if slot is None:
        return SlotPlan(before=trigger, after=trigger, entries=())
    entry = LedgerEntry(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=slot,
        decision=Decision.SKIPPED,
        reason=SkipReason.PAUSED,
    )
    return SlotPlan(before=trigger, after=replace(trigger, last_slot=slot), entries=(entry,))
