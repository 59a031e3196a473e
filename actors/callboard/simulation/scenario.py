"""What is to be simulated: triggers, the jobs they start, calendars, and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final, TypeAlias

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.job import Job
from callboard.domain.schedule import Interval, Schedule
from callboard.domain.trigger import Action, Trigger, TriggerState
from callboard.domain.zone import zone
from callboard.errors import FieldProblem, InvalidInput

LONGEST: Final = timedelta(days=10 * 366)
MOST_DURATION_S: Final = 366 * 86_400.0
EVERY_JOB: Final = "*"
"""In place of a job's name: all jobs that are not named."""

Name: TypeAlias = tuple[str, str]
"""Group and name of a trigger or a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Triggers from `since` (included) to `until` (excluded), each at its place in time."""

    triggers: tuple[Trigger, ...]
    since: datetime
    until: datetime
    jobs: tuple[Job, ...] = ()
    """Limits and timeouts of the triggers' jobs; one that is missing has none."""
    calendars: tuple[Calendar, ...] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    """Seconds that a run of the job of that name takes, or EVERY_JOB's; others take no time."""
    seed: int = 0
    zone: str = "UTC"
    """Whose days and weeks the load is told by."""

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)
        zone(self.zone)

    def _problems(self) -> Iterator[FieldProblem]:
        if self.until <= self.since:
            yield FieldProblem("until", "is not later than the beginning")
        elif self.until - self.since > LONGEST:
            yield FieldProblem("until", "is more than ten years after the beginning")
        for what, names in (
            ("triggers", (trigger_name(each) for each in self.triggers)),
            ("jobs", ((each.group, each.name) for each in self.jobs)),
            ("calendars", ((each.group, each.name) for each in self.calendars)),
        ):
            yield from _twice(what, names)
        yield from self._calendar_problems()
        yield from self._duration_problems()

    def _calendar_problems(self) -> Iterator[FieldProblem]:
        known = {(calendar.group, calendar.name) for calendar in self.calendars}
        for index, trigger in enumerate(self.triggers):
            for place, rule in enumerate(trigger.calendars):
                if (trigger.group, rule.calendar) not in known:
                    where = f"triggers[{index}].calendars[{place}].calendar"
                    yield FieldProblem(where, f"there is no calendar {rule.calendar!r}")

    def _duration_problems(self) -> Iterator[FieldProblem]:
        started = {action.job for trigger in self.triggers for action in trigger.actions}
        for job, seconds in self.durations.items():
            where = f"durations.{job}"
            if not (math.isfinite(seconds) and 0 <= seconds <= MOST_DURATION_S):
                yield FieldProblem(where, f"{seconds:g} is not from 0 to {MOST_DURATION_S:g} s")
            if job != EVERY_JOB and job not in started:
                near = get_close_matches(job, started, n=3)
                fix = f"do you mean {' or '.join(near)}?" if near else ""
                yield FieldProblem(where, f"no trigger starts a job {job!r}", fix)

    @property
    def active(self) -> tuple[Trigger, ...]:
        """The triggers that can have slots, as they are put on the board, by group and name."""
        placed = (self._placed(trigger) for trigger in self.triggers)
        return tuple(sorted((each for each in placed if each is not None), key=trigger_name))

    @property
    def known_jobs(self) -> dict[Name, Job]:
        """Every job that a trigger starts or watches."""
        known = {(job.group, job.name): job for job in self.jobs}
        names = {(each.group, action.job) for each in self.triggers for action in each.actions}
        names |= {(each.group, job) for each in self.triggers for job in each.watched}
        return {name: known.get(name) or _stand_in(name) for name in sorted(names)}

    def duration_s(self, job: str) -> float:
        """How long a run of the job takes."""
        return self.durations.get(job, self.durations.get(EVERY_JOB, 0.0))

    def _defined(self, trigger: Trigger) -> Iterator[CalendarRule]:
        known = {(calendar.group, calendar.name): calendar for calendar in self.calendars}
        for rule in trigger.calendars:
            yield replace(rule, definition=known[trigger.group, rule.calendar])

    def _placed(self, trigger: Trigger) -> Trigger | None:
        start = max(trigger.start_at or self.since, self.since)
        end = min(trigger.end_at or self.until, self.until)
        left = None if trigger.max_firings is None else trigger.max_firings - trigger.firings
        if (
            trigger.state is not TriggerState.ACTIVE
            or end <= start
            or (left is not None and left < 1)
        ):
            return None
        return replace(
            trigger,
            schedule=_anchored(trigger, start),
            actions=tuple(Action(job=action.job) for action in trigger.actions),
            start_at=start,
            calendars=tuple(self._defined(trigger)),
            workflow=None,
            max_firings=left,
            next_slot=None,
            last_slot=None,
            resume_at=None,
            firings=0,
            generation=1,
            anchor_at=None,
            id=0,
            version=0,
        )


def trigger_name(trigger: Trigger) -> Name:
    return trigger.group, trigger.name


def _anchored(trigger: Trigger, start: datetime) -> Schedule:
    """The schedule; an interval goes on at the rate and from the place that it has."""
    schedule = trigger.schedule
    if not isinstance(schedule, Interval) or schedule.anchor_at is not None:
        return schedule
    first = trigger.next_slot or (trigger.anchor_at or start) + schedule.period
    return replace(schedule, anchor_at=first)


def _stand_in(name: Name) -> Job:
    return Job(group=name[0], name=name[1], kind="python", spec={"handler": "simulation:none"})


def _twice(what: str, names: Iterable[Name]) -> Iterator[FieldProblem]:
    seen = set[Name]()
    for group, name in names:
        if (group, name) in seen:
            yield FieldProblem(what, f"{name!r} of the group {group!r} comes twice")
        seen.add((group, name))
