"""PythonRunner: jobs of kind python, on the loop or in a thread.

| spec.isolation | coroutine function | plain function |
| --- | --- | --- |
| null | on the loop | in a thread |
| loop | on the loop | on the loop, which it blocks: only for what takes no time |
| thread | on a loop of its own in a thread | in a thread |
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeAlias

from callboard.domain.job import Job
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.runners.binding import ArgumentMismatch, Handler
from callboard.runners.capture import Capture
from callboard.runners.context import RunContext, context_of
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, RunControl
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.ending import Detached, Ended, to_outcome
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.log import RunLog
from callboard.runners.result import to_plain
from callboard.runners.thread import ThreadRunner

_Isolation: TypeAlias = CoroutineRunner | ThreadRunner


class PythonRunner:
    """Finds the handler, binds the arguments, and has it run where it belongs."""

    kind = "python"

    def __init__(
        self,
        registry: HandlerRegistry,
        *,
        coroutines: CoroutineRunner,
        threads: ThreadRunner,
        capture: Capture,
    ) -> None:
        """`capture` is opened here and closed with the runner."""
        self._registry = registry
        self._coroutines = coroutines
        self._threads = threads
        self._capture = capture
        capture.open()

    @property
    def stuck(self) -> int:
        return self._coroutines.stuck + self._threads.stuck

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute."""
        self._capture.renew()
        arguments = {name: to_plain(value) for name, value in run.arguments.items()}
        context = context_of(job, run, log, arguments)
        control.listen(lambda phase: context.stop.set())
        found = await self._find(str(job.spec["handler"]), context, control)
        if not isinstance(found, Handler):
            return to_outcome(found, control.phase)
        try:
            call = found.bind(arguments, context)
        except ArgumentMismatch as mismatch:
            error = RunError(type="ArgumentMismatch", message=str(mismatch))
            return Outcome(state=RunState.FAILED, error=error)
        end = await self._place(job, found).run(call, context, control)
        return to_outcome(end, control.phase)

    def close(self) -> None:
        """Give back stdout and stderr, and the threads."""
        self._capture.close()
        self._threads.close()

    async def _find(
        self, name: str, context: RunContext, control: RunControl
    ) -> Handler | Ended | Detached:
        """In a thread when it has to be imported: that may take seconds, and may print."""
        handler = self._registry.known(name)
        if handler is not None:
            return handler
        end = await self._threads.run(partial(self._registry.resolve, name), context, control)
        if isinstance(end, Ended) and end.error is None and isinstance(end.value, Handler):
            if control.phase is Phase.GOING:
                return end.value
            return Ended(error=asyncio.CancelledError())
        if isinstance(end, Ended) and isinstance(end.error, Exception):
            raise end.error
        return end

    def _place(self, job: Job, handler: Handler) -> _Isolation:
        isolation = job.spec.get("isolation") or ("loop" if handler.is_async else "thread")
        return self._coroutines if isolation == "loop" else self._threads
