"""Tables for people on a terminal, plain text elsewhere."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from pathlib import Path

from service.cli.conftest import Callboard
from service.cli.processes import COMMAND, ServiceProcess, plain_environment

Make = Callable[..., str]


def on_terminal(argv: tuple[str, ...], env: dict[str, str]) -> str:
    """What a command writes to a terminal of 100 columns; it has to end with 0."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, {**plain_environment(), **env, "COLUMNS": "100", "TERM": "xterm"})
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:
        pass  # how Linux says that the other side was closed
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, written.decode()
    return written.decode()


def test_a_terminal_gets_colours_and_a_frame(
    callboard: Callboard, make_job: Make, service: ServiceProcess
) -> None:
    job = make_job("exit 5")
    callboard("start", job, "--wait")
    written = on_terminal(
        (*COMMAND, "runs", "list", "--job", job), {"CALLBOARD_URL": service.url, "TZ": "UTC"}
    )
    assert "\x1b[31mfailed" in written
    assert "────" in written
    assert job in written


def test_names_cannot_play_with_the_terminal(callboard: Callboard, make_job: Make) -> None:
    job = make_job("printf '\\033[2Jgone' >&2; exit 1")
    callboard("start", job, "--wait")
    assert "\x1b" not in callboard("runs", "list", "--job", job).out


def test_a_long_import_shows_its_progress_on_a_terminal_only(
    callboard: Callboard, service: ServiceProcess, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "crontab"
    file.write_text("".join(f"# name: {name}-{i}\n{i} 3 * * * true\n" for i in range(40)))
    words = ("import", "crontab", str(file), "-g", name)
    written = on_terminal((*COMMAND, *words), {"CALLBOARD_URL": service.url})
    assert "importing" in written
    assert "100%" in written
    assert "importing" not in callboard(*words).err
