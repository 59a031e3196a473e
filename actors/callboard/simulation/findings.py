"""What a simulation found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from callboard.simulation.scenario import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFindings:
    """What became of the slots of one trigger."""

    group: str
    name: str
    fired: int
    skipped: Mapping[str, int]
    """By reason; `dst_gap` are those that were lost in a gap, `calendar` those left out."""
    marks: Mapping[str, int]
    """Of the fired ones: `dst_gap` stands for lost ones, `dst_fold` has a wall time that comes
    twice."""
    first: datetime | None
    last: datetime | None
    executed: str | None
    """Why each of its runs was executed; None: its slots were counted, which is the same here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most runs at one time."""

    runs: int
    at: datetime | None
    """When that was reached first; None: there was no run."""
    total: int
    """Runs that began at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFindings:
    """The runs of one job."""

    group: str
    name: str
    duration_s: float
    """That was assumed; 0: runs take no time, and count where they begin in the same instant."""
    peak: Peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Runs that begin within one minute, and how often just these do."""

    first: datetime
    runs: int
    times: int
    triggers: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """A change that takes a trigger out of the piles."""

    group: str
    name: str
    minutes: int
    """Later; negative: earlier."""
    field: str
    """Of its schedule: `expression` or `anchor_at`."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Changes that spread the load."""

    changes: tuple[Offset, ...]
    before: int
    """The most runs that begin within one minute now."""
    after: int
    """At the most, once all changes are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProfile:
    """Runs that begin, by local time."""

    zone: str
    days: float
    """In the window."""
    mean: tuple[float, ...]
    """A minute of the day, on average over its days."""
    most: tuple[int, ...]
    """A minute of the day, on its busiest day."""
    week: tuple[tuple[float, ...], ...]
    """An hour of the week, on average: 7 days from Monday of 24 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All of it."""

    since: datetime
    until: datetime
    triggers: tuple[TriggerFindings, ...]
    """By group and name."""
    left_out: tuple[Name, ...]
    """Triggers that are not active, or have no slot within these bounds."""
    jobs: tuple[JobFindings, ...]
    peak: Peak
    piles: tuple[Pile, ...]
    """The highest first."""
    offsets: Offsets
    load: LoadProfile

    @property
    def fired(self) -> int:
        return sum(trigger.fired for trigger in self.triggers)
