"""The runners that every board has, wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from callboard.clock import SystemClock
from callboard.domain.egress import Egress
from callboard.runners.capture import Capture
from callboard.runners.command import CommandRunner
from callboard.runners.contract import Runners
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.http import HttpRunner
from callboard.runners.process_runner import ProcessRunner
from callboard.runners.program import find_guard
from callboard.runners.program_host import ProgramHost
from callboard.runners.python import PythonRunner
from callboard.runners.script import ScriptRunner
from callboard.runners.thread import ThreadRunner
from callboard.runners.worker_start import start_of_workers


def standard_runners(
    registry: HandlerRegistry,
    *,
    capacity: int,
    environ: Mapping[str, str],
    echo: bool = False,
    hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    egress: Egress | None = None,
    runs_per_worker: int = 100,
) -> Runners:
    """Runners for the kinds of jobs that every board knows; `close` them on the same thread.

    Args:
        capacity: threads, and worker processes, at the most; no less than runs at once.
        environ: this process's variables, of which commands get a few.
        echo: whether handlers' output also goes to the process's own streams.
        hold: a virtual clock's `hold`, so that its time stands still while threads and processes
            work in real time.
        runs_per_worker: after so many runs a worker process is replaced.
        egress: where jobs may connect to besides the public internet; None: nowhere.
    """
    clock, guard = SystemClock(), find_guard()
    start = start_of_workers(environ=environ, guard=guard, clock=clock)
    python = PythonRunner(
        registry,
        coroutines=CoroutineRunner(),
        threads=ThreadRunner(capacity, hold=hold),
        processes=ProcessRunner(
            registry, capacity, start=start, runs_per_worker=runs_per_worker, hold=hold
        ),
        capture=Capture(echo=echo),
    )
    programs = ProgramHost(clock=clock, environ=environ, guard=guard, hold=hold)
    command = CommandRunner(programs)
    script = ScriptRunner(programs, egress=egress or Egress())
    http = HttpRunner(clock=SystemClock(), egress=egress or Egress(), hold=hold)
    return Runners((python, command, script, http))
