"""The runners that the contract is tried on: one Row each, with a job for every behaviour.

A new runner is a new Row in ROWS. It leaves out the behaviours that its kind of job cannot have.
Each run gets the arguments {"word": ..., "release": ...} as far as its job's behaviour uses them.

| behaviour | the job |
| --- | --- |
| succeed | ends well with Row.result |
| fail | ends badly with Row.failure |
| talk | writes `one`, `two`, `three`, a line each |
| obey | writes `ready`, ends when it is asked to |
| ignore | writes `ready`, goes on when asked to end; until there is the file `release` |
| flood | writes FLOOD_LINES lines of FLOOD_LINE |
| huge | returns a gigabyte |
| unknown | is to be executed by something that is not there |
| say | writes `<word> 0` to `<word> 49` |
| child | writes `pids P C`, its own process and a child of that, and does not end |
| retry, snooze, cancel | returns Retry(after=7), Snooze(for_=60), Cancel("withdrawn") |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callboard.domain.job import Job
from callboard.domain.json import Json
from runners.contract_work import FLOOD_LINE, FLOOD_LINES
from runners.rig import command_job, http_job, python_job, script_job

_WORK: Final = "runners.contract_work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One runner."""

    name: str
    jobs: Mapping[str, Job]
    """By behaviour."""
    result: Json
    failure: tuple[str, str]
    """Type of the error, and words of its message."""
    is_left: bool = False
    """Whether work that ignores a kill is left behind and counted, and not ended."""
    takes_arguments: bool = True
    is_asking: bool = False
    """Whether its jobs ask the server of contract_server.py: their URLs are below its own."""


_HANDLERS: Final = {
    "succeed": "succeed",
    "fail": "fail",
    "talk": "talk",
    "obey": "obey",
    "ignore": "ignore",
    "flood": "flood",
    "huge": "be_huge",
    "unknown": "no_such_function",
    "say": "say",
    "retry": "retry",
    "snooze": "snooze",
    "cancel": "cancel",
}


def _python(
    name: str,
    handlers: Mapping[str, str] = _HANDLERS,
    *,
    isolation: str,
    suffix: str = "",
    is_left: bool = False,
) -> Row:
    return Row(
        name=name,
        jobs={
            behaviour: python_job(f"{_WORK}:{handler}{suffix}", isolation=isolation)
            for behaviour, handler in handlers.items()
        },
        result={"rows": [1, None, "č"]},
        failure=(f"{_WORK}.ShopError", "no stock"),
        is_left=is_left,
    )


_FEW: Final = {each: _HANDLERS[each] for each in ("succeed", "fail", "talk", "obey")}
"""For a second way of a runner that has shown the others."""
COMMAND: Final = Row(
    name="command",
    jobs={
        "succeed": command_job("true"),
        "fail": command_job(shell="echo no stock >&2; exit 3"),
        "talk": command_job(shell="echo one; echo two; echo three"),
        "obey": command_job(shell="echo ready; exec sleep 1000"),
        "ignore": command_job(shell="trap '' TERM; echo ready; while :; do sleep 0.05; done"),
        "flood": command_job(shell=f"yes {FLOOD_LINE} | head -n {FLOOD_LINES}"),
        "say": command_job(
            shell='i=0; while [ $i -lt 50 ]; do echo "$CALLBOARD_ARG_WORD $i"; i=$((i + 1)); done'
        ),
        "child": command_job(shell="sleep 1000 & echo pids $$ $!; wait"),
    },
    result={"exit_code": 0},
    failure=("CommandFailed", "exit code 3: no stock"),
)
_BEHAVIOURS: Final = ("succeed", "fail", "talk", "obey", "ignore", "huge", "say", "child")
_SCRIPT: Final = str(Path(__file__).with_name("contract_script.sh"))
SCRIPT: Final = Row(
    name="script",
    jobs={each: script_job(_SCRIPT, interpreter="sh", arguments=[each]) for each in _BEHAVIOURS}
    | {
        "flood": script_job(
            _SCRIPT, interpreter="sh", arguments=["flood", FLOOD_LINE, str(FLOOD_LINES)]
        )
    },
    result={"rows": [1, None, "č"]},
    failure=("CommandFailed", "exit code 3: no stock"),
)
HTTP: Final = Row(
    name="http",
    jobs={
        "succeed": http_job("http://127.0.0.1/succeed"),
        "fail": http_job("http://127.0.0.1/fail"),
        "obey": http_job("http://127.0.0.1/ready", follow_redirects=True),
    },
    result={
        "status": 200,
        "headers": {"content-type": "application/json; charset=utf-8", "content-length": "29"},
        "body": {"rows": [1, None, "č"]},
    },
    failure=("HttpStatus", "status 409: no stock"),
    is_asking=True,
)
ROWS: Final = (
    _python("loop", isolation="loop", suffix="_later", is_left=True),
    _python("thread", isolation="thread", is_left=True),
    _python("coroutine-in-thread", _FEW, isolation="thread", suffix="_later"),
    _python("process", {**_HANDLERS, "child": "have_child"}, isolation="process"),
    _python("coroutine-in-process", _FEW, isolation="process", suffix="_later"),
    COMMAND,
    SCRIPT,
    HTTP,
)
