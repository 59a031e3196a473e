"""What a job starts: its argv, its working directory, and whether they are there at all.

The look before the start gives words that name the file; the start itself may still fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from callboard.domain.json import JsonObject
from callboard.domain.spec_limits import ResourceLimits, limits_of

SHELL: Final = "/bin/sh"
_PROBE_TIMEOUT_S: Final = 5.0


class CannotStart(Exception):
    """The command cannot be started; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command, as it is handed to the system."""

    argv: tuple[str, ...]
    cwd: str | None
    """None: the node's own working directory."""
    env: Mapping[str, str]
    stdin: bytes | None
    limits: ResourceLimits | None = None


def command_program(spec: JsonObject, env: Mapping[str, str]) -> Program:
    """The program of a command job, found and executable.

    Raises:
        CannotStart: it, or its working directory, is missing or not usable.
    """
    shell = cast("str | None", spec.get("shell"))
    argv = (SHELL, "-c", shell) if shell is not None else tuple(cast(Sequence[str], spec["argv"]))
    return found_program(argv, spec, env)


def found_program(argv: tuple[str, ...], spec: JsonObject, env: Mapping[str, str]) -> Program:
    """The program of that argv; the rest of it (cwd, stdin, limits) is in the spec.

    Raises:
        CannotStart: as command_program.
    """
    cwd = cast("str | None", spec.get("cwd"))
    stdin = cast("str | None", spec.get("stdin"))
    _check_directory(cwd)
    _check_executable(argv[0], cwd, env["PATH"])
    return Program(
        argv=argv,
        cwd=cwd,
        env=env,
        stdin=None if stdin is None else stdin.encode(),
        limits=limits_of(spec),
    )


def find_guard() -> tuple[str, ...]:
    """Words to put before an argv so that the process dies with the thread that started it.

    Linux's PR_SET_PDEATHSIG by util-linux's setpriv; empty where that is not to be had. It acts
    from the first instant on, but does not reach the command's children: they are the warden's.
    """
    path = shutil.which("setpriv") if sys.platform == "linux" else None
    if path is None:
        return ()
    guard = (path, "--pdeathsig", "KILL", "--")
    try:
        probe = subprocess.run(
            (*guard, "true"), capture_output=True, check=False, timeout=_PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return guard if probe.returncode == 0 else ()


def _check_directory(cwd: str | None) -> None:
    if cwd is None:
        return
    if not Path(cwd).is_dir():
        problem = "is not a directory" if Path(cwd).exists() else "does not exist"
        raise CannotStart(f"the working directory {cwd!r} {problem}")
    if not os.access(cwd, os.X_OK):
        raise CannotStart(f"the working directory {cwd!r} may not be entered")


def _check_executable(name: str, cwd: str | None, path: str) -> None:
    if "/" not in name:
        if shutil.which(name, path=path) is None:
            raise CannotStart(f"there is no program {name!r} in PATH ({path})")
        return
    file = Path(cwd or ".", name)
    if not file.exists():
        raise CannotStart(f"the program {name!r} does not exist")
    if not file.is_file() or not os.access(file, os.X_OK):
        raise CannotStart(f"the program {name!r} is not an executable file")
