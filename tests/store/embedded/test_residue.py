"""Telling a living server from what a dead one left."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callboard.store.embedded import residue
from callboard.store.embedded.residue import (
    PidFile,
    end_orphans,
    is_server,
    live_postmaster,
    read_pid_file,
)
from store.embedded.processes import wait_until


@contextmanager
def process(program: Path, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([program, "600"], cwd=cwd) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "pgdata").mkdir()
    return tmp_path / "pgdata"


@pytest.fixture
def postgres(tmp_path: Path) -> Path:
    """A program that only sleeps, but is called postgres."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    return Path(shutil.copy(sleep, tmp_path / "postgres"))


def write_pid_file(data: Path, *lines: object) -> None:
    (data / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))


def test_a_process_of_that_name_in_the_data_directory_is_a_server(
    data: Path, postgres: Path
) -> None:
    with process(postgres, data) as running:
        assert is_server(running.pid, data)


def test_a_server_on_other_data_is_a_stranger(data: Path, postgres: Path, tmp_path: Path) -> None:
    with process(postgres, tmp_path) as running:
        assert not is_server(running.pid, data)


def test_a_shell_in_the_data_directory_is_a_stranger(data: Path) -> None:
    with process(Path("sleep"), data) as running:
        assert not is_server(running.pid, data)


def test_a_zombie_is_dead(data: Path, postgres: Path) -> None:
    with process(postgres, data) as running:
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        assert not is_server(running.pid, data)


def test_a_number_that_nobody_has_is_dead(data: Path) -> None:
    assert not is_server(2**22 + 1, data)


def test_without_proc_the_process_table_is_asked(
    data: Path, postgres: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(residue, "PROC", tmp_path / "no proc here")
    with process(postgres, data) as running:
        assert is_server(running.pid, data)
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        assert not is_server(running.pid, data)
    with process(Path("sleep"), data) as running:
        assert not is_server(running.pid, data)


def test_without_proc_no_orphans_are_known(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(residue, "PROC", tmp_path / "no proc here")
    assert end_orphans(data, force=True) == 0


def test_orphans_are_counted_and_ended_and_others_spared(
    data: Path, postgres: Path, tmp_path: Path
) -> None:
    with process(postgres, data) as orphan, process(postgres, tmp_path) as stranger:
        assert end_orphans(data, force=False) == 1
        wait_until(lambda: orphan.poll() is not None, "the orphan ends")
        assert stranger.poll() is None


def test_an_orphan_that_does_not_listen_is_forced(data: Path) -> None:
    deaf = Path(shutil.copy(shutil.which("bash") or "/bin/sh", data.parent / "postgres"))
    script = "trap '' QUIT; echo ready; read held"
    with subprocess.Popen(
        [deaf, "-c", script], cwd=data, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        assert end_orphans(data, force=False) == 1
        assert end_orphans(data, force=True) == 1
        assert orphan.wait() == -9


def test_no_pid_file_means_no_server(data: Path) -> None:
    assert read_pid_file(data) is None
    assert live_postmaster(data) is None


def test_a_pid_file_is_read(data: Path) -> None:
    write_pid_file(data, 4711, data, 1700000000, 5432, "/run/so cket", "", "  1 2", "ready")
    assert read_pid_file(data) == PidFile(
        pid=4711, is_single_user=False, socket_directory="/run/so cket", is_ready=True
    )


def test_a_pid_file_of_single_user_mode_is_read(data: Path) -> None:
    write_pid_file(data, -4711, data, 1700000000, 0)
    assert read_pid_file(data) == PidFile(
        pid=4711, is_single_user=True, socket_directory="", is_ready=False
    )


def test_a_server_that_still_recovers_is_not_ready(data: Path) -> None:
    write_pid_file(data, 4711, data, 1700000000, 5432, "/run", "", "  1 2", "starting")
    written = read_pid_file(data)
    assert written is not None
    assert not written.is_ready


@pytest.mark.parametrize("text", ["", "\n", "garbage\n"])
def test_a_torn_pid_file_names_nobody(data: Path, text: str) -> None:
    (data / "postmaster.pid").write_text(text)
    assert read_pid_file(data) is None
