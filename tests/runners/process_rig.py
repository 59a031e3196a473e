"""Runs of process_work's handlers on a rig, and a look at the workers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from callboard.clock import SystemClock
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.process_runner import ProcessRunner
from callboard.runners.python import PythonRunner
from callboard.runners.standard import standard_runners
from runners.rig import Rig


def job(function: str, *, limits: dict[str, Json] | None = None) -> Job:
    spec: dict[str, Json] = {"handler": function, "isolation": "process"}
    if ":" not in function:
        spec["handler"] = f"runners.process_work:{function}"
    if limits is not None:
        spec["limits"] = limits
    return Job(name="a-job", kind="python", spec=spec)


async def call(rig: Rig, function: str, **arguments: Json) -> Outcome:
    outcome, _ = await rig.execute(job(function), arguments)
    return outcome


async def result(rig: Rig, function: str, **arguments: Json) -> Any:
    outcome = await call(rig, function, **arguments)
    assert outcome.state is RunState.SUCCEEDED, outcome
    return outcome.result


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


def parked(outcome: Outcome) -> str:
    assert outcome.state is RunState.PARKED
    assert outcome.error is not None
    return outcome.error.message


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def groups(rig: Rig) -> list[int]:
    return processes(rig).groups


@asynccontextmanager
async def rig_with(**settings: Any) -> AsyncIterator[Rig]:
    registry = HandlerRegistry(modules=settings.pop("modules", None))
    settings = {"capacity": 4, "environ": os.environ, **settings}
    runners = standard_runners(registry, **settings)
    try:
        yield Rig(runners, registry, SystemClock())
    finally:
        runners.close()


def processes(rig: Rig) -> ProcessRunner:
    runner = cast(PythonRunner, rig.runners._by_kind["python"])._processes
    assert runner is not None
    return runner
