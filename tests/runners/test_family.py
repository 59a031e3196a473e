"""The family of a process: who belongs to it, wherever it went."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callboard.runners.family import MARK, Family

Start = Callable[[str], Family]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a shell line that prints `ready` when its processes are there."""
    started: list[tuple[subprocess.Popen[bytes], Family]] = []

    def start(line: str) -> Family:
        mark = f"a-test.{os.getpid()}.{len(started)}"
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            env={"PATH": os.defpath, MARK: mark},
            start_new_session=True,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        family = Family(process.pid, mark)
        started.append((process, family))
        assert process.stdout.readline() == b"ready\n"
        return family

    yield start
    for process, family in started:
        while family.kill():
            pass
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_children_are_members(start: Start) -> None:
    family = start("sleep 100 & sleep 100 & echo ready; wait")
    assert len(family.living()) == 3
    assert {member.group for member in family.living()} == {family.leader}


def test_a_child_with_a_group_of_its_own_is_one(start: Start) -> None:
    """As job control does with every child."""
    code = "import os, time; os.setpgid(0, 0); print('ready', flush=True); time.sleep(100)"
    family = start(f'{sys.executable} -c "{code}" & wait')
    groups = {member.group for member in family.living()}
    assert family.leader in groups
    assert len(groups) == 2


def test_a_daemon_is_one_when_all_its_parents_have_ended(start: Start) -> None:
    family = start("setsid sh -c 'sleep 100 & echo ready'")
    while len(family.living()) > 1:  # the shells end a moment later
        pass
    (daemon,) = family.living()
    assert daemon.session != family.leader
    assert family.kill() == 1
    while family.living():
        pass


def test_a_child_without_the_mark_is_one_as_long_as_its_parent_lives(start: Start) -> None:
    family = start("env -i setsid sleep 100 & sleep 100 & echo ready; wait")
    # The child sets out from the shell's own session.
    while {member.session for member in family.living()} == {family.leader}:
        pass
    assert len(family.living()) == 3


def test_others_are_none(start: Start) -> None:
    first, second = start("echo ready; sleep 100"), start("echo ready; sleep 100")
    assert not set(first.living()) & set(second.living())
    assert os.getpid() not in {member.pid for member in first.living()}


def test_one_that_has_ended_has_no_members(start: Start) -> None:
    family = start("echo ready; sleep 100")
    while family.kill():
        pass
    assert family.living() == ()


def test_without_proc_the_group_is_all_that_is_known(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = start("echo ready; sleep 100")
    with monkeypatch.context() as patch:
        patch.setattr("callboard.runners.family._PROC", tmp_path / "none")
        assert [member.pid for member in family.living()] == [family.leader]


def test_looks_in_quick_succession_see_who_came_and_who_went(start: Start, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    until_seen = f"while [ ! -e {seen} ]; do sleep 0.02; done"
    family = start(f"sleep 100 & echo ready; {until_seen}; kill $!; wait; setsid sleep 100; :")
    first = family.living(soon=True)
    seen.touch()
    assert family.leader in {member.pid for member in first}
    gone = {member for member in first if member.pid != family.leader}
    while any(member in gone for member in family.living(soon=True)):
        pass
    while all(member.session == family.leader for member in family.living(soon=True)):
        pass
    assert set(family.living(soon=True)) == set(family.living())


def test_where_the_last_id_is_a_strangers_every_look_is_a_whole_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers with a load average of their host."""
    monkeypatch.setattr("callboard.runners.family._last_pid", lambda: 4_000_000)
    family = start("echo ready; sleep 0.1; sleep 100; :")
    family.living(soon=True)
    while family.leader not in {member.parent for member in family.living(soon=True)}:
        pass
