"""How worker processes are started: their command, environment, socket and pipes.

Its environment is the node's own without the variables CALLBOARD_*: they tell a node where its
database is and with which password, which a handler has no need to know. CALLBOARD_EXECUTION marks
what came from the worker.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from callboard.clock import Clock
from callboard.errors import CallboardError
from callboard.runners.family import MARK
from callboard.runners.warden import GroupWarden

MODULE: Final = "callboard.runners.worker"
_SECRETIVE: Final = "CALLBOARD_"


class WorkerNotStarted(CallboardError):
    """The system gives no process for a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How workers are started."""

    environ: Mapping[str, str]
    """The node's variables."""
    guard: tuple[str, ...]
    """From `find_guard`."""
    mark: str
    """With a number after it, it is in the environment of one worker and what came from it."""
    warden: GroupWarden
    """Ends workers and what they started when the node is killed; closed with the pool."""
    clock: Clock
    """One that moves with the machine's time, as processes do."""


def start_of_workers(*, environ: Mapping[str, str], guard: tuple[str, ...], clock: Clock) -> Start:
    """With a warden that finds the workers of this start, and no others."""
    mark = f"{os.getpid()}.{int(clock.monotonic() * 1e9)}.worker."
    warden = GroupWarden(mark=f"{MARK}={mark}")
    return Start(environ=environ, guard=guard, mark=mark, warden=warden, clock=clock)


def worker_environ(environ: Mapping[str, str], mark: str) -> dict[str, str]:
    """The variables that a worker gets."""
    own = {name: value for name, value in environ.items() if not name.startswith(_SECRETIVE)}
    path = os.pathsep.join(path or os.curdir for path in sys.path)
    return {**own, MARK: mark, "PYTHONPATH": path}


def spawn(start: Start, mark: str) -> tuple[socket.socket, dict[int, str], subprocess.Popen[bytes]]:
    """The socket, the pipes of stdout and stderr by descriptor, and the process."""
    ours, theirs, out, err = _open_lines()
    pipes = {out[0]: "stdout", err[0]: "stderr"}
    try:
        process = subprocess.Popen(
            (*start.guard, sys.executable, "-P", "-m", MODULE, str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            stdout=out[1],
            stderr=err[1],
            pass_fds=(theirs.fileno(),),
            env=worker_environ(start.environ, mark),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        ours.close()
        for pipe in pipes:
            os.close(pipe)
        raise _not_started(error) from error
    finally:
        theirs.close()
        os.close(out[1])
        os.close(err[1])
    ours.setblocking(False)
    for pipe in pipes:
        os.set_blocking(pipe, False)
    return ours, pipes, process


def _open_lines() -> tuple[socket.socket, socket.socket, tuple[int, int], tuple[int, int]]:
    """A pair of sockets, and two pipes."""
    with ExitStack() as opened:
        try:
            ours, theirs = socket.socketpair()
            opened.callback(ours.close)
            opened.callback(theirs.close)
            out = os.pipe()
            opened.callback(os.close, out[0])
            opened.callback(os.close, out[1])
            err = os.pipe()
        except OSError as error:
            raise _not_started(error) from error
        opened.pop_all()
        return ours, theirs, out, err


def _not_started(error: OSError | ValueError) -> WorkerNotStarted:
    reason = error.strerror if isinstance(error, OSError) else None
    return WorkerNotStarted(f"no worker process: {reason or error}")
