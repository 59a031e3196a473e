"""Results that programs write to the file that CALLBOARD_RESULT_FILE names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from callboard.clock import SystemClock
from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.runners.command import CommandRunner
from callboard.runners.contract import Outcome, Runners
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.program_host import ProgramHost
from callboard.runners.result import HEAD_CHARACTERS, MAX_RESULT_BYTES, TRUNCATED
from callboard.runners.workplace import Workplace
from runners.rig import Rig, command_job

FILE = '"$CALLBOARD_RESULT_FILE"'


async def outcome_of(rig: Rig, shell: str) -> Outcome:
    return (await rig.execute(command_job(shell=shell)))[0]


def is_there(path: Path) -> bool:
    return path.exists()


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


@pytest.mark.parametrize(
    ("written", "result"),
    [('{"rows": 3, "name": "č"}', {"rows": 3, "name": "č"}), ("[1]", [1]), ("7\n", 7)],
)
async def test_what_a_program_writes_there_is_the_runs_result(
    rig: Rig, written: str, result: Json
) -> None:
    outcome = await outcome_of(rig, f"echo '{written}' > {FILE}")
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, result)


@pytest.mark.parametrize("shell", ["true", f": > {FILE}", f"echo > {FILE}"])
async def test_nothing_written_leaves_the_exit_code(rig: Rig, shell: str) -> None:
    assert (await outcome_of(rig, shell)).result == {"exit_code": 0}


@pytest.mark.parametrize(
    "written", ["{", "nan", "{'a': 1}", r"\0377\0376", '"\\\\u0000"', "[" * 100 + "]" * 100]
)
async def test_what_is_not_json_fails_the_run(rig: Rig, written: str) -> None:
    error = failure(await outcome_of(rig, f"printf '{written}' > {FILE}"))
    assert (error.type, error.exit_code) == ("ResultNotJson", 0)


@pytest.mark.parametrize(
    ("shell", "size", "first"),
    [
        (f"truncate -s 1G {FILE}", 2**30, "\ufffd"),
        (
            f"head -c {MAX_RESULT_BYTES + 10} /dev/zero | tr '\\0' 1 > {FILE}",
            MAX_RESULT_BYTES + 10,
            "1",
        ),
    ],
)
async def test_a_huge_result_is_cut_and_never_read_whole(
    rig: Rig, shell: str, size: int, first: str
) -> None:
    """R05: the first file is sparse, a gigabyte by its size."""
    outcome = await outcome_of(rig, shell)
    cut = {"bytes": size, "limit": MAX_RESULT_BYTES, "head": first * HEAD_CHARACTERS}
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, {TRUNCATED: cut})


@pytest.mark.parametrize("shell", [f"mkfifo {FILE}", f"mkdir {FILE}", f"ln -s /etc/passwd {FILE}"])
async def test_what_is_no_file_is_not_followed_or_waited_for(rig: Rig, shell: str) -> None:
    assert failure(await outcome_of(rig, shell)).type == "ResultNotJson"


async def test_the_result_of_a_failure_is_its_error(rig: Rig) -> None:
    outcome = await outcome_of(rig, f"echo 1 > {FILE}; exit 3")
    assert (failure(outcome).exit_code, outcome.result) == (3, None)


async def test_nothing_is_left_in_the_workplace(rig: Rig) -> None:
    _, attempt = await rig.execute(command_job(shell=f"echo 1 > {FILE}; echo {FILE}"))
    file = Path(attempt.texts()[0])
    assert [is_there(path) for path in (file.parent, file)] == [True, False]
    rig.runners.close()
    assert not is_there(file.parent)


async def test_where_no_directory_can_be_made_commands_run_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Workplace, "open", lambda self: None)
    runner = CommandRunner(ProgramHost(clock=SystemClock(), environ=os.environ))
    rig = Rig(Runners([runner]), HandlerRegistry(), SystemClock())
    _, attempt = await rig.execute(command_job(shell="echo ${CALLBOARD_RESULT_FILE-none}"))
    runner.close()
    assert attempt.texts() == ["none"]
