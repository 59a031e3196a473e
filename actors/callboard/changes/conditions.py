"""Conditional triggers: what they watch is noted with every change of them, and looked at later.

The evaluation follows the committed events by a follower whose row one node has at a time. It reads
first how far the events go, then who watches, then the ends: whoever was activated before an end
was committed is among those who watch when that end is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from callboard.changes.following import read_step
from callboard.changes.slots import store_plans
from callboard.changes.work import Work
from callboard.commands import EvaluateConditions, Evaluated
from callboard.domain.chain_end import ChainEnd
from callboard.domain.condition_cycle import ConditionLink, cycle_through, link_of
from callboard.domain.conditions import ConditionSet, evaluated
from callboard.domain.job import Job
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import FieldProblem, InvalidInput
from callboard.store.contract import ConditionWatch, Following

FOLLOWER: Final = "conditions"
WATCHFUL: Final = frozenset({TriggerState.ACTIVE, TriggerState.PAUSED})

Jobs = Mapping[tuple[str, str], Job]


def job_names(trigger: Trigger) -> set[tuple[str, str]]:
    """Group and name of every job that the trigger starts or watches."""
    started = (action.job for action in trigger.actions)
    return {(trigger.group, job) for job in (*started, *trigger.watched)}


def watch_problems(trigger: Trigger, jobs: Collection[tuple[str, str]]) -> list[FieldProblem]:
    """The conditions on jobs that are not among those, where they have to be."""
    if not trigger.needs_its_jobs:
        return []
    return [
        FieldProblem(
            f"schedule.conditions[{place}].job",
            f"there is no job {job!r} in the group {trigger.group!r}",
            "create it first",
        )
        for place, job in enumerate(trigger.watched)
        if (trigger.group, job) not in jobs
    ]


class Links:
    """The links between jobs, those included that this transaction is about to make."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[tuple[str, str | None], list[ConditionLink]] = {}
        """By group and workflow: an end within a workflow counts only there, others outside."""

    async def problems(self, trigger: Trigger) -> list[FieldProblem]:
        """The cycle that the trigger would close; without one, it counts from now on.

        Nobody else makes links until the commit (R11).
        """
        link = link_of(trigger)
        if link is None:
            return []
        if not self._known:
            await self._work.tx.lock_conditions()
        place = trigger.group, trigger.workflow
        if place not in self._known:
            self._known[place] = await self._work.tx.condition_links(*place)
        known = self._known[place]
        cycle = cycle_through(link, known)
        if cycle is None:
            known.append(link)
            return []
        reason = f"a job would start itself in the end: {cycle}"
        return [FieldProblem("schedule.conditions", reason, "break the cycle")]


async def check_links(work: Work, trigger: Trigger) -> None:
    """Raises InvalidInput, naming the cycle, where the trigger would close one."""
    problems = await Links(work).problems(trigger)
    if problems:
        raise InvalidInput(*problems)


async def watch(work: Work, triggers: Sequence[Trigger], jobs: Jobs) -> None:
    """Let stored triggers of new generations watch from now on, with nothing met (R13).

    Those of workflows watch nothing but the runs of these, which see to it.
    """
    await work.tx.begin_condition_sets(
        [
            ConditionSet(
                trigger_id=trigger.id,
                generation=trigger.generation,
                job_ids=tuple(
                    known.id
                    for job in trigger.watched
                    if (known := jobs.get((trigger.group, job))) is not None
                ),
            )
            for trigger in triggers
            if trigger.watched and trigger.workflow is None
        ]
    )


async def rewatch(work: Work, before: Trigger, after: Trigger) -> None:
    """The same for a trigger that was changed."""
    if after.watched and after.generation != before.generation:
        names = [(after.group, job) for job in after.watched]
        await watch(work, [after], await work.tx.lock_jobs(sorted(names)))
    elif before.watched and not after.watched:
        await work.tx.delete_condition_set(before.id)


async def evaluate_conditions(work: Work, command: EvaluateConditions) -> Evaluated:
    following = await work.tx.lock_follower(FOLLOWER)
    if following is None:
        return Evaluated(is_busy=True)
    watches = await work.tx.condition_watches()
    if not watches:
        if following.seq is not None:
            await work.tx.move_follower(FOLLOWER, None)
        return Evaluated()
    return await _follow(work, following, watches, command.events)


async def _follow(
    work: Work, following: Following, watches: Sequence[ConditionWatch], events: int
) -> Evaluated:
    # Nobody has to know what lies before all activations.
    start = max(following.seq or 0, min(each.since_seq for each in watches))
    if start >= following.newest:
        if following.seq is None:
            await work.tx.move_follower(FOLLOWER, start)
        return Evaluated()
    jobs = {job for each in watches for job in each.jobs}
    step = await read_step(work, start, following.newest, names=jobs, events=events)
    if step.ends:
        await _fire(work, _concerned(watches, step.ends), step.ends)
    await work.tx.move_follower(FOLLOWER, step.last)
    return Evaluated(again=step.again, missed=step.missed)


def _concerned(watches: Sequence[ConditionWatch], ends: Sequence[ChainEnd]) -> list[int]:
    """Ids of the triggers that watch a job of which a run ended, ascending."""
    ended = {(end.group, end.job) for end in ends}
    return sorted({each.trigger_id for each in watches if not ended.isdisjoint(each.jobs)})


async def _fire(work: Work, trigger_ids: Sequence[int], ends: Sequence[ChainEnd]) -> None:
    triggers = await work.tx.lock_triggers_by_id(trigger_ids)
    known = await work.tx.condition_sets(trigger_ids)
    plans, changed = [], list[ConditionSet]()
    for trigger_id, trigger in triggers.items():
        seen = known.get(trigger_id)
        if seen is None or not _is_watchful(trigger, seen):
            continue
        watched = frozenset(trigger.watched)
        mine = [end for end in ends if end.job in watched and end.group == trigger.group]
        found = evaluated(trigger, seen, mine)
        if found.plan is not None:
            plans.append(found.plan)
        if found.met != seen.met:
            changed.append(replace(seen, met=found.met))
    if plans:
        await store_plans(work, plans)
    await work.tx.update_condition_sets(changed)


def _is_watchful(trigger: Trigger, seen: ConditionSet) -> bool:
    is_present = seen.generation == trigger.generation
    return is_present and trigger.state in WATCHFUL and bool(trigger.watched)
