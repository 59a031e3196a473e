"""What a simulation found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from callboard.domain.instant import instant_to_text
from callboard.domain.schedule import schedule_to_json
from callboard.simulation import Findings, JobFindings, Peak, Scenario, TriggerFindings
from callboard_service.cli.output import Output
from callboard_service.cli.text import shorten, show_duration, show_instant
from callboard_service.cli.views import WIDEST, schedule_text

MOST_ROWS = 50
MOST_NAMES = 6

Name = tuple[str, str]


def show_findings(output: Output, scenario: Scenario, findings: Findings, took_s: float) -> None:
    """Print them."""
    if output.as_json:
        output.document(document_of(findings))
        return
    _show_summary(output, findings, took_s)
    output.line("")
    _show_triggers(output, scenario, findings)
    output.line("")
    _show_peaks(output, findings)
    output.line("")
    _show_piles(output, findings)


def document_of(findings: Findings) -> dict[str, Any]:
    """They as JSON."""
    offsets, load = findings.offsets, findings.load
    return {
        "from": instant_to_text(findings.since),
        "until": instant_to_text(findings.until),
        "fired": findings.fired,
        "triggers": [_trigger_document(each) for each in findings.triggers],
        "left_out": [{"group": group, "name": name} for group, name in findings.left_out],
        "peak": _peak_document(findings.peak),
        "jobs": [_job_document(each) for each in findings.jobs],
        "piles": [
            {
                "first": instant_to_text(pile.first),
                "runs": pile.runs,
                "times": pile.times,
                "triggers": [{"group": group, "name": name} for group, name in pile.triggers],
            }
            for pile in findings.piles
        ],
        "offsets": {
            "before": offsets.before,
            "after": offsets.after,
            "changes": [
                {
                    "group": each.group,
                    "name": each.name,
                    "minutes": each.minutes,
                    "field": each.field,
                    "value": each.value,
                }
                for each in offsets.changes
            ],
        },
        "load": {
            "zone": load.zone,
            "minute_mean": [round(mean, 6) for mean in load.mean],
            "minute_most": list(load.most),
            "hour_of_week_mean": [[round(mean, 6) for mean in day] for day in load.week],
        },
    }


def _trigger_document(trigger: TriggerFindings) -> dict[str, Any]:
    return {
        "group": trigger.group,
        "name": trigger.name,
        "fired": trigger.fired,
        "skipped": dict(trigger.skipped),
        "marks": dict(trigger.marks),
        "first": _text(trigger.first),
        "last": _text(trigger.last),
        "way": "counted" if trigger.executed is None else "executed",
        "reason": trigger.executed,
    }


def _job_document(job: JobFindings) -> dict[str, Any]:
    return {
        "group": job.group,
        "name": job.name,
        "duration_s": job.duration_s,
        "runs": job.peak.total,
        "peak": _peak_document(job.peak),
    }


def _peak_document(peak: Peak) -> dict[str, Any]:
    return {"runs": peak.runs, "at": _text(peak.at), "total": peak.total}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_to_text(instant)


def _show_summary(output: Output, findings: Findings, took_s: float) -> None:
    since = show_instant(instant_to_text(findings.since), utc=output.utc)
    until = show_instant(instant_to_text(findings.until), utc=output.utc)
    executed = [each for each in findings.triggers if each.executed is not None]
    output.facts(
        (
            ("from", since),
            ("until", until),
            ("fired", f"{findings.fired} slots of {len(findings.triggers)} triggers"),
            ("skipped", _counts(_sum(each.skipped for each in findings.triggers))),
            ("DST", _counts(_sum(each.marks for each in findings.triggers))),
            ("executed", _executed(executed)),
            ("took", show_duration(took_s)),
        )
    )
    if findings.left_out:
        names = _names(findings.left_out)
        output.note(f"left out, not active or without a slot in this time: {names}")


def _executed(executed: list[TriggerFindings]) -> str:
    if not executed:
        return "no run; nothing here depends on how runs end, so slots are counted in strides"
    reasons = sorted({str(each.executed) for each in executed})
    return f"the runs of {len(executed)} triggers ({', '.join(reasons)}); the others are counted"


def _show_triggers(output: Output, scenario: Scenario, findings: Findings) -> None:
    schedules = {(each.group, each.name): each.schedule for each in scenario.triggers}
    shown = findings.triggers[:MOST_ROWS]
    output.table(
        ("TRIGGER", "TIMES", "FIRED", "SKIPPED", "DST", "FIRST", "LAST"),
        (
            (
                each.name,
                shorten(schedule_text(schedule_to_json(schedules[each.group, each.name])), WIDEST),
                each.fired,
                _counts(each.skipped),
                _counts(each.marks),
                show_instant(_text(each.first), utc=output.utc),
                show_instant(_text(each.last), utc=output.utc),
            )
            for each in shown
        ),
    )
    _note_rest(output, len(findings.triggers) - len(shown), "triggers")


def _show_peaks(output: Output, findings: Findings) -> None:
    instant_jobs = sum(not job.duration_s for job in findings.jobs)
    if instant_jobs:
        output.note(
            f"runs of {instant_jobs} of {len(findings.jobs)} jobs take no time here, and count "
            "only in the instant in which they begin: --duration JOB=SECONDS says how long they are"
        )
    busy = sorted(findings.jobs, key=lambda job: (-job.peak.runs, job.group, job.name))
    total = ("all jobs", findings.peak.total, "", findings.peak)
    rows = [total, *((j.name, j.peak.total, show_duration(j.duration_s), j.peak) for j in busy)]
    output.table(
        ("JOB", "RUNS", "EACH TAKES", "AT ONCE", "FIRST AT"),
        (
            (name, runs, takes, peak.runs, show_instant(_text(peak.at), utc=output.utc))
            for name, runs, takes, peak in rows[: MOST_ROWS + 1]
        ),
    )
    _note_rest(output, len(busy) - MOST_ROWS, "jobs")


def _show_piles(output: Output, findings: Findings) -> None:
    if not findings.piles:
        output.line("no two runs begin within the same minute")
        return
    output.table(
        ("IN ONE MINUTE", "TIMES", "FIRST AT", "TRIGGERS"),
        (
            (
                f"{pile.runs} runs",
                pile.times,
                show_instant(instant_to_text(pile.first), utc=output.utc),
                _names(pile.triggers),
            )
            for pile in findings.piles
        ),
    )
    offsets = findings.offsets
    if not offsets.changes:
        return
    output.line("")
    output.line(
        f"{len(offsets.changes)} changes would spread them: from {offsets.before} runs in the "
        f"busiest minute to about {offsets.after}"
    )
    output.table(
        ("TRIGGER", "LATER BY", "CHANGE"),
        (
            (each.name, f"{each.minutes:+d} min", f"{each.field}: {each.value}")
            for each in offsets.changes[:MOST_ROWS]
        ),
    )
    _note_rest(output, len(offsets.changes) - MOST_ROWS, "changes")


def _note_rest(output: Output, rest: int, what: str) -> None:
    if rest > 0:
        output.note(f"and {rest} {what} more; --json has all")


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _names(names: Iterable[Name]) -> str:
    return ", ".join(_first_names([name for _, name in names]))


def _first_names(names: list[str]) -> Iterator[str]:
    yield from names[:MOST_NAMES]
    if len(names) > MOST_NAMES:
        yield f"and {len(names) - MOST_NAMES} more"
