"""What follows the end of runs: held firings are released, delays begin.

Locks: the runs that ended are locked first, their triggers after them; held runs last, passing over
those that somebody else has locked to stop them. Of two transactions that end the last two runs of
a trigger, the second one to get the trigger's lock sees that both are gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callboard.changes.stops import stop_unheld
from callboard.changes.work import Work
from callboard.commands import ReleaseHeld
from callboard.domain.misfire import SlotPlan
from callboard.domain.overlap import Answer, Firing, admission, is_sequenced
from callboard.domain.restart import rearmed
from callboard.domain.run_terms import waiting_terms
from callboard.domain.trigger import Trigger


async def follow_up(work: Work) -> None:
    """The last step of every transaction: costs nothing where no run of a trigger ended."""
    if not work.freed:
        return
    triggers = await work.tx.lock_triggers_by_id([], if_sequenced=sorted(work.freed))
    if triggers:
        await _follow(work, triggers, dict(work.freed))
    work.freed.clear()


async def _follow(
    work: Work, triggers: Mapping[int, Trigger], freed: Mapping[int, datetime]
) -> None:
    live = await _live_firings(work, list(triggers))
    idle: list[Trigger] = []
    for trigger in triggers.values():
        firings = live[trigger.id]
        is_free = all(firing.is_held for firing in firings)
        if is_free and not await _release_next(work, trigger, firings):
            idle.append(trigger)
    await _rearm(work, [(trigger, freed.get(trigger.id, work.now)) for trigger in idle])


async def _live_firings(work: Work, trigger_ids: Sequence[int]) -> Mapping[int, list[Firing]]:
    found: defaultdict[int, list[Firing]] = defaultdict(list)
    for firing in await work.tx.live_firings(sorted(trigger_ids)):
        found[firing.trigger_id].append(firing)
    return found


async def _release_next(work: Work, trigger: Trigger, held: Sequence[Firing]) -> bool:
    """Release the oldest held firing that is not too old; whether there was one."""
    await _drop(
        work,
        [firing for firing in held if _is_missed(trigger, firing, work.now)],
        "it was held for longer than the misfire window of its trigger",
        type="Misfire",
    )
    for firing in held:
        if not _is_missed(trigger, firing, work.now) and await _release(work, firing):
            return True
    return False


def _is_missed(trigger: Trigger, firing: Firing, now: datetime) -> bool:
    window_s = trigger.misfire.window_s
    return window_s is not None and now - firing.since > timedelta(seconds=window_s)


async def _release(work: Work, firing: Firing) -> bool:
    """Whether one of its runs was released; not, where others have them all in their hands."""
    runs = await work.tx.lock_held_runs(firing.run_ids)
    due = [
        replace(run, due_at=work.now, terms=waiting_terms(run.terms, work.now, work.now))
        for run in runs
    ]
    await work.tx.update_runs(due)
    work.runs_changed(due)
    return bool(due)


async def _drop(work: Work, firings: Sequence[Firing], reason: str, *, type: str) -> None:
    run_ids = sorted(run_id for firing in firings for run_id in firing.run_ids)
    if run_ids:
        await stop_unheld(work, await work.tx.lock_held_runs(run_ids), reason, type=type)


async def _rearm(work: Work, idle: Sequence[tuple[Trigger, datetime]]) -> None:
    plans = [
        SlotPlan(before=trigger, after=after, entries=())
        for trigger, ended_at in idle
        if (after := _after_end(trigger, ended_at)) != trigger
    ]
    won = await work.tx.advance_triggers(plans) if plans else []
    for plan, wins in zip(plans, won, strict=True):
        if wins and plan.after.state is not plan.before.state:
            work.trigger_changed(plan.after)
        elif wins:
            work.trigger_moved(plan.after)


def _after_end(trigger: Trigger, ended_at: datetime) -> Trigger:
    waits = trigger.schedule.kind == "delay" and trigger.next_slot is None
    return rearmed(trigger, ended_at) if waits else trigger


async def policy_edited(work: Work, before: Trigger, after: Trigger) -> None:
    """The consequences of an edit, right behind it, for the locked trigger's live firings.

    Where held firings were possible and are no more, the new policy decides them as if they came
    now: they start, or are stopped (error Overlap). Otherwise they stay held.
    """
    if is_sequenced(before) and not is_sequenced(after):
        await _decide_held(work, after, (await _live_firings(work, [after.id]))[after.id])
    elif is_sequenced(after) and not is_sequenced(before):
        firings = await work.tx.live_firings([after.id])
        # Whoever is ending one of these did not care for the trigger so far: wait until it is done.
        await work.tx.lock_runs(sorted(each for firing in firings for each in firing.run_ids))


async def _decide_held(work: Work, trigger: Trigger, firings: Sequence[Firing]) -> None:
    live = [firing for firing in firings if not firing.is_held]
    refused: list[Firing] = []
    for firing in firings:
        if not firing.is_held:
            continue
        if admission(trigger.overlap, live, firing.trace_id).answer is Answer.REFUSE:
            refused.append(firing)
        elif await _release(work, firing):
            live.append(replace(firing, is_held=False))
    await _drop(work, refused, "its trigger's overlap policy holds no firings now", type="Overlap")


async def trigger_deleted(work: Work, trigger_id: int) -> None:
    """Stop the held firings of a trigger that is gone; its other runs stay as they are (M20)."""
    held = [each for each in await work.tx.live_firings([trigger_id]) if each.is_held]
    await _drop(work, held, "its trigger was deleted", type="Stopped")


async def release_held(work: Work, command: ReleaseHeld) -> int:
    """A safety net: what waits for the end of runs although none is live. How many triggers."""
    stalled = await work.tx.stalled_triggers(command.limit)
    if not stalled:
        return 0
    triggers = await work.tx.lock_triggers_by_id(stalled)
    live = await _live_firings(work, list(triggers))
    for trigger_id in stalled:
        trigger = triggers.get(trigger_id)
        if trigger is None:
            await trigger_deleted(work, trigger_id)
        elif not is_sequenced(trigger):
            await _decide_held(work, trigger, live[trigger_id])
    sequenced = {each.id: each for each in triggers.values() if is_sequenced(each)}
    await _follow(work, sequenced, {})
    return len(stalled)
