"""The environment of a command.

| variable | value |
| --- | --- |
| PATH HOME LANG LC_* TZ TMPDIR USER LOGNAME SHELL | the node's own; nothing else of it |
| those of `spec.env` | as written; they may replace the former |
| CALLBOARD_RUN_ID CALLBOARD_JOB CALLBOARD_ATTEMPT | of the run; ours win over the job's |
| CALLBOARD_SLOT | the nominal instant, RFC 3339 UTC; absent when no slot started the run |
| CALLBOARD_ARGUMENTS | all arguments as one JSON object |
| CALLBOARD_ARG_<NAME> | one argument: a string, number or boolean (`true`, `false`) |
| TRACEPARENT | W3C trace context |

<NAME> is the argument's name in capitals, with `_` for what is not a letter or digit; where two
names become one, neither is set.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Final

import orjson

from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.runners.trace import traceparent

INHERITED: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL")
INHERITED_PREFIX: Final = "LC_"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Z0-9]")


def environment_of(run: Run, own: Mapping[str, str], of_node: Mapping[str, str]) -> dict[str, str]:
    """The variables for `run`: `own` are the job's, `of_node` those of this process."""
    inherited = {
        name: value
        for name, value in of_node.items()
        if name in INHERITED or name.startswith(INHERITED_PREFIX)
    }
    return {"PATH": os.defpath, **inherited, **own, **_facts(run), **_scalars(run.arguments)}


def _facts(run: Run) -> dict[str, str]:
    facts = {
        "CALLBOARD_RUN_ID": str(run.id),
        "CALLBOARD_JOB": run.job,
        "CALLBOARD_ATTEMPT": str(run.attempt),
        "CALLBOARD_ARGUMENTS": orjson.dumps(run.arguments, default=dict).decode(),
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
