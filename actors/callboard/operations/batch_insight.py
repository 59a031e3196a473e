"""BatchInsight: what batch jobs, their instances, runs and steps have done, and would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from callboard import commands as c
from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_mapping import mapped_history
from callboard.domain.batch_refusal import job_not_batch, not_batch, unbegun_refusal
from callboard.domain.batch_restart import PlannedStep, explain_restart
from callboard.domain.batch_restart_check import checked_definition
from callboard.domain.batch_step import SkippedItem, StepExecution
from callboard.domain.batch_summary import RunSummary, StepSummary, run_summary, step_summary
from callboard.domain.batch_totals import InstanceTotals, totals_of
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.errors import NotFound
from callboard.operations.asking import found
from callboard.operations.batch_next import Asked
from callboard.operations.computing import computed
from callboard.pages import all_pages
from callboard.store.contract import JobFilter, RunFilter

PAGE: Final = 1000
RUNNING: Final = (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)


class Board(Asked, Protocol):
    """What the operator needs of its board."""

    async def get_run(self, run_id: int) -> Run: ...
    async def wait_run(self, run_id: int, *, timeout_s: float | None = None) -> Run: ...


class BatchInsight:
    """The reading half of the operator."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def job_names(self, group: str = DEFAULT_GROUP) -> list[str]:
        """Of the batch jobs, also of those that never ran; sorted."""
        names: list[str] = []
        after: tuple[str, str] | None = None
        while True:
            filter = JobFilter(group=group, kind="batch", after=after, limit=PAGE)
            jobs = await self._board._ask(c.ListJobs(filter=filter))
            names += [job.name for job in jobs]
            if len(jobs) < PAGE:
                return sorted(names)
            after = (jobs[-1].group, jobs[-1].name)

    # instances

    async def running(self, job: str, *, group: str = DEFAULT_GROUP) -> list[int]:
        """Ids of the job's runs that are queued, running or stopping, ascending; may be empty.

        Raises NotFound job: there is none, and no run of one.
        """
        ids: list[int] = []
        before: int | None = None
        while True:
            filter = RunFilter(group=group, job=job, states=RUNNING, before_id=before, limit=PAGE)
            runs = await self._board._ask(c.ListRuns(filter=filter))
            ids += [run.id for run in runs if run.is_batch]
            if len(runs) < PAGE:
                break
            before = runs[-1].id
        if not ids:
            await self._batch_job(group, job)
        return ids[::-1]

    async def instances(
        self,
        job: str,
        *,
        group: str = DEFAULT_GROUP,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[BatchInstance]:
        """One page, newest first. Raises NotFound job: there is none, and no instance of one.

        Args:
            before_id: id of the last instance of the page before.
        """
        command = c.ListInstances(group=group, job=job, limit=limit, before_id=before_id)
        page = await self._board._ask(command)
        if not page and before_id is None:
            await self._batch_job(group, job)
        return page

    async def instance(self, instance_id: int) -> BatchInstance:
        """Raises NotFound instance."""
        instance = await self._board._ask(c.GetInstance(instance_id=instance_id))
        return found(instance, "instance", instance_id)

    async def runs(self, instance_id: int) -> list[Run]:
        """All that the history still has, newest first. Raises NotFound instance."""
        batch_runs = await self._board._ask(c.ListBatchRuns(instance_id=instance_id))
        if not batch_runs:
            await self.instance(instance_id)
        ids = tuple(batch.run_id for batch in batch_runs)
        runs = await self._board._ask(c.GetRuns(ids=ids))
        return [runs[run_id] for run_id in sorted(runs, reverse=True)]

    async def history(self, instance_id: int) -> BatchHistory:
        """All that the instance has done: its runs, steps and moves. Raises NotFound instance."""
        history = await self._board._ask(c.GetBatchHistory(instance_id=instance_id))
        return found(history, "instance", instance_id)

    async def totals(self, instance_id: int) -> InstanceTotals:
        """What all runs of the instance have done together. Raises NotFound instance."""
        history = await self.history(instance_id)
        now = await self._board._ask(c.ReadClock())
        return await computed(len(history.steps), lambda: totals_of(history, now))

    # runs

    async def batch_run(self, run_id: int) -> BatchRun | None:
        """What the run has beside what every run has, also when that itself has left the history;
        None: it has not begun, and has no instance yet. Raises NotFound run, Conflict not_batch."""
        batch = (await self.batch_runs([run_id])).get(run_id)
        if batch is None:
            await self._batch_run(run_id)
        return batch

    async def batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        """The same of many, by run id; those that have not begun are left out, as are runs that are
        none of a batch job."""
        return await self._board._ask(c.GetBatchRuns(run_ids=tuple(run_ids))) if run_ids else {}

    async def parameters(self, run_id: int) -> JsonObject:
        """All of the run's, canonical: as it was given them, with what was filled in.

        Raises NotFound run, Conflict not_batch.
        """
        batch = await self.batch_run(run_id)
        return (await self._batch_run(run_id)).arguments if batch is None else batch.arguments

    async def context(self, run_id: int) -> JsonObject:
        """The job's context as the run stored it last. Raises NotFound run, Conflict not_batch."""
        batch = await self.batch_run(run_id)
        return {} if batch is None else batch.context

    async def summary(self, run_id: int) -> RunSummary:
        """The run, its steps and their counters, with a text for people.

        Raises NotFound run, Conflict not_batch.
        """
        run = await self._batch_run(run_id)
        batch = await self.batch_run(run_id)
        steps = await self._all_steps(run_id)
        return await computed(len(steps), lambda: run_summary(run, batch, steps))

    async def step_summaries(self, run_id: int) -> dict[int, StepSummary]:
        """By the id of the step execution, in that order; partitions among them.

        Raises NotFound run, Conflict not_batch.
        """
        return {step.id: step_summary(step) for step in await self.steps(run_id)}

    async def steps(self, run_id: int) -> list[StepExecution]:
        """What the run has executed, by id; partitions among them.

        Raises NotFound run, Conflict not_batch.
        """
        await self.batch_run(run_id)
        return await self._all_steps(run_id)

    async def list_steps(
        self, run_id: int, *, limit: int = 100, after: int = 0
    ) -> list[StepExecution]:
        """One page of the same. Raises NotFound run, Conflict not_batch.

        Args:
            after: id of the last one of the page before.
        """
        await self.batch_run(run_id)
        return await self._board._ask(c.ListSteps(run_id=run_id, limit=limit, after=after))

    async def step(self, step_id: int) -> StepExecution:
        """One execution of a step. Raises NotFound step."""
        return found(await self._board._ask(c.GetStep(step_id=step_id)), "step", step_id)

    async def skipped(
        self,
        *,
        run_id: int | None = None,
        step_id: int | None = None,
        limit: int = 100,
        after: int = 0,
    ) -> list[SkippedItem]:
        """Items that a run, or one execution of a step, has passed over, in the order in which they
        were stored. Raises NotFound run, step.

        Args:
            after: id of the last one of the page before.
        """
        command = c.ListSkippedItems(run_id=run_id, step_id=step_id, limit=limit, after=after)
        items = await self._board._ask(command)
        if not items and step_id is not None:
            await self.step(step_id)
        elif not items and run_id is not None:
            await self.batch_run(run_id)
        return items

    async def explain_restart(
        self, run_id: int, *, steps: Mapping[str, str | None] | None = None
    ) -> tuple[PlannedStep, ...]:
        """What a restart of the run would do, in its order; nothing is changed.

        Raises what `restart` would raise.
        """
        batch = (await self.batch_runs([run_id])).get(run_id)
        if batch is None:
            return await self._explained_unbegun(run_id)
        # The run itself may have left the history: its instance has all that a restart needs.
        history = await self.history(batch.instance_id)
        job = await self._batch_job(history.instance.group, history.instance.job)
        names: JsonObject = dict(steps or {})
        live = await self._live_run(history.instance)

        def explained() -> tuple[PlannedStep, ...]:
            definition = checked_definition(history, job, run_id, live, names)
            return explain_restart(definition, mapped_history(history, names))

        return await computed(len(history.steps), explained)

    async def _explained_unbegun(self, run_id: int) -> tuple[PlannedStep, ...]:
        run = await self._batch_run(run_id)
        job = await self._batch_job(run.group, run.job)
        if refusal := unbegun_refusal(run):
            raise refusal
        if run.instance_id is not None:
            raise NotFound("instance", run.instance_id)
        return explain_restart(definition_of_spec(job.spec), _nothing_done(job))

    async def _live_run(self, instance: BatchInstance) -> Run | None:
        if instance.live_run_id is None:
            return None
        return await self._board._ask(c.GetRun(run_id=instance.live_run_id))

    async def _all_steps(self, run_id: int) -> list[StepExecution]:
        async def page(last: StepExecution | None) -> list[StepExecution]:
            after = 0 if last is None else last.id
            return await self._board._ask(c.ListSteps(run_id=run_id, limit=PAGE, after=after))

        return await all_pages(page, PAGE)

    async def _batch_run(self, run_id: int) -> Run:
        run = await self._board.get_run(run_id)
        if not run.is_batch:
            raise not_batch(run_id, run.job)
        return run

    async def _batch_job(self, group: str, name: str) -> Job:
        job = await self._board._ask(c.GetJob(group=group, name=name))
        if job is None:
            raise NotFound("job", name)
        if job.kind != "batch":
            raise job_not_batch(name)
        return job


def _nothing_done(job: Job) -> BatchHistory:
    """Of an instance that is still to be made."""
    return BatchHistory(
        instance=BatchInstance(group=job.group, job=job.name, key="", parameters={})
    )
