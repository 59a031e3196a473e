"""Cycles of conditional triggers: a job that in the end would start itself."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from callboard.domain.schedule_kind import Conditional
from callboard.domain.trigger import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionLink:
    """A conditional trigger, as far as it leads from jobs to jobs of its group."""

    trigger: str
    watched: tuple[str, ...]
    started: tuple[str, ...]


_Step: TypeAlias = tuple[str, str]
"""A job, and the trigger that leads to it."""


def link_of(trigger: Trigger) -> ConditionLink | None:
    """None: nothing leads from jobs to it."""
    if not isinstance(trigger.schedule, Conditional):
        return None
    return ConditionLink(
        trigger=trigger.name,
        watched=trigger.schedule.jobs,
        started=tuple(dict.fromkeys(action.job for action in trigger.actions)),
    )


def cycle_through(link: ConditionLink, others: Iterable[ConditionLink]) -> str | None:
    """A cycle that the link closes, in words: `a -(t1)-> b -(t2)-> a`; None: it closes none.

    Args:
        others: links of the same group; one of the same trigger is its old self, and left out.
    """
    steps = defaultdict[str, list[_Step]](list)
    for each in (link, *(other for other in others if other.trigger != link.trigger)):
        for watched in each.watched:
            steps[watched] += [(started, each.trigger) for started in each.started]
    for watched in link.watched:
        for started in link.started:
            path = _path(steps, started, watched)
            if path is not None:
                return _words([(watched, ""), (started, link.trigger), *path])
    return None


def _path(steps: dict[str, list[_Step]], start: str, goal: str) -> list[_Step] | None:
    """The shortest way, without its start; None: there is none."""
    came_by: dict[str, tuple[str, _Step]] = {}
    front = deque([start])
    while front and goal not in came_by and start != goal:
        job = front.popleft()
        for step in steps.get(job, ()):
            if step[0] not in came_by:
                came_by[step[0]] = (job, step)
                front.append(step[0])
    path: list[_Step] = []
    job = goal
    while job != start:
        if job not in came_by:
            return None
        job, step = came_by[job]
        path.append(step)
    return path[::-1]


def _words(path: list[_Step]) -> str:
    first, *rest = path
    return first[0] + "".join(f" -({trigger})-> {job}" for job, trigger in rest)
