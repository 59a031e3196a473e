"""The next instance of a job whose own code says how a parameter goes on: the code is asked here,
and the store, which has none, is told what it says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from callboard import commands as c
from callboard.batch.params import Params
from callboard.domain.batch_increment import LAST_CHANGED, by_code, is_by_code
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.errors import Conflict
from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runtime import Command

R = TypeVar("R")
TRIES: Final = 20
"""Whoever asks at the same time may be quicker; so often it is asked anew what the last one is."""


class Asked(Protocol):
    """What is needed of a board."""

    handlers: HandlerRegistry

    async def _ask(self, command: Command[R], *, weight: int = 1) -> R: ...


async def start_next(board: Asked, command: c.StartNextInstance) -> Run:
    """The run that it makes; refusals are those of the command."""
    job = await board._ask(c.GetJob(group=command.group, name=command.job))
    rules = rules_from_spec(job.spec) if job is not None and job.kind == "batch" else None
    if job is None or not is_by_code(rules):
        return await board._ask(command)
    params = await _params_of(board.handlers, job)
    if params is None:
        return await board._ask(command)
    for _ in range(TRIES):
        said = by_code(rules, await _last(board, job), params.call_next)
        try:
            return await board._ask(replace(command, by_code=said))
        except Conflict as refusal:
            if refusal.code != LAST_CHANGED:
                raise
    raise Conflict("unique_key_busy", f"too many instances of job {job.name!r} are made at once")


async def _params_of(handlers: HandlerRegistry, job: Job) -> type[Params] | None:
    """The class of its parameters; None: this node has not got the job's code."""
    name = str(job.spec["handler"])
    thing = handlers.thing(name)
    if thing is None:
        try:
            thing = await asyncio.to_thread(handlers.find, name)
        except UnknownHandler:
            return None
    params = getattr(thing, "params", None)
    return params if isinstance(params, type) and issubclass(params, Params) else None


async def _last(board: Asked, job: Job) -> JsonObject | None:
    """The parameters of the last instance's last run; None: there is no instance yet."""
    page = await board._ask(c.ListInstances(group=job.group, job=job.name, limit=1))
    if not page:
        return None
    (instance,) = page
    runs = await board._ask(c.GetBatchRuns(run_ids=(instance.last_run_id,)))
    batch = runs.get(instance.last_run_id)
    return instance.parameters if batch is None else batch.arguments
