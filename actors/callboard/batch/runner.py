"""BatchRunner: jobs of kind batch, on the loop.

Asked to stop, a run ends at its next boundary, however long that takes. Killed, its task is
cancelled: what had not committed is rolled back. One that swallows its cancellation is left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import Any

from callboard.batch.activity import Activity
from callboard.batch.database import Databases, UnknownDatabase
from callboard.batch.engine import Engine
from callboard.batch.job import BatchJob
from callboard.batch.journal import Journal
from callboard.batch.outages import Patience
from callboard.batch.patient_journal import PatientJournal
from callboard.batch.session import Session
from callboard.batch.state import State
from callboard.batch.step_life import is_lost
from callboard.clock import Clock
from callboard.domain.batch_definition import definition_of_spec, disagreements
from callboard.domain.batch_instance import BatchHistory, BatchRun
from callboard.domain.batch_step import FAILED, STOPPED
from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.errors import Conflict, InvalidInput
from callboard.runners.attempt import Attempt
from callboard.runners.capture import Capture
from callboard.runners.context import RunContext, StopFlag, context_of, current
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, StopCause
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.ending import Detached, Ended, to_outcome
from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runners.pool import ThreadPool
from callboard.store.contract_chunks import ChunkLine

THREADS_PER_RUN = 4
INVALID_INPUT = "invalid_input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What the runner of one node works with."""

    registry: HandlerRegistry
    journal: Journal
    databases: Databases
    clock: Clock
    rng: Random
    capacity: int
    hold: Callable[[], AbstractContextManager[object]] = nullcontext
    """Held while a thread works; a virtual clock's `hold` keeps its time still meanwhile."""


class BatchRunner:
    """A StartingRunner: each run has the task of its attempt."""

    kind = "batch"

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._coroutines = CoroutineRunner()
        self._threads = ThreadPool(THREADS_PER_RUN * shop.capacity)
        self._patience = Patience(shop.clock)
        self._journal = PatientJournal(shop.journal, self._patience)
        self._leaving = StopFlag()
        self._capture = Capture()
        self._capture.open()

    @property
    def stuck(self) -> int:
        return self._coroutines.stuck + self._threads.stuck

    def start(self, attempt: Attempt) -> None:
        """As StartingRunner.start."""
        self._capture.renew()
        context = attempt.context = context_of(attempt.run, {}, attempt.open_log)
        attempt.enter(self, self._call_in_run(attempt, context))

    def press(self, attempt: Attempt, phase: Phase) -> None:
        """As Place.press."""
        if phase is Phase.KILLED:
            self._coroutines.press(attempt, phase)
        elif attempt.context is not None:
            attempt.context.stop.set()

    def drain(self) -> None:
        """As DrainingRunner.drain."""
        self._leaving.set()

    def close(self) -> None:
        self._capture.close()
        self._threads.close()

    async def in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        """What the call gives, made in a thread; what it raises is raised."""
        name = getattr(call, "__name__", "call")
        work = partial(call, *args)
        in_pool = self._threads.submit(f"callboard-step-{name}", work, copy_context())
        with self._shop.hold():
            try:
                end = await in_pool.end
            except asyncio.CancelledError:
                self._threads.give_up(in_pool)
                raise
        if isinstance(end, Detached):
            raise asyncio.CancelledError
        if end.error is not None:
            raise end.error
        return end.value

    async def _call_in_run(self, attempt: Attempt, context: RunContext) -> None:
        current.set(context)
        try:
            outcome = await self._executed(attempt, context)
        except BaseException as error:  # noqa: BLE001 - SystemExit would end the loop
            if type(error) is GeneratorExit and attempt.task is not asyncio.current_task():
                return  # thrown away in the middle: its loop is gone
            outcome = _outcome_of(error, attempt.phase)
        attempt.end(outcome)

    async def _executed(self, attempt: Attempt, context: RunContext) -> Outcome:
        job = await self._found(str(attempt.job.spec["handler"]))
        differing = disagreements(definition_of_spec(attempt.job.spec), job.definition())
        if differing:
            said = "; ".join(map(str, differing))
            return _parked("DefinitionChanged", f"this node has other code: {said}")
        if context.stopping:
            return Outcome(state=RunState.STOPPED)
        try:
            line = await self._patience.ask(lambda: self._shop.databases.line(job.database))
        except UnknownDatabase as unknown:
            return _parked("UnknownDatabase", str(unknown))
        try:
            history = await self._journal.begin_run(attempt.run, job.definition())
        except Conflict as refusal:
            if is_lost(refusal):
                raise
            return _refused(refusal.code, refusal)
        except InvalidInput as refusal:
            return _refused(INVALID_INPUT, refusal)
        try:
            session = self._session(attempt, context, job, line, history)
        except InvalidInput as refusal:  # the code declares other parameters than it did
            return _refused(INVALID_INPUT, refusal)
        return _asked(await Engine(job, session, history).run(), attempt)

    def _session(
        self,
        attempt: Attempt,
        context: RunContext,
        job: BatchJob,
        line: ChunkLine,
        history: BatchHistory,
    ) -> Session:
        arguments = context.arguments = _arguments(attempt, history)
        shop, own = self._shop, self._shop.databases.own
        return Session(
            run=attempt.run,
            epoch=attempt.run.epoch or 0,
            instance_id=history.instance.id,
            arguments=arguments,
            params=_params(job, arguments, history, attempt.run),
            journal=self._journal,
            line=line,
            mirror=None if line is own else own,
            patience=self._patience,
            history=history,
            stop=context.stop,
            leaving=self._leaving,
            activity=Activity(attempt.lend),
            job_state=State(
                _batch_run(history, attempt.run)[1],
                name="job_state",
                masked=context.output.masking,
            ),
            output=context.output,
            log=context.log,
            clock=shop.clock,
            rng=shop.rng,
            in_thread=self.in_thread,
        )

    async def _found(self, name: str) -> BatchJob:
        registry = self._shop.registry
        found = registry.thing(name)
        if found is None:  # importing may take seconds
            found = await self.in_thread(registry.find, name)
        if not isinstance(found, BatchJob):
            raise UnknownHandler(name, f"it is a {type(found).__name__}, not a BatchJob")
        return found


def _arguments(attempt: Attempt, history: BatchHistory) -> JsonObject:
    """The run's parameters as they are stored, with the values of secrets in their places."""
    stored, _ = _batch_run(history, attempt.run)
    given, clear = attempt.run.arguments, attempt.clear_run.arguments
    secrets: dict[str, Json] = {
        name: value for name, value in clear.items() if value != given.get(name)
    }
    return {**stored, **secrets}


def _params(job: BatchJob, arguments: JsonObject, history: BatchHistory, run: Run) -> Any:
    """As the code of the steps gets them. What has identified nothing, and is declared no more
    since the instance was started, keeps nobody from going on with it."""
    if job.params is None:
        return arguments
    declared = {rule.name for rule in job.params.rules()}
    gone = {*_recorded(history, run).references} - declared
    return job.params.from_json(
        {name: value for name, value in arguments.items() if name not in gone}
    )


def _batch_run(history: BatchHistory, run: Run) -> tuple[JsonObject, JsonObject]:
    """Its arguments and its context."""
    found = _recorded(history, run)
    return found.arguments, found.context


def _recorded(history: BatchHistory, run: Run) -> BatchRun:
    return next(each for each in history.runs if each.run_id == run.id)


def _parked(type: str, message: str) -> Outcome:
    return Outcome(state=RunState.PARKED, error=RunError(type=type, message=message))


def _refused(code: str, refusal: Exception) -> Outcome:
    """The run cannot begin, and never will."""
    error = RunError(type=code.upper(), message=str(refusal))
    return Outcome(state=RunState.FAILED, error=error, kinds=(error.type,))


def _asked(outcome: Outcome, attempt: Attempt) -> Outcome:
    """The outcome with an exit code that fits what the attempt makes of it: a run that has failed
    although it was asked to stop is stopped. A code of the job's own stays."""
    result = outcome.result
    if outcome.state is not RunState.FAILED or attempt.phase is Phase.GOING:
        return outcome
    if attempt.control.cause is not StopCause.REQUESTED or not isinstance(result, Mapping):
        return outcome
    if result["exit_code"] != FAILED:
        return outcome
    return replace(outcome, result={**result, "exit_code": STOPPED})


def _outcome_of(error: BaseException, phase: Phase) -> Outcome:
    if isinstance(error, UnknownHandler):
        return _parked("UnknownHandler", str(error))
    return to_outcome(Ended(error=error), phase)
