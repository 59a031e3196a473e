"""From what was counted to findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from callboard.simulation.decisions import Decisions
from callboard.simulation.findings import Findings, JobFindings, Peak, Pile, TriggerFindings
from callboard.simulation.load import Load
from callboard.simulation.offsets import offsets
from callboard.simulation.peak import PeakMeter
from callboard.simulation.profile import busiest_day, load_profile, minute_at
from callboard.simulation.scenario import Name, Scenario, trigger_name


def findings_of(
    scenario: Scenario,
    decisions: Mapping[Name, Decisions],
    load: Load,
    reasons: Mapping[Name, str],
) -> Findings:
    """The findings of a simulation that is over.

    Args:
        reasons: why triggers were executed run by run.
    """
    active = scenario.active
    best = list(load.piles.best())
    return Findings(
        since=scenario.since,
        until=scenario.until,
        triggers=tuple(_trigger(each, reasons) for each in decisions.values()),
        left_out=tuple(
            sorted({trigger_name(each) for each in scenario.triggers} - decisions.keys())
        ),
        jobs=tuple(
            JobFindings(
                group=group,
                name=name,
                duration_s=scenario.duration_s(name),
                peak=_peak(load.jobs[group, name]),
            )
            for group, name in sorted(load.jobs)
        ),
        peak=_peak(load.total),
        piles=tuple(
            Pile(
                first=minute_at(first),
                runs=runs,
                times=times,
                triggers=tuple(trigger_name(active[number]) for number in numbers),
            )
            for runs, times, first, numbers in best
        ),
        offsets=offsets(
            [
                (minute_at(first), [active[number] for number in numbers])
                for _, _, first, numbers in best
            ],
            busiest_day(load.minutes, load.first_minute),
            since=scenario.since,
            until=scenario.until,
        ),
        load=load_profile(load.minutes, load.first_minute, scenario.zone),
    )


def _trigger(decisions: Decisions, reasons: Mapping[Name, str]) -> TriggerFindings:
    trigger = decisions.trigger
    return TriggerFindings(
        group=trigger.group,
        name=trigger.name,
        fired=decisions.fired,
        skipped=dict(sorted(decisions.skipped.items())),
        marks=dict(sorted(decisions.marks.items())),
        first=decisions.first,
        last=decisions.last,
        executed=reasons.get(trigger_name(trigger)),
    )


def _peak(meter: PeakMeter) -> Peak:
    at = None if meter.at is None else datetime.fromtimestamp(meter.at, UTC)
    return Peak(runs=meter.peak, at=at, total=meter.runs)
