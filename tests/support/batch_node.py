"""A node's side of batch runs without an engine: what it asks of the job store, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callboard.clock import Clock
from callboard.commands import (
    BeginBatchRun,
    BeginStep,
    ClaimRuns,
    CreateJob,
    EndedRun,
    EndRuns,
    EndStep,
    RestartRun,
    StartNextInstance,
    StartRuns,
)
from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BegunRun
from callboard.domain.batch_step import StepCounts, StepExecution, StepState
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.node import Node
from callboard.domain.run import NewRun, Run, RunError
from callboard.domain.states import RunState
from callboard.reads import READ
from callboard.store.contract import Store
from support.committing import Committing
from support.factories import make_end, stored_node

DAY = {"name": "day", "type": "date", "next": {"add_days": 1}}
NOTE = {"name": "note", "type": "string", "identifying": False, "required": False}
NUMBER = {"name": "number", "type": "integer", "next": {"add": 1}}
LOAD = {"name": "load", "kind": "tasklet"}
SETTLE = {"name": "settle", "kind": "tasklet"}


def batch_job(name: str = "settlement", **changes: Any) -> Job:
    """Two tasklets, a day and a note; fields of the spec may be given like those of a job."""
    spec: dict[str, Any] = {
        "handler": "shop.jobs:settlement",
        "parameters": [DAY, NOTE],
        "steps": [LOAD, SETTLE],
    }
    for field in ("parameters", "steps", "flow", "restartable"):
        if field in changes:
            spec[field] = changes.pop(field)
    return Job(name=name, kind="batch", spec=spec, **changes)


class BatchNode:
    """A node that claims batch runs, and executes them as the test says."""

    def __init__(self, store: Store, clock: Clock, name: str = "node-a") -> None:
        self.store = store
        self.name = name
        self.node: Node | None = None
        self.committing = Committing(store, clock)

    async def ask(self, command: Any) -> Any:
        """The answer; its error is raised."""
        if type(command) in READ:
            return await READ[type(command)](self.store, command)
        return await self.committing.done(command)

    async def define(self, job: Job | None = None) -> Job:
        stored: Job = await self.ask(CreateJob(job=job or batch_job()))
        return stored

    async def start(self, job: str = "settlement", **arguments: Json) -> Run:
        new = NewRun(job=job, arguments=arguments)
        (run,) = await self.ask(StartRuns(runs=(new,)))
        started: Run = run
        return started

    async def next(self, job: str = "settlement", **arguments: Json) -> Run:
        run: Run = await self.ask(StartNextInstance(group="default", job=job, arguments=arguments))
        return run

    async def restart(self, run_id: int, **steps: Json) -> Run:
        run: Run = await self.ask(RestartRun(run_id=run_id, steps=steps))
        return run

    async def claim(self) -> Run:
        """The one run that is due."""
        if self.node is None:
            self.node = await stored_node(self.store, self.name)
        (claimed,) = await self.ask(ClaimRuns(epoch=self.node.epoch, limit=1))
        run: Run = claimed.run
        return run

    async def begin(self, run: Run) -> BatchHistory:
        """By the job as it is stored."""
        job = await self.store.get_job(run.group, run.job)
        assert job is not None
        definition = definition_of_spec(job.spec)
        command = BeginBatchRun(run_id=run.id, epoch=run.epoch or 0, definition=definition)
        begun: BegunRun = await self.ask(command)
        history = await self.store.get_batch_history(begun.instance.id)
        assert history is not None
        assert begun.run in history.runs
        return history

    async def step(self, run: Run, name: str = "load", **more: Any) -> StepExecution:
        """One that begins."""
        command = BeginStep(run_id=run.id, epoch=run.epoch or 0, name=name, visit=1, **more)
        step: StepExecution = await self.ask(command)
        return step

    async def end_step(
        self, step: StepExecution, state: StepState = StepState.SUCCEEDED, **changes: Any
    ) -> None:
        assert self.node is not None
        await self.ask(ending(step, self.node.epoch, state, **changes))

    async def end(
        self,
        run: Run,
        state: RunState = RunState.SUCCEEDED,
        *,
        retry_after_s: float | None = None,
        **changes: Any,
    ) -> frozenset[int]:
        if state in (RunState.FAILED, RunState.TIMED_OUT):
            changes.setdefault("error", RunError(type="ValueError", message="no such order"))
        end = make_end(run, state, **changes)
        one = EndedRun(run=run, end=end, retry_after_s=retry_after_s)
        ended: frozenset[int] = await self.ask(EndRuns(ended=(one,)))
        return ended

    async def run(self, state: RunState = RunState.SUCCEEDED, **changes: Any) -> Run:
        """The one run that is due, from its claim to its end, without a step."""
        run = await self.claim()
        await self.begin(run)
        await self.end(run, state, **changes)
        return await self.present(run.id)

    async def present(self, run_id: int) -> Run:
        run = await self.store.get_run(run_id)
        assert run is not None
        return run

    async def instance(self, run: Run) -> BatchInstance:
        """Of a run, as it is now."""
        present = await self.present(run.id)
        instance = await self.store.get_instance(present.instance_id or 0)
        assert instance is not None
        return instance

    async def history(self, run: Run) -> BatchHistory:
        history = await self.store.get_batch_history((await self.instance(run)).id)
        assert history is not None
        return history

    async def replace_steps(self, *steps: Json, job: str = "settlement") -> None:
        """Give the stored job other steps."""
        stored = await self.store.get_job("default", job)
        assert stored is not None
        async with self.store.begin() as tx:
            await tx.update_job(replace(stored, spec={**stored.spec, "steps": list(steps)}))


def ending(
    step: StepExecution,
    epoch: int | None,
    state: StepState = StepState.SUCCEEDED,
    **changes: Any,
) -> EndStep:
    """What ends the step, told under that epoch."""
    values: dict[str, Any] = {
        "run_id": step.run_id,
        "exit_code": "COMPLETED" if state is StepState.SUCCEEDED else state.value.upper(),
        "exit_message": None,
        "context": {},
        "counts": StepCounts(),
        "job_context": {},
    }
    return EndStep(epoch=epoch or 0, step_id=step.id, state=state, **{**values, **changes})
