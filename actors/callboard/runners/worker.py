"""The worker: executes Python handlers in a process of its own, one run after the other.

Started by a node as `python -m callboard.runners.worker FD`; FD is its socket to the node. The main
thread runs the handlers (it is where signals and many libraries want to be), another one listens:

    Stop          ctx.stopping is set, a coroutine handler cancelled; killing is the node's
    end of line   the node is gone, or wants no more: an idle worker ends, a busy one is killed with
                  the processes that its handler started

What a handler prints or logs goes to the node at once; what is written past Python, to the file
descriptors 1 and 2, the node reads itself. A fork of the worker is never taken for it.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import importlib
import logging
import math
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, cast

from callboard.domain.run import Run, RunError
from callboard.domain.spec_limits import ResourceLimits
from callboard.domain.states import RunState
from callboard.resident import STATM, resident_mb
from callboard.runners.binding import ArgumentMismatch, Handler
from callboard.runners.capture import Capture
from callboard.runners.context import RunContext, context_of, current
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase
from callboard.runners.ending import call_to_end, to_outcome
from callboard.runners.failure import to_run_error
from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runners.masking import Mask
from callboard.runners.remote_log import RemoteLog
from callboard.runners.resource_limits import apply
from callboard.runners.result import BadResult, to_result
from callboard.runners.thread import until_stopped
from callboard.runners.worker_channel import Channel
from callboard.runners.worker_wire import Begin, Ended, LogFull, Settle, Stop, ToWorker, ended

EXIT_S: Final = 5.0
"""Seconds that an idle worker has to end when its line is down."""
OOM_SCORE: Final = "500"
"""Where memory runs out, the system is to end a worker rather than its node."""
_DATA: Final = 5
"""The column of statm: data and stack, in pages."""


class Task:
    """One run in this worker."""

    def __init__(self, begin: Begin, channel: Channel) -> None:
        self.begin = begin
        self.log = RemoteLog(begin.facts.id, channel.send)
        self.log.mask = Mask(begin.secrets) if begin.secrets else None
        facts = cast(Run, begin.facts)  # it has the fields of a Run that a context shows
        self.context: RunContext = context_of(facts, begin.arguments, lambda: self.log)

    @property
    def phase(self) -> Phase:
        return Phase.ASKED if self.context.stopping else Phase.GOING


class Worker:
    """Takes runs from the channel and tells their ends."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._messages = channel.messages()
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._task: Task | None = None
        self._capture = Capture()
        self._vouched = HandlerRegistry()
        self._others = HandlerRegistry()
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._pid = os.getpid()
        self._size_mb = 0.0
        os.register_at_fork(after_in_child=self._on_fork)

    def work(self) -> None:
        """Return when the line is down."""
        settle = next(self._messages, None)
        if not isinstance(settle, Settle):
            return
        self._settle(settle)
        threading.Thread(target=self._listen, name="callboard-worker", daemon=True).start()
        while (task := self._tasks.get()) is not None:
            end = self._served(task)
            self._task = None  # before the node knows, for it may answer with the next run at once
            self._channel.send(end)

    # beginning

    def _settle(self, settle: Settle) -> None:
        sys.path[:] = settle.path
        os.environ.pop("PYTHONPATH", None)
        if settle.python_path is not None:
            os.environ["PYTHONPATH"] = settle.python_path
        self._others = HandlerRegistry(modules=settle.modules)
        for module in settle.warm:
            # Whoever needs it will be told why it cannot be imported.
            with suppress(BaseException):
                importlib.import_module(module)
        self._capture.open()
        self._size_mb = resident_mb()

    def _listen(self) -> None:
        for message in self._messages:
            self._on_message(message)
        if self._task is not None:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        self._tasks.put(None)
        threading.Event().wait(EXIT_S)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def _on_message(self, message: ToWorker) -> None:
        task = self._task
        match message:
            case Begin():
                self._task = Task(message, self._channel)
                self._tasks.put(self._task)
            case Stop() if task is not None and task.begin.serial == message.serial:
                task.context.stop.set()
            case LogFull() if task is not None and task.begin.serial == message.serial:
                task.log.is_full = True

    def _on_fork(self) -> None:
        """What a fork prints goes to the descriptors, for the node to read."""
        self._channel.abandon()
        if self._task is not None:
            self._task.log.close()

    # one run

    def _served(self, task: Task) -> Ended:
        try:
            outcome = self._outcome_of(task)
        except MemoryError as error:  # under a limit; what the handler held is free by now
            gc.collect()
            message = f"{error} (and so little memory was left that no more can be said)".lstrip()
            outcome = _failed("MemoryError", message)
        except Exception as error:  # noqa: BLE001 - as when its limits cannot be set
            outcome = Outcome(state=RunState.FAILED, error=to_run_error(error))
        _flush()
        task.log.close()
        return ended(
            outcome,
            dropped=task.log.dropped,
            grown_mb=resident_mb() - self._size_mb,
            has_children=_has_children(),
        )

    def _outcome_of(self, task: Task) -> Outcome:
        logging.root.setLevel(task.begin.level)
        self._capture.renew()
        context = copy_context()
        context.run(current.set, task.context)
        try:
            call = context.run(self._bound, task)
        except UnknownHandler as unknown:
            return _parked("UnknownHandler", str(unknown))
        except ArgumentMismatch as mismatch:
            return _parked("ArgumentMismatch", str(mismatch))
        if task.context.stopping:
            return Outcome(state=RunState.STOPPED)
        end = context.run(call_to_end, partial(_call, call, task.context))
        if os.getpid() != self._pid:
            self._leave_fork(end.error is None)
        try:
            outcome = to_outcome(end, task.phase)
            return _with_result(outcome)
        finally:
            del end  # with the frames of a traceback, and all that they hold

    def _bound(self, task: Task) -> Callable[[], object]:
        begin = task.begin
        handler = self._handlers.get((begin.handler, begin.reference))
        if handler is None:
            registry = self._vouched if begin.is_vouched else self._others
            function = registry.resolve(begin.reference).function
            handler = Handler(begin.handler, function)
            self._handlers[begin.handler, begin.reference] = handler
        call = handler.bind(begin.arguments, task.context)
        if begin.limits is not None:
            _limit(begin.limits)
        return call

    def _leave_fork(self, is_well: bool) -> None:
        """A handler has forked, and its child returns, too: its word is not the run's."""
        _flush()
        os._exit(0 if is_well else 1)


def _limit(limits: Mapping[str, int]) -> None:
    """For good; not counting what the worker itself has used and holds by now."""
    given = ResourceLimits(**limits)
    if given.cpu_s is not None:
        given = replace(given, cpu_s=given.cpu_s + math.ceil(time.process_time()))
    if given.memory_mb is not None:
        given = replace(given, memory_mb=given.memory_mb + _private_mb())
    apply(given)


def _private_mb() -> int:
    """What RLIMIT_DATA counts; 0 where the system does not tell."""
    try:
        pages = int(STATM.read_text().split()[_DATA])
    except (OSError, ValueError, IndexError):
        return 0
    return math.ceil(pages * resource.getpagesize() / (1 << 20))


def _call(call: Callable[[], object], context: RunContext) -> object:
    context.thread_id = threading.get_ident()
    value = call()
    if asyncio.iscoroutine(value):
        return asyncio.run(until_stopped(value, context.stop))
    return value


def _with_result(outcome: Outcome) -> Outcome:
    """Checked here, too: what is too large need not travel to be cut."""
    if outcome.result is None:
        return outcome
    try:
        return replace(outcome, result=to_result(outcome.result))
    except BadResult as bad:
        return Outcome(state=RunState.FAILED, error=bad.error)


def _failed(type: str, message: str) -> Outcome:
    return Outcome(state=RunState.FAILED, error=RunError(type=type, message=message))


def _parked(type: str, message: str) -> Outcome:
    return Outcome(state=RunState.PARKED, error=RunError(type=type, message=message))


def _flush() -> None:
    """Python's and C's buffers of the descriptors that the node reads."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(Exception):
            if stream is not None:
                stream.flush()
    with suppress(Exception):
        ctypes.CDLL(None).fflush(None)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _adopt_streams() -> None:
    """As a terminal has them: what is written is seen line by line, and nothing is refused."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def main() -> None:
    """Be a worker of the node at the other end of the socket whose number is argv[1]."""
    _adopt_streams()
    faulthandler.enable(all_threads=False)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    Worker(Channel(socket.socket(fileno=int(sys.argv[1])))).work()


if __name__ == "__main__":
    main()
