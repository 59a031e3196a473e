"""When runs begin and how many there are at once, read in stretches of time."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callboard.simulation.peak import INSTANT_S, PeakMeter
from callboard.simulation.piles import MINUTE, PileFinder
from callboard.simulation.scenario import Name, Scenario, trigger_name


@dataclass(slots=True)
class _Runs:
    """The runs of one job by one trigger within a stretch."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


class Load:
    """Give it the runs of a stretch in any order, close the stretch, go on with the next."""

    def __init__(self, scenario: Scenario) -> None:
        triggers = scenario.active
        self.numbers = {trigger_name(each): number for number, each in enumerate(triggers)}
        """Of the triggers."""
        self.total = PeakMeter()
        self.jobs = {name: PeakMeter() for name in scenario.known_jobs}
        self.piles = PileFinder([trigger_name(each) for each in triggers])
        self.first_minute = int(scenario.since.timestamp()) // MINUTE
        last = -int(-scenario.until.timestamp() // MINUTE)
        self.minutes = array("Q", bytes(8 * (last - self.first_minute)))
        """Runs that began, by minute since the first."""
        self._done = 0
        self._until = scenario.until
        self._runs: defaultdict[tuple[int, Name], _Runs] = defaultdict(_Runs)

    def begin(self, trigger: int, job: Name, starts: Sequence[float], duration_s: float) -> None:
        """Runs of a job that begin in this stretch, or later: those wait for theirs."""
        runs = self._runs[trigger, job]
        runs.starts += starts
        length_s = max(duration_s, INSTANT_S)
        runs.ends += [start + length_s for start in starts]

    def ran(self, trigger: int, job: Name, start: float, end: float | None) -> None:
        """One run, with the end that it really had; None: it still goes on."""
        runs = self._runs[trigger, job]
        runs.starts.append(start)
        runs.ends.append(float("inf") if end is None else max(end, start + INSTANT_S))

    def close(self, until: datetime) -> None:
        """The stretch ends; what is given next begins at or after `until`."""
        edge_s = until.timestamp()
        edge = len(self.minutes)
        if until < self._until:
            edge = int(edge_s) // MINUTE - self.first_minute
            edge_s = float((self.first_minute + edge) * MINUTE)  # the rest of a minute has time
        now, self._runs = self._runs, defaultdict(_Runs)
        self._hold_back(now, edge_s)
        self._measure(now)
        self._count(now, edge)
        self._done = edge

    def _hold_back(self, runs: Mapping[tuple[int, Name], _Runs], edge: float) -> None:
        """Runs that begin later, spread over a window, belong to a later stretch."""
        for key, each in runs.items():
            if each.starts and max(each.starts) >= edge:
                pairs = list(zip(each.starts, each.ends, strict=True))
                self._runs[key] = _of([pair for pair in pairs if pair[0] >= edge])
                early = _of([pair for pair in pairs if pair[0] < edge])
                each.starts, each.ends = early.starts, early.ends

    def _measure(self, runs: Mapping[tuple[int, Name], _Runs]) -> None:
        of_job: defaultdict[Name, _Runs] = defaultdict(_Runs)
        for (_, job), each in runs.items():
            of_job[job].starts += each.starts
            of_job[job].ends += each.ends
        together = _Runs()
        for job, each in of_job.items():
            each.starts.sort()
            self.jobs[job].take(each.starts, each.ends)
            together.starts += each.starts
            together.ends += each.ends
        together.starts.sort()
        self.total.take(together.starts, together.ends)

    def _count(self, runs: Mapping[tuple[int, Name], _Runs], edge: int) -> None:
        sums = [0] * (edge - self._done)
        first = self.first_minute + self._done
        starts: defaultdict[int, list[float]] = defaultdict(list)
        for (trigger, _), each in runs.items():
            weight = self.piles.weight(trigger)
            starts[trigger] += each.starts
            for start in each.starts:
                sums[int(start) // MINUTE - first] += weight
        self.minutes[self._done : edge] = array("Q", map(self.piles.count, sums))
        self.piles.take(first, sums, starts)


def _of(pairs: Sequence[tuple[float, float]]) -> _Runs:
    return _Runs([start for start, _ in pairs], [end for _, end in pairs])
