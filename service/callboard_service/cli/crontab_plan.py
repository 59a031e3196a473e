"""What an import of a crontab would make: documents of the API, and what stands in the way.

A line becomes a job of kind command and a trigger of the same name. Of both the import owns only
some fields; what people set besides, a timeout or the state, stays as it is at the next import.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from callboard.domain.names import name_problem
from callboard.domain.schedule import schedule_to_json
from callboard_service.crontab_entry import (
    DEFAULT_SHELL,
    CrontabEntry,
    CrontabFile,
    CrontabProblem,
)

SOURCE: Final = "crontab"
"""The label that says from which file a job came."""
USER: Final = "crontab_user"
MAIL: Final = "MAILTO: no mail is sent; what a run writes is its log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a crontab is to be taken over."""

    source: str
    """Where it lies, or another name for it: the same at the next import."""
    group: str
    prefix: str
    """Before each name."""
    user: str
    """Who imports."""
    any_user: bool
    """Whether lines of other users are run too, by the service's user as all runs are."""
    directory: str
    """Where commands start, unless HOME is set in the crontab: cron starts them at home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """What a line becomes."""

    entry: CrontabEntry
    name: str
    job: dict[str, Any]
    """The fields of the job that the import owns."""
    trigger: dict[str, Any]
    """Those of the trigger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An import before it is done."""

    terms: Terms
    lines: tuple[PlannedLine, ...]
    problems: tuple[CrontabProblem, ...]
    """Lines that cannot be imported, by line."""
    notes: tuple[CrontabProblem, ...]


def plan_import(file: CrontabFile, terms: Terms) -> Plan:
    """The plan for what a crontab says."""
    lines, problems = [], list(file.problems)
    for entry in file.entries:
        problem = _problem(entry, terms)
        if problem is None:
            lines.append(_planned(entry, terms))
        else:
            problems.append(problem)
    return Plan(
        terms=terms,
        lines=tuple(lines),
        problems=tuple(sorted(problems, key=lambda each: (each.line, each.column))),
        notes=(*file.notes, *_mail_notes(file)),
    )


def _problem(entry: CrontabEntry, terms: Terms) -> CrontabProblem | None:
    if entry.user is not None and entry.user != terms.user and not terms.any_user:
        return CrontabProblem(
            line=entry.line,
            column=1,
            reason=f"belongs to the user {entry.user}, and runs are executed by the service's user",
            fix="--any-user takes it over nevertheless",
        )
    bad = name_problem(terms.prefix + entry.name, "name")
    if bad is not None:
        return CrontabProblem(line=entry.line, column=1, reason=bad.reason, fix=bad.fix)
    return None


def _planned(entry: CrontabEntry, terms: Terms) -> PlannedLine:
    name = terms.prefix + entry.name
    labels = {SOURCE: terms.source}
    if entry.user is not None:
        labels[USER] = entry.user
    return PlannedLine(
        entry=entry,
        name=name,
        job={
            "kind": "command",
            "spec": _spec(entry, terms),
            "description": entry.description,
            "labels": labels,
        },
        trigger={
            "schedule": schedule_to_json(entry.schedule),
            "actions": [{"job": name, "arguments": {}}],
            "description": entry.description,
        },
    )


def _spec(entry: CrontabEntry, terms: Terms) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if entry.shell == DEFAULT_SHELL:
        spec["shell"] = entry.command
    else:
        spec["argv"] = [entry.shell, "-c", entry.command]
    if entry.environment:
        spec["env"] = dict(entry.environment)
    if entry.stdin is not None:
        spec["stdin"] = entry.stdin
    spec["cwd"] = entry.environment.get("HOME") or terms.directory
    return spec


def _mail_notes(file: CrontabFile) -> Iterator[CrontabProblem]:
    mailed = [entry for entry in file.entries if entry.environment.get("MAILTO")]
    if mailed:
        yield CrontabProblem(line=mailed[0].line, column=1, reason=MAIL)
