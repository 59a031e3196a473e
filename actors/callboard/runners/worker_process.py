"""WorkerProcess: a worker as its node has it: one process, its socket, its output, its end.

All of it by callbacks of the loop; nothing waits. The worker leads a session, and so a group, of
its own: a kill reaches the processes that its handler started, and when it has ended in whatever
way, those that are left are killed.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from callboard.clock import Alarm
from callboard.domain.run import RunError
from callboard.domain.spec_limits import ResourceLimits
from callboard.domain.states import RunState
from callboard.errors import InvalidInput
from callboard.runners.family import Family
from callboard.runners.limit_signs import limit_error
from callboard.runners.log import RunLog
from callboard.runners.worker_start import Start, spawn
from callboard.runners.worker_wire import (
    Begin,
    BrokenWire,
    Ended,
    FromWorker,
    Lines,
    LogFull,
    Recorded,
    Settle,
    Stop,
    Told,
    ToWorker,
    Wrote,
    to_line,
)

RETIRE_S: Final = 10.0
"""Seconds that a worker has to end when it is not needed any more."""
POLL_S: Final = 0.05
_READ_BYTES: Final = 262_144
_MOST_READS: Final = 16
"""At the end of a run: more than a pipe holds, and a bound for one that is filled on and on."""
_ENDS: Final = frozenset(
    {RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED, RunState.PARKED, RunState.QUEUED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The worker has ended in the middle of a run."""

    code: int
    """As Popen.returncode has it: of a signal, its number below zero."""
    complaint: RunError | None = None
    """Why the node has killed it, when that was not because somebody asked."""

    def to_error(self, limits: ResourceLimits | None) -> RunError:
        """The error of a run that had these limits."""
        if self.complaint is not None:
            return self.complaint
        limit = limit_error(limits, self.code)
        if limit is not None:
            return RunError(type=limit[0], message=limit[1], exit_code=128 - self.code)
        if self.code >= 0:
            message = f"the worker process ended with exit code {self.code} during the run"
            return RunError(type="WorkerDied", message=message, exit_code=self.code)
        message = f"the worker process was killed by {_signal_name(-self.code)}"
        return RunError(type="WorkerDied", message=message, exit_code=128 - self.code)


class Errand:
    """What a worker does for one run."""

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self.end: asyncio.Future[Ended | Died] = asyncio.get_running_loop().create_future()
        self.is_full = False


class WorkerProcess:
    """Started when it is made; executes one run after the other until it is gone."""

    def __init__(
        self,
        start: Start,
        settle: Settle,
        *,
        number: int,
        on_gone: Callable[[WorkerProcess], None],
    ) -> None:
        """Args:
        number: no other worker of the same `start` has it.
        on_gone: called once, when the process has ended, was buried, and its run's end was told.

        Raises:
            WorkerNotStarted: with the system's reason.
        """
        self.runs = 0
        self.idle_since = 0.0
        self.is_trusted = True
        """Whether it may get another run: it was not killed, retired, or found talking nonsense."""
        self.is_gone = False
        self._clock = start.clock
        self._warden = start.warden
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._errand: Errand | None = None
        self._complaint: RunError | None = None
        self._lines: Lines[FromWorker] = Lines(FromWorker)
        self._unsent = bytearray()
        self._alarm: Alarm | None = None
        mark = f"{start.mark}{number}"
        self._socket, self._pipes, self._process = spawn(start, mark)
        self.group = self._process.pid
        """The process's id, which is also that of its group and its session."""
        self.family = Family(self.group, mark)
        self._decoders = {pipe: _decoder() for pipe in self._pipes}
        self._warden.watch(self.group)
        self._loop.add_reader(self._socket, self._on_readable)
        for pipe in self._pipes:
            self._loop.add_reader(pipe, self._on_output, pipe)
        self._pidfd = _open_pidfd(self.group)
        if self._pidfd is not None:
            self._loop.add_reader(self._pidfd, self._on_exit)
        else:
            self._poll_exit()
        self._send(settle)

    def begin(self, begin: Begin, errand: Errand) -> None:
        """Have it execute a run; `errand.end` will be done, whatever happens."""
        assert self._errand is None
        self.runs += 1
        self._errand = errand
        self._decoders = {pipe: _decoder() for pipe in self._pipes}
        self._send(begin)

    def stop(self, serial: int) -> None:
        """Ask the run to end."""
        self._send(Stop(serial=serial))

    def kill(self, complaint: RunError | None = None) -> None:
        """End the process and those of its group; `complaint`: the error of its run, then."""
        self.is_trusted = False
        self._complaint = self._complaint or complaint
        if not self.is_gone:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)

    def retire(self) -> None:
        """Let it end by itself, soon."""
        self.is_trusted = False
        if self.is_gone:
            return
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._alarm = self._clock.call_at(self._clock.monotonic() + RETIRE_S, self.kill)

    def bury(self, timeout_s: float) -> None:
        """Wait for the end of a killed one, blocking; for the end of a board."""
        if self.is_gone:
            return
        if self._pidfd is not None:
            ended = select.poll()
            ended.register(self._pidfd, select.POLLIN)
            ended.poll(timeout_s * 1000)
        else:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self._on_exit()

    # what comes from it

    def _on_readable(self) -> None:
        self._take(self._read(self._socket.recv))

    def _take(self, data: bytes) -> None:
        try:
            for message in self._lines.feed(data):
                self._on_message(message)
        except BrokenWire as error:
            self._mistrust(str(error))

    def _read(self, read: Callable[[int], bytes]) -> bytes:
        try:
            data = read(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:  # its end is told by the process
            self._loop.remove_reader(self._socket)
        return data

    def _on_message(self, message: FromWorker) -> None:
        errand = self._errand
        match message:
            case Ended():
                self._on_ended(message)
            case _ if errand is None:
                pass  # a thread that a handler left behind
            case Wrote() if message.stream in ("stdout", "stderr"):
                errand.log.write(message.stream, message.text)
                self._tell_when_full(errand)
            case Recorded():
                errand.log.record(message.level, message.text, message.fields)
                self._tell_when_full(errand)
            case Told():
                with suppress(InvalidInput):  # the worker's own check lets none such through
                    errand.log.report(message.done, message.total, message.note)

    def _on_ended(self, message: Ended) -> None:
        for pipe in self._pipes:
            self._drain(pipe)
        errand = self._errand
        if errand is None or errand.end.done() or message.state not in _ENDS:
            self._mistrust("it told an end that cannot be")
            return
        self._errand = None
        errand.log.drop(message.dropped)
        errand.end.set_result(message)

    def _tell_when_full(self, errand: Errand) -> None:
        if errand.log.is_full and not errand.is_full:
            errand.is_full = True
            self._send(LogFull(serial=self.runs))

    def _mistrust(self, reason: str) -> None:
        self._loop.remove_reader(self._socket)
        message = f"the worker process was killed: {reason}"
        self.kill(RunError(type="WorkerMisbehaved", message=message))

    def _on_output(self, pipe: int) -> bool:
        """Whether there was something."""
        try:
            data = os.read(pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(pipe)
            return False
        self._write(pipe, data)
        return True

    def _write(self, pipe: int, data: bytes) -> None:
        errand = self._errand
        if errand is None:
            return
        if errand.log.is_full:
            errand.log.drop(len(data))
        else:
            errand.log.write(self._pipes[pipe], self._decoders[pipe].decode(data))

    def _drain(self, pipe: int) -> None:
        for _ in range(_MOST_READS):
            if not self._on_output(pipe):
                break
        errand = self._errand
        rest = self._decoders[pipe].decode(b"", final=True)
        if errand is not None and rest:
            errand.log.write(self._pipes[pipe], rest)

    # what goes to it

    def _send(self, message: ToWorker) -> None:
        if self.is_gone:
            return
        is_idle = not self._unsent
        self._unsent += to_line(message)
        if is_idle:
            self._send_on()

    def _send_on(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # it is about to be told that the process has ended
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._socket, self._send_on)
        else:
            self._loop.remove_writer(self._socket)

    # its end

    def _poll_exit(self) -> None:
        """Where the system has no descriptor of a process."""
        if self.is_gone:
            return
        # Not reaped before its group was killed, lest another process has its number by then.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, self.group, flags) is None:
                self._clock.call_at(self._clock.monotonic() + POLL_S, self._poll_exit)
                return
        self._on_exit()

    def _on_exit(self) -> None:
        if self.is_gone:
            return
        self.kill()
        self._read_the_rest()
        self.is_gone = True
        code = self._process.poll()
        self._close()
        errand, self._errand = self._errand, None
        if errand is not None and not errand.end.done():
            died = Died(code=-signal.SIGKILL if code is None else code, complaint=self._complaint)
            errand.end.set_result(died)
        self._on_gone(self)

    def _read_the_rest(self) -> None:
        if self._complaint is None:
            for _ in range(_MOST_READS):
                data = self._read(self._socket.recv)
                if not data:
                    break
                self._take(data)
        for pipe in self._pipes:
            self._drain(pipe)

    def _close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for descriptor in (*self._pipes, self._pidfd):
            if descriptor is not None:
                self._loop.remove_reader(descriptor)
                os.close(descriptor)
        self._warden.forget(self.group)


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or an old one
        return None


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")(errors="replace")


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"
