"""The warden, alone: what it kills when its pipe ends, and what not."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.runners.warden import GroupWarden

Sleepers = list[subprocess.Popen[bytes]]


@pytest.fixture
def sleepers() -> Iterator[Sleepers]:
    """Three processes, each in a group of its own."""
    started = [subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(3)]
    yield started
    for process in started:
        process.kill()
        process.wait()


def warden_of(sleepers: Sleepers) -> GroupWarden:
    warden = GroupWarden()
    for process in sleepers:
        warden.watch(process.pid)
    return warden


def test_it_kills_the_groups_that_were_not_forgotten(sleepers: Sleepers) -> None:
    warden = warden_of(sleepers)
    warden.forget(sleepers[1].pid)
    warden.close()
    assert [sleepers[index].wait(10) for index in (0, 2)] == [-signal.SIGKILL] * 2
    assert sleepers[1].poll() is None


def test_a_group_may_be_forgotten_twice_or_never_known(sleepers: Sleepers) -> None:
    warden = warden_of(sleepers[:2])
    for _ in range(2):
        warden.forget(sleepers[0].pid)
    warden.forget(sleepers[2].pid)
    warden.close()
    sleepers[1].wait(10)
    assert [sleepers[index].poll() for index in (0, 2)] == [None, None]


def test_one_that_was_killed_is_replaced_and_told_of_all(sleepers: Sleepers) -> None:
    warden = warden_of(sleepers[:1])
    shell = warden._shell
    assert shell is not None
    os.kill(shell.pid, signal.SIGKILL)
    shell.wait()
    for process in sleepers[1:]:
        warden.watch(process.pid)
    warden.close()
    assert [process.wait(10) for process in sleepers] == [-signal.SIGKILL] * 3


def test_without_a_command_there_is_none() -> None:
    warden = GroupWarden()
    warden.forget(1)
    warden.close()
    assert warden._shell is None


def test_it_kills_what_bears_the_mark_in_whatever_group_and_removes_the_folder(
    sleepers: Sleepers, tmp_path: Path
) -> None:
    folder = tmp_path / "work place"
    folder.mkdir()
    (folder / "script.py").touch()
    mark = f"CALLBOARD_EXECUTION={os.getpid()}.1."
    name, _, value = mark.partition("=")
    marked = subprocess.Popen(
        ["sleep", "1000"], start_new_session=True, env={**os.environ, name: f"{value}7"}
    )
    warden = GroupWarden(mark=mark, folder=str(folder))
    warden.watch(sleepers[0].pid)
    warden.close()
    assert [process.wait(10) for process in (sleepers[0], marked)] == [-signal.SIGKILL] * 2
    assert sleepers[1].poll() is None
    assert not folder.exists()
