"""The lock that elects the owner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.store.embedded.election import Election
from callboard.store.embedded.faults import DirectoryUnusable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "owner.lock"


@pytest.fixture
def winner(path: Path) -> Iterator[Election]:
    election = Election(path)
    assert election.try_win()
    yield election
    election.resign()


def test_only_one_wins(winner: Election, path: Path) -> None:
    other = Election(path)
    assert not other.try_win()
    assert (winner.is_won, other.is_won) == (True, False)


def test_winning_again_is_harmless(winner: Election) -> None:
    assert winner.try_win()


def test_another_wins_after_a_resignation(winner: Election, path: Path) -> None:
    winner.resign()
    winner.resign()
    other = Election(path)
    assert other.try_win()
    other.resign()


def test_the_winner_is_named_to_people(winner: Election, path: Path) -> None:
    assert Election(path).holder() == os.getpid()


def test_nobody_is_named_before_the_first_election(path: Path) -> None:
    assert Election(path).holder() is None


def test_a_replaced_lock_file_elects_no_second_owner_by_the_old_one(
    winner: Election, path: Path
) -> None:
    path.unlink()
    other = Election(path)
    assert other.try_win()
    assert not Election(path).try_win()
    other.resign()


def test_a_link_in_the_locks_place_is_refused(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryUnusable, match="lock file cannot be written"):
        Election(path).try_win()


def test_a_started_program_does_not_inherit_the_lock(winner: Election, path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], close_fds=False) as heir:
        winner.resign()
        other = Election(path)
        try:
            assert other.try_win()
        finally:
            other.resign()
            heir.kill()


def test_a_forked_child_is_not_the_owner_and_cannot_resign_for_it(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORK, path], check=False)
    assert done.returncode == 0


FORK = """
import os, sys
from pathlib import Path
from callboard.store.embedded.election import Election

election = Election(Path(sys.argv[1]))
assert election.try_win()
child = os.fork()
if child == 0:
    wrong = election.is_won or election.try_win()
    election.resign()
    os._exit(int(wrong))
assert os.waitpid(child, 0)[1] == 0
assert election.is_won
assert not Election(Path(sys.argv[1])).try_win()
"""
