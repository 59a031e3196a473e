"""PythonRunner: jobs of kind python, on the loop, in a thread or in a process.

| spec.isolation | coroutine function | plain function |
| --- | --- | --- |
| null | on the loop | in a thread |
| loop | on the loop | on the loop, which it blocks: only for what takes no time |
| thread | on a loop of its own in a thread | in a thread |
| process | on a loop of its own in a worker process | in a worker process |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.runners.attempt import Attempt
from callboard.runners.binding import ArgumentMismatch
from callboard.runners.capture import Capture
from callboard.runners.context import RunContext, context_of
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.ending import Ended, to_outcome
from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runners.process_runner import ProcessRunner
from callboard.runners.result import to_plain
from callboard.runners.thread import ThreadRunner

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


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
        processes: ProcessRunner | None = None,
    ) -> None:
        """Args:
        capture: opened here and closed with the runner.
        processes: None: jobs that ask for a process are parked here.
        """
        self._registry = registry
        self._coroutines = coroutines
        self._threads = threads
        self._processes = processes
        self._capture = capture
        capture.open()

    @property
    def stuck(self) -> int:
        processes = 0 if self._processes is None else self._processes.stuck
        return self._coroutines.stuck + self._threads.stuck + processes

    def start(self, attempt: Attempt) -> None:
        """As StartingRunner.start."""
        self._capture.renew()
        run = attempt.run
        arguments = _own_arguments(attempt.clear_run.arguments) if run.arguments else {}
        context = attempt.context = context_of(run, arguments, attempt.open_log)
        spec = attempt.job.spec
        isolation = spec.get("isolation")
        if isolation == "process":
            self._start_in_process(attempt)
            return
        handler = self._registry.known(spec["handler"])  # type: ignore[arg-type]  # a string (Job)
        if handler is None:
            attempt.work(partial(self._import_first, attempt, context))
            return
        try:
            call = handler.bind(arguments, context)
        except ArgumentMismatch as mismatch:
            error = RunError(type="ArgumentMismatch", message=str(mismatch))
            attempt.end(Outcome(state=RunState.PARKED, error=error))
            return
        if (isolation or handler.place) == "loop":
            self._coroutines.start(attempt, call, context)
        else:
            attempt.work(partial(self._in_thread, attempt, call, context))

    def close(self) -> None:
        """Give back stdout and stderr, the threads and the processes."""
        self._capture.close()
        self._threads.close()
        if self._processes is not None:
            self._processes.close()

    def _start_in_process(self, attempt: Attempt) -> None:
        if self._processes is None:
            reason = "it is to run in a process, and this node has none for that"
            raise UnknownHandler(str(attempt.job.spec["handler"]), reason)
        attempt.work(partial(self._processes.run, attempt))

    async def _in_thread(
        self, attempt: Attempt, call: Callable[[], object], context: RunContext
    ) -> Outcome:
        control = attempt.control
        control.listen(lambda phase: context.stop.set())
        end = await self._threads.run(call, context, control)
        return to_outcome(end, control.phase)

    async def _import_first(self, attempt: Attempt, context: RunContext) -> Outcome | None:
        """In a thread: importing may take seconds, and may print. Then start as with any other."""
        name, control = str(attempt.job.spec["handler"]), attempt.control
        control.listen(lambda phase: context.stop.set())
        end = await self._threads.run(partial(self._registry.resolve, name), context, control)
        if not isinstance(end, Ended):
            return to_outcome(end, control.phase)
        if isinstance(end.error, Exception):
            raise end.error
        if end.error is None and control.phase is not Phase.GOING:
            end = Ended(error=asyncio.CancelledError())
        if end.error is not None:
            return to_outcome(end, control.phase)
        self.start(attempt)
        return None


def _own_arguments(arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """A copy that the handler may change."""
    return {
        name: value if type(value) in _SCALARS else to_plain(value)
        for name, value in arguments.items()
    }
