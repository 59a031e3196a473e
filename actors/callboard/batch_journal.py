"""BatchJournal: what a node stores of its batch runs, by commands to the job store."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar

import orjson

from callboard import commands as c
from callboard.clock import Clock
from callboard.domain.batch_instance import BatchHistory, BatchInstance, InstanceState
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import NO_MOVE, Move, StepCounts, StepExecution, StepState
from callboard.domain.json import JsonObject
from callboard.domain.run import NewRun, Run, StopMode
from callboard.domain.states import RunState
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.pages import all_pages
from callboard.runtime import Command

R = TypeVar("R")

PAGE: Final = 1000
"""Rows of the history in one read."""
FIRST_LOOK_S: Final = 0.05
LOOK_S: Final = 1.0
"""Between two looks at a child at the most; each wait is twice as long as the one before."""
LOOKS_PER_S: Final = 100
"""Of all runs of a node that wait for children: the more they are, the later each one looks."""


class Ask(Protocol):
    """Gives a command to the job store."""

    async def __call__(self, command: Command[R], /) -> R: ...


class BatchJournal:
    """Implements `batch.journal.Journal`."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._watched = 0
        """Children that are waited for."""

    async def begin_run(self, run: Run, definition: JsonObject) -> BatchHistory:
        """As in Journal."""
        command = c.BeginBatchRun(run_id=run.id, epoch=_epoch(run), definition=definition)
        begun = await self._ask(command)
        history = BatchHistory(instance=begun.instance, runs=(begun.run,))
        if begun.is_first:
            return history
        # Nobody else writes of the instance while the run is held: pages are as good as one moment.
        steps = await self._steps(begun.instance.id)
        moves = await self._moves(begun.instance.id)
        return replace(history, steps=tuple(steps), moves=tuple(moves))

    async def begin_step(
        self,
        run: Run,
        name: str,
        visit: int,
        *,
        start_limit: int | None = None,
        manager_id: int | None = None,
        is_again: bool = False,
    ) -> StepExecution:
        """As in Journal."""
        command = c.BeginStep(
            run_id=run.id,
            epoch=_epoch(run),
            name=name,
            visit=visit,
            start_limit=start_limit,
            manager_id=manager_id,
            is_again=is_again,
        )
        return await self._ask(command)

    async def partitions(self, step: StepExecution) -> list[PartitionRecord]:
        """As in Journal."""

        async def page(last: PartitionRecord | None) -> list[PartitionRecord]:
            command = c.ListPartitions(
                instance_id=step.instance_id,
                step=step.name,
                visit=step.visit,
                limit=PAGE,
                before="" if last is None else last.name,
            )
            return await self._ask(command)

        return await all_pages(page, PAGE)

    async def counts_before(self, step: StepExecution) -> dict[int, StepCounts]:
        """As in Journal."""
        return await self._ask(c.CountsBefore(step_id=step.id))

    async def keep_plan(self, step: StepExecution, plan: tuple[JsonObject, ...]) -> None:
        """As in Journal."""
        await self._ask(c.KeepPlan(step_id=step.id, plan=plan))

    async def keep_expected(self, step: StepExecution, expected: int) -> None:
        """As in Journal."""
        await self._ask(c.KeepExpected(step_id=step.id, expected=expected))

    async def end_step(
        self,
        run: Run,
        step: StepExecution,
        state: StepState,
        exit_code: str,
        *,
        exit_message: str | None = None,
        context: JsonObject,
        counts: StepCounts,
        job_context: JsonObject,
        moves: tuple[Move, ...] = (),
    ) -> None:
        """As in Journal."""
        command = c.EndStep(
            run_id=run.id,
            epoch=_epoch(run),
            step_id=step.id,
            state=state,
            exit_code=exit_code,
            exit_message=exit_message,
            context=context,
            counts=counts,
            job_context=job_context,
            moves=moves,
        )
        await self._ask(command)

    async def record_moves(self, run: Run, moves: tuple[Move, ...]) -> None:
        """As in Journal."""
        await self._ask(c.RecordMoves(run_id=run.id, epoch=_epoch(run), moves=moves))

    async def start_child(
        self,
        run: Run,
        step: StepExecution,
        job: str,
        arguments: JsonObject,
        *,
        known: int | None = None,
    ) -> int:
        """As in Journal."""
        if known is not None and (instance := await self._instance_of(known)) is not None:
            return await self._goes_on(instance)
        new = NewRun(job=job, group=run.group, arguments=arguments)
        key = _key_of_child(step, arguments)
        try:
            (first,) = await self._ask(c.StartRuns(runs=(new,), idempotency_key=key))
        except InvalidInput as error:
            raise error.within("runs[0]") from None
        instance = await self._instance_of(first.id)
        return first.id if instance is None else await self._goes_on(instance)

    async def wait_child(self, run_id: int) -> Run:
        """As in Journal."""
        self._watched += 1
        try:
            return await self._ended(run_id)
        finally:
            self._watched -= 1

    async def stop_child(self, run_id: int) -> None:
        """As in Journal."""
        try:
            await self._ask(c.StopRun(run_id=run_id, mode=StopMode.COOPERATIVE))
        except Conflict as refusal:
            if refusal.code not in ("run_not_running", "illegal_transition"):
                raise

    async def _steps(self, instance_id: int) -> list[StepExecution]:
        async def page(last: StepExecution | None) -> list[StepExecution]:
            after = 0 if last is None else last.id
            command = c.ListInstanceSteps(instance_id=instance_id, limit=PAGE, after=after)
            return await self._ask(command)

        return await all_pages(page, PAGE)

    async def _moves(self, instance_id: int) -> list[Move]:
        async def page(last: Move | None) -> list[Move]:
            after = NO_MOVE if last is None else (last.node, last.visit)
            return await self._ask(c.ListMoves(instance_id=instance_id, limit=PAGE, after=after))

        return await all_pages(page, PAGE)

    async def _ended(self, run_id: int) -> Run:
        wait_s = FIRST_LOOK_S
        while True:
            run = await self._ask(c.GetRun(run_id=run_id))
            if run is None:
                raise NotFound("run", run_id)
            if run.has_ended or run.state is RunState.PARKED:
                return run
            busy_s = self._watched / LOOKS_PER_S
            await self._clock.sleep_until(self._clock.monotonic() + max(wait_s, busy_s))
            wait_s = min(2 * wait_s, LOOK_S)

    async def _goes_on(self, instance: BatchInstance) -> int:
        """The run of the child's instance that is live, or has succeeded; a new one when the last
        one has failed or was stopped."""
        if instance.live_run_id is not None:
            return instance.live_run_id
        if instance.state not in (InstanceState.FAILED, InstanceState.STOPPED):
            return instance.last_run_id
        try:
            return (await self._ask(c.RestartRun(run_id=instance.last_run_id))).id
        except Conflict as refusal:
            return _started_meanwhile(refusal)

    async def _instance_of(self, run_id: int) -> BatchInstance | None:
        """None: the run has none yet, or none any more."""
        batch = (await self._ask(c.GetBatchRuns(run_ids=(run_id,)))).get(run_id)
        if batch is None:
            return None
        return await self._ask(c.GetInstance(instance_id=batch.instance_id))


def _started_meanwhile(refusal: Conflict) -> int:
    """The run that somebody else has just restarted the child by."""
    run_id: Any = refusal.facts.get("run_id")
    if refusal.code != "run_already_running" or not isinstance(run_id, int):
        raise refusal
    return run_id


def _key_of_child(step: StepExecution, arguments: JsonObject) -> str:
    """What an attempt at the step finds the start of the one before by, which it may not know of.
    A step that is done again may ask for other arguments: that is another run."""
    text = orjson.dumps([step.name, arguments], default=dict, option=orjson.OPT_SORT_KEYS)
    return f"child {step.instance_id} {step.visit} {sha256(text).hexdigest()}"


def _epoch(run: Run) -> int:
    return -1 if run.epoch is None else run.epoch
