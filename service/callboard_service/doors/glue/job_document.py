"""Jobs of Glue and of the board, each as the other.

| Glue | board |
| --- | --- |
| Command: glueetl, pythonshell | kind script: ScriptLocation, run with `--JOB_NAME <name>` first |
| any other Command, or no ScriptLocation | the same, disabled: see `why_not_runnable` |
| DefaultArguments, NonOverridableArguments | arguments, fixed_arguments (on_fixed: ignore) |
| MaxRetries | retry.max_attempts - 1; a run that took too long is not tried again |
| Timeout | timeout_s |
| ExecutionProperty.MaxConcurrentRuns | max_concurrent_runs |
| JobRunQueuingEnabled | on_full: queue or refuse |
| Tags | labels |
| `--job-bookmark-option` | bookmark |
| everything else | annotations["glue"], as it was given |

What was changed by the native API since is shown as it is now. Jobs that were made by it are shown
as well as Glue's words can.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, cast

import orjson

from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Job, OnFixed, OnFull, RetryPolicy
from callboard.domain.json import Json, JsonObject
from callboard.domain.limits import MAX_RUNS
from callboard.domain.script_location import location_problem
from callboard_service.doors.glue.annotations import GLUE, kept
from callboard_service.doors.glue.job_checks import ETL, PYTHON_SHELL, RAY

RUNNABLE: Final = (ETL, PYTHON_SHELL)
STREAMING: Final = "gluestreaming"
NO_SCRIPT: Final = "/nowhere/no-glue-script"
"""Stands for the script of a command that cannot run here."""
BOOKMARK: Final = BookmarkRule(argument="--job-bookmark-option", equals="job-bookmark-enable")
_RETRY: Final = RetryPolicy(fatal=("TimedOut",))
_CAPACITIES: Final[Mapping[str, float]] = MappingProxyType({PYTHON_SHELL: 0.0625, ETL: 10.0})
_APART: Final = ("Name", "Tags")
_LIVE: Final = ("Description", "DefaultArguments", "NonOverridableArguments")
"""Members that the job has as they are; annotations tell only that an empty one was given."""
_ONLY_NATIVE: Final = ("interpreter", "env", "cwd", "limits")
"""Fields of a script's spec that Glue has no words for."""


def new_job(group: str, name: str, definition: Mapping[str, Any]) -> Job:
    """The job that CreateJob's members say.

    Raises:
        InvalidInput: the board has no such jobs.
    """
    seed = Job(name=name, group=group, kind="script", spec={"location": NO_SCRIPT}, retry=_RETRY)
    return replace(_defined(seed, definition), labels=definition.get("Tags", {}))


def updated_job(present: Job, update: Mapping[str, Any]) -> Job:
    """The present job with another definition.

    All that Glue has a word for is as the update says, by default if it says nothing; but a
    GlueVersion stays. So does what Glue cannot say: tags, interpreter, queue, priority ...

    Raises:
        InvalidInput: the board has no such jobs.
    """
    before = kept(present.annotations)
    if "GlueVersion" in before:
        update = {"GlueVersion": before["GlueVersion"], **update}
    return _defined(present, update)


def is_of_glue(job: Job) -> bool:
    """Whether this door made it."""
    return isinstance(job.annotations.get(GLUE), Mapping)


def why_not_runnable(job: Job) -> str | None:
    """Why its Command cannot run here; None: it can, or the job has become another one since."""
    if not job.disabled or not is_of_glue(job) or job.spec.get("location") != NO_SCRIPT:
        return None
    return _command_problem(kept(job.annotations).get("Command", {}))


def glue_definition(job: Job) -> dict[str, Any]:
    """The members of Glue's Job, with defaults, without the dates."""
    given = kept(job.annotations)
    shown: dict[str, Any] = {
        "JobMode": "SCRIPT",
        **given,
        "Name": job.name,
        "Command": _shown_command(job, given.get("Command", {})),
        "MaxRetries": job.retry.max_attempts - 1,
        "ExecutionProperty": {"MaxConcurrentRuns": job.max_concurrent_runs or MAX_RUNS},
        "JobRunQueuingEnabled": job.on_full is OnFull.QUEUE,
        "Timeout": minutes_of(job.timeout_s),
    }
    live = (job.description, as_texts(job.arguments), as_texts(job.fixed_arguments))
    for member, value in zip(_LIVE, live, strict=True):
        if value or member in given:
            shown[member] = value
    _show_capacity(shown)
    return shown


def minutes_of(seconds: float | None) -> int | None:
    """A timeout as Glue tells it: begun minutes are whole ones."""
    return None if seconds is None else math.ceil(seconds / 60)


def as_texts(arguments: JsonObject) -> dict[str, str]:
    """Arguments as Glue has them: texts are themselves, everything else is JSON."""
    return {name: _text(value) for name, value in arguments.items()}


def _defined(job: Job, definition: Mapping[str, Any]) -> Job:
    command = definition.get("Command", {})
    problem = _command_problem(command)
    is_disabled_natively = job.disabled and why_not_runnable(job) is None
    queues = definition.get("JobRunQueuingEnabled", False)
    execution = definition.get("ExecutionProperty", {})
    return replace(
        job,
        kind="script",
        spec=_spec(job, command),
        description=definition.get("Description", ""),
        arguments=definition.get("DefaultArguments", {}),
        fixed_arguments=definition.get("NonOverridableArguments", {}),
        on_fixed=OnFixed.IGNORE,
        disabled=problem is not None or is_disabled_natively,
        retry=replace(job.retry, max_attempts=definition.get("MaxRetries", 0) + 1),
        timeout_s=_timeout_s(definition),
        max_concurrent_runs=execution.get("MaxConcurrentRuns", 1),
        on_full=OnFull.QUEUE if queues else OnFull.REFUSE,
        bookmark=BOOKMARK,
        annotations={**job.annotations, GLUE: _to_keep(definition)},
    )


def _to_keep(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        member: value
        for member, value in definition.items()
        if member not in _APART and (member not in _LIVE or not value)
    }


def _spec(job: Job, command: Mapping[str, Any]) -> dict[str, Json]:
    location = _location(command)
    spec: dict[str, Json] = {"location": location, "arguments": ["--JOB_NAME", job.name]}
    if job.kind == "script":
        same = ("sha256",) if job.spec.get("location") == location else ()
        for field in (*_ONLY_NATIVE, *same):
            if field in job.spec:
                spec[field] = job.spec[field]
    return spec


def _location(command: Mapping[str, Any]) -> str:
    return NO_SCRIPT if _command_problem(command) else str(command["ScriptLocation"])


def _command_problem(command: Mapping[str, Any]) -> str | None:
    name, location = command.get("Name"), command.get("ScriptLocation")
    if name not in RUNNABLE:
        told = "is missing" if name is None else f"{name[:80]!r} cannot be run by Callboard"
        return f"Command.Name {told}: it runs {' and '.join(RUNNABLE)}"
    if not location:
        return "Command.ScriptLocation is missing: it says where the script is"
    problem = location_problem(location)
    if problem is not None:
        return f"Command.ScriptLocation {problem[0]}: {problem[1]}"
    return None


def _timeout_s(definition: Mapping[str, Any]) -> float | None:
    minutes = definition.get("Timeout")
    if minutes is None:
        if definition.get("Command", {}).get("Name") in (STREAMING, RAY):
            return None
        minutes = 480 if _is_five_or_later(definition.get("GlueVersion", "")) else 2880
    return 60.0 * minutes


def _is_five_or_later(version: str) -> bool:
    major = version.partition(".")[0]
    return version == "auto" or (major.isdecimal() and int(major) >= 5)


def _shown_command(job: Job, command: Mapping[str, Any]) -> dict[str, Any]:
    if not is_of_glue(job):
        return {"Name": job.kind, "ScriptLocation": _work_of(job)}
    if job.kind == "script" and job.spec.get("location") == _location(command):
        return dict(command)
    if job.kind != "script":
        return {"Name": job.kind, "ScriptLocation": _work_of(job)}
    name = command["Name"] if command.get("Name") in RUNNABLE else PYTHON_SHELL
    return {**command, "Name": name, "ScriptLocation": _work_of(job)}


def _work_of(job: Job) -> str | None:
    """What a job of any kind runs, in one text."""
    spec = job.spec
    argv = spec.get("argv")
    if argv is not None:
        return shlex.join(map(_text, cast("Sequence[Json]", argv)))
    fields = ("location", "handler", "shell", "url")
    return next((_text(spec[field]) for field in fields if spec.get(field) is not None), None)


def _show_capacity(shown: dict[str, Any]) -> None:
    """Put in the capacity that Glue would choose."""
    if not shown.get("MaxCapacity"):
        shown.pop("MaxCapacity", None)
        sized = ("AllocatedCapacity", "WorkerType", "NumberOfWorkers")
        capacity = _CAPACITIES.get(shown["Command"].get("Name", ""))
        if capacity is not None and not any(shown.get(member) for member in sized):
            shown["MaxCapacity"] = capacity


def _text(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=dict).decode()
