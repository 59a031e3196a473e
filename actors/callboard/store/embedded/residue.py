"""What runs, or is left of, a server on a data directory.

`postmaster.pid` alone proves nothing: after a crash its process may be gone, a zombie, or a
stranger that got the same number. A server's processes are known by what they are called and by
their working directory, which is always the data directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_DEAD_STATES = ("Z", "X", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class PidFile:
    """The part of `postmaster.pid` that matters here."""

    pid: int
    is_single_user: bool
    """Somebody works on the data by hand, with `postgres --single`."""
    socket_directory: str
    """Empty while the server has not come so far, and when it listens on no socket."""
    is_ready: bool
    """It said that it takes connections; to ask one that still recovers fills its log."""


def read_pid_file(data: Path) -> PidFile | None:
    """What the last server wrote into `data`; None when it ended in order."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="surrogateescape").split("\n")
    except FileNotFoundError:
        return None
    try:
        # A server in single-user mode writes its number negative.
        pid = int(lines[0])
    except ValueError:
        return None
    return PidFile(
        pid=abs(pid),
        is_single_user=pid < 0,
        socket_directory=lines[4] if len(lines) > 5 else "",
        is_ready=len(lines) > 7 and lines[7].strip() == "ready",
    )


def is_server(pid: int, data: Path) -> bool:
    """Whether `pid` is a living process of a server on `data`."""
    if (PROC / "self" / "stat").exists():
        return _is_server_by_proc(pid, data)
    return _is_server_by_ps(pid)


def live_postmaster(data: Path) -> PidFile | None:
    """The postmaster that runs on `data` now, whoever started it."""
    written = read_pid_file(data)
    return written if written is not None and is_server(written.pid, data) else None


def end_orphans(data: Path, *, force: bool) -> int:
    """Ends the backends whose postmaster was killed; how many there were.

    A backend in the middle of a long computation does not notice at once that its postmaster is
    gone, and as long as it lives no new server may start. Call it only as the elected owner, and
    only when no postmaster lives. `force` is for those who did not heed the first call.
    """
    orphans = list(_server_processes(data))
    for pid in orphans:
        try:
            os.kill(pid, signal.SIGKILL if force else signal.SIGQUIT)
        except ProcessLookupError:
            pass
    return len(orphans)


def _server_processes(data: Path) -> Iterator[int]:
    """Living processes of a server on `data`; none where there is no /proc."""
    if not (PROC / "self" / "stat").exists():
        return
    for entry in os.listdir(PROC):
        if entry.isdigit() and _is_server_by_proc(int(entry), data):
            yield int(entry)


def _is_server_by_proc(pid: int, data: Path) -> bool:
    try:
        status = (PROC / str(pid) / "stat").read_text(errors="replace")
        name, state = status[status.index("(") + 1 : status.rindex(")")], status.rsplit(")", 1)[1]
        if not name.startswith(("postgres", "postmaster")) or state.split()[0] in _DEAD_STATES:
            return False
        return os.path.samestat((PROC / str(pid) / "cwd").stat(), data.stat())
    except OSError:
        # Gone meanwhile, or of another user: a server's processes belong to the data's owner.
        return False


def _is_server_by_ps(pid: int) -> bool:
    done = subprocess.run(
        ["ps", "-o", "stat=,comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, name = done.stdout.strip().partition(" ")
    is_named = os.path.basename(name.strip()).startswith(("postgres", "postmaster"))
    return is_named and not state.startswith(_DEAD_STATES)
