"""Resource limits of a process: for this one, or as words before the argv of another.

A limit is set soft and hard, so a program cannot raise it; it is never higher than what this
process may have itself. The number of processes is counted by whoever watches the run
(`family.py`), because the system's own limit counts all processes and threads of a user, and does
not bind root. Where it does bind, it is set far above what is there now: it keeps a fork bomb from
filling the machine until the count has seen it.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Final

from callboard.domain.spec_limits import ResourceLimits

CPU_GRACE_S: Final = 5
"""Seconds of processor time between SIGXCPU and SIGKILL."""
BELT: Final = 4_096
"""Processes and threads that the node's user may have beyond the present ones, at the least."""
BELT_PER_PROCESS: Final = 4
_MB: Final = 1_048_576
_PROC: Final = Path("/proc")
_LAUNCH: Final = Path(__file__).with_name("launch.py")


def apply(limits: ResourceLimits) -> None:
    """Limit this process, for good, and what it will start.

    Raises:
        OSError, ValueError: the system does not let it.
    """
    from callboard.runners.launch import set_bounds

    set_bounds(bounds_of(limits))


def limit_words(limits: ResourceLimits | None) -> tuple[str, ...]:
    """Words to put before an argv, so that the program runs under the limits; may be empty.

    Raises:
        OSError: this system has nothing to set them with.
    """
    bounds = bounds_of(limits) if limits is not None else {}
    if not bounds:
        return ()
    pairs = tuple(f"{name}={soft}:{hard}" for name, (soft, hard) in bounds.items())
    prlimit = _find_prlimit()
    if prlimit is not None:
        return (prlimit, *(f"--{pair}" for pair in pairs), "--")
    if not sys.executable:
        raise OSError("limits need util-linux's prlimit, or a Python to start")
    return (sys.executable, "-I", "-S", str(_LAUNCH), *pairs, "--")


def bounds_of(limits: ResourceLimits) -> dict[str, tuple[int, int]]:
    """The soft and hard bounds by the name that `prlimit` has for the resource."""
    wanted: dict[str, tuple[int, int]] = {}
    if limits.cpu_s is not None:
        wanted["cpu"] = (limits.cpu_s, limits.cpu_s + CPU_GRACE_S)
    if limits.memory_mb is not None:
        wanted["data"] = (limits.memory_mb * _MB, limits.memory_mb * _MB)
    if limits.open_files is not None:
        wanted["nofile"] = (limits.open_files, limits.open_files)
    if limits.file_mb is not None:
        wanted["fsize"] = (limits.file_mb * _MB, limits.file_mb * _MB)
    if limits.processes is not None and os.geteuid() != 0:
        belt = _tasks_of_user() + max(BELT, BELT_PER_PROCESS * limits.processes)
        wanted["nproc"] = (belt, belt)
    return {name: _within_ours(name, *bound) for name, bound in wanted.items()}


def _within_ours(name: str, soft: int, hard: int) -> tuple[int, int]:
    import resource  # not on Windows, where a board runs without commands

    from callboard.runners.launch import RESOURCES

    _, ours = resource.getrlimit(RESOURCES[name])
    if ours == resource.RLIM_INFINITY:
        return soft, hard
    return min(soft, ours), min(hard, ours)


def _tasks_of_user() -> int:
    """Processes and threads of this process's user; those that cannot be seen do not count."""
    user, count = os.geteuid(), 0
    for process in _PROC.glob("[0-9]*/task"):
        try:
            if process.stat().st_uid == user:
                count += process.stat().st_nlink - 2
        except OSError:  # it has ended just now
            continue
    return count


@cache
def _find_prlimit() -> str | None:
    return shutil.which("prlimit") if sys.platform == "linux" else None
