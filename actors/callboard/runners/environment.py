"""The environment of a command or script: an allow-list, so no secret of the node gets there (A09).

| variable | value |
| --- | --- |
| PATH HOME LANG LC_* TZ TMPDIR USER LOGNAME SHELL | the node's own; nothing else of it |
| those of `spec.env` | as written; they may replace the former |
| CALLBOARD_RUN_ID CALLBOARD_JOB CALLBOARD_ATTEMPT | of the run; ours win over the job's |
| CALLBOARD_SLOT | the nominal instant, RFC 3339 UTC; absent when no slot started the run |
| CALLBOARD_ARGUMENTS | all arguments as one JSON object |
| CALLBOARD_ARGUMENTS_FILE | a file with it instead, when it is more than a variable can hold |
| CALLBOARD_ARG_<NAME> | one argument: a string, number or boolean (`true`, `false`) |
| TRACEPARENT | W3C trace context |
| CALLBOARD_RESULT_FILE | where the program may write one JSON value: the run's result |
| CALLBOARD_EXECUTION | marks all processes of one execution: those that bear it end with it |

<NAME> is the argument's name in capitals, with `_` for what is not a letter or digit; where two
names become one, neither is set; nor is one that is too long. The last two and the file are the
program host's (program_host.py).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Final, cast

import orjson

from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run
from callboard.runners.trace import traceparent

INHERITED: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL")
INHERITED_PREFIX: Final = "LC_"
ARGUMENTS_PREFIX: Final = "CALLBOARD_ARG"
ARGUMENTS: Final = "CALLBOARD_ARGUMENTS"
ARGUMENTS_FILE: Final = "CALLBOARD_ARGUMENTS_FILE"
MAX_VARIABLE_BYTES: Final = 131_071
"""Linux's MAX_ARG_STRLEN for one `NAME=value`, without its end."""
_NOT_IN_NAMES: Final = re.compile(r"[^A-Z0-9]")


def own_variables(spec: JsonObject) -> Mapping[str, str]:
    """Those that a job's checked spec sets."""
    return cast("Mapping[str, str]", spec.get("env") or {})


def environment_of(run: Run, own: Mapping[str, str], of_node: Mapping[str, str]) -> dict[str, str]:
    """The variables for `run`: `own` are the job's, `of_node` those of this process."""
    inherited = {
        name: value
        for name, value in of_node.items()
        if name in INHERITED or name.startswith(INHERITED_PREFIX)
    }
    return {"PATH": os.defpath, **inherited, **own, **_facts(run), **_scalars(run.arguments)}


def is_holdable(name: str, value: str) -> bool:
    """Whether the system takes such a variable."""
    return (
        len(value) < MAX_VARIABLE_BYTES // 4
        or len(os.fsencode(f"{name}={value}")) <= MAX_VARIABLE_BYTES
    )


def without_too_long(env: Mapping[str, str]) -> dict[str, str]:
    """Without those of ours that the system does not take; a job's own are the job's business."""
    return {
        name: value
        for name, value in env.items()
        if not name.startswith(ARGUMENTS_PREFIX) or is_holdable(name, value)
    }


def _facts(run: Run) -> dict[str, str]:
    facts = {
        "CALLBOARD_RUN_ID": str(run.id),
        "CALLBOARD_JOB": run.job,
        "CALLBOARD_ATTEMPT": str(run.attempt),
        ARGUMENTS: orjson.dumps(run.arguments, default=dict).decode(),
        "TRACEPARENT": traceparent(run),
    }
    if run.slot is not None:
        instant = run.slot.astimezone(UTC).isoformat().replace("+00:00", "Z")
        facts["CALLBOARD_SLOT"] = instant
    return facts


def _scalars(arguments: Mapping[str, Json]) -> dict[str, str]:
    names = {name: _NOT_IN_NAMES.sub("_", name.upper()) for name in arguments}
    uses = Counter(names.values())
    return {
        f"CALLBOARD_ARG_{names[name]}": value
        if isinstance(value, str)
        else orjson.dumps(value).decode()
        for name, value in arguments.items()
        if isinstance(value, str | int | float) and uses[names[name]] == 1
    }
