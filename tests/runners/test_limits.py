"""Limits of command jobs, met by real programs; what the run's end says of them (A09, R02)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from callboard.domain.run import RunError, StopMode
from callboard.domain.spec_limits import ResourceLimits
from callboard.domain.states import RunState
from callboard.runners import resource_limits as limits_module
from callboard.runners.contract import Outcome
from callboard.runners.limit_signs import limit_hint
from callboard.runners.resource_limits import bounds_of, limit_words
from runners.rig import Rig, command_job, eventually

SPIN = "while :; do :; done"


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def limited(rig: Rig, *argv: str, limits: dict[str, Any], **spec: Any) -> RunError:
    outcome, _ = await rig.execute(command_job(*argv, limits=limits, **spec))
    return failure(outcome)


def bearing(mark: str) -> list[str]:
    """Processes whose environment holds the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


async def test_processor_time_is_limited(rig: Rig) -> None:
    error = await limited(rig, shell=f"exec sh -c '{SPIN}'", limits={"cpu_s": 1})
    assert (error.type, error.exit_code) == ("CpuLimit", 128 + signal.SIGXCPU)
    assert "1 s of processor time" in error.message


async def test_a_childs_processor_time_shows_through_its_shell() -> None:
    """A shell says 128 + signal of a child; the type is the same."""
    from callboard.runners.program_end import End, outcome_of

    end = End(code=128 + signal.SIGXCPU, stderr="", limits=ResourceLimits(cpu_s=1))
    assert failure(outcome_of(end, None)).type == "CpuLimit"


async def test_without_a_limit_the_same_signal_is_only_a_signal() -> None:
    from callboard.runners.program_end import End, outcome_of

    assert failure(outcome_of(End(code=-signal.SIGXCPU, stderr=""), None)).type == "CommandKilled"


async def test_memory_is_limited_and_the_message_says_what_may_be_the_reason(rig: Rig) -> None:
    code = "x = bytearray(300_000_000)"
    error = await limited(rig, *python(code), limits={"memory_mb": 100})
    assert (error.type, error.exit_code) == ("CommandFailed", 1)
    assert error.message.startswith("exit code 1 (its limit of 100 MB of memory may be the reason)")
    assert "MemoryError" in error.message


async def test_enough_memory_is_enough(rig: Rig) -> None:
    code = "x = bytearray(30_000_000)"
    outcome, _ = await rig.execute(command_job(*python(code), limits={"memory_mb": 100}))
    assert outcome.state is RunState.SUCCEEDED


async def test_open_files_are_limited(rig: Rig) -> None:
    code = "files = [open('/dev/null') for _ in range(100)]"
    error = await limited(rig, *python(code), limits={"open_files": 20})
    assert "its limit of 20 open files may be the reason" in error.message


async def test_the_size_of_a_file_is_limited(rig: Rig, tmp_path: Path) -> None:
    shell = "exec head -c 2000000 /dev/zero > big"
    error = await limited(rig, shell=shell, cwd=str(tmp_path), limits={"file_mb": 1})
    assert (error.type, error.exit_code) == ("FileLimit", 128 + signal.SIGXFSZ)
    assert (tmp_path / "big").stat().st_size == 1_048_576


async def test_a_program_cannot_raise_its_limits(rig: Rig) -> None:
    shell = "ulimit -t; ulimit -Ht; ulimit -n"
    job = command_job(shell=shell, limits={"cpu_s": 7, "open_files": 30})
    assert (await rig.execute(job))[1].texts() == ["7", "12", "30"]


async def test_a_fork_bomb_ends_within_seconds_and_nothing_is_left_of_it(rig: Rig) -> None:
    """At most 200 sleeping children in a group of their own."""
    shell = "i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done; wait"
    error = await limited(rig, shell=shell, limits={"processes": 20}, env={"BOMB": "group"})
    assert error.type == "ProcessLimit"
    assert "its limit is 20: all of them were killed" in error.message
    await eventually(lambda: bearing("BOMB=group") == [])


async def test_a_bomb_whose_first_process_ends_at_once_is_met_as_well(rig: Rig) -> None:
    shell = "i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i+1)); done"
    error = await limited(rig, shell=shell, limits={"processes": 20}, env={"BOMB": "orphans"})
    assert error.type == "ProcessLimit"
    await eventually(lambda: bearing("BOMB=orphans") == [])


async def test_a_bomb_of_daemons_is_killed_though_each_has_a_session_of_its_own(rig: Rig) -> None:
    shell = "i=0; while [ $i -lt 60 ]; do setsid sleep 100 & i=$((i+1)); done; wait"
    error = await limited(rig, shell=shell, limits={"processes": 20}, env={"BOMB": "daemons"})
    assert error.type == "ProcessLimit"
    await eventually(lambda: bearing("BOMB=daemons") == [])


async def test_few_enough_processes_are_no_matter(rig: Rig) -> None:
    job = command_job(shell="sleep 0.3 & sleep 0.3 & wait", limits={"processes": 20})
    assert (await rig.execute(job))[0].state is RunState.SUCCEEDED


async def test_a_limited_program_is_stopped_as_any_other(rig: Rig) -> None:
    limits = {"processes": 20, "cpu_s": 100}
    attempt = rig.begin(command_job(shell="echo ready; sleep 1000", limits=limits))
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_limits_of_a_program_that_is_not_there_do_not_hide_that(rig: Rig) -> None:
    error = await limited(rig, "no-such-program", limits={"cpu_s": 1})
    assert error.type == "CommandNotStarted"


async def test_without_prlimit_a_small_program_of_ours_sets_them(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "_find_prlimit", lambda: None)
    assert limit_words(ResourceLimits(cpu_s=7))[0] == sys.executable
    job = command_job(shell="ulimit -t; ulimit -n", limits={"cpu_s": 7, "open_files": 30})
    assert (await rig.execute(job))[1].texts() == ["7", "30"]


def test_the_small_program_says_what_it_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "_find_prlimit", lambda: None)
    words = limit_words(ResourceLimits(cpu_s=7))
    done = subprocess.run((*words, "/etc/passwd"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (126, "/etc/passwd: Permission denied\n")


def test_no_limits_need_no_words() -> None:
    assert limit_words(None) == limit_words(ResourceLimits()) == ()


def test_a_limit_is_never_above_the_nodes_own() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        assert bounds_of(ResourceLimits(open_files=hard + 1)) == {"nofile": (hard, hard)}


def test_the_belt_against_fork_bombs_leaves_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("nproc" in bounds_of(ResourceLimits(processes=20))) is (os.geteuid() != 0)
    user = os.geteuid()
    monkeypatch.setattr(limits_module, "_tasks_of_user", lambda: 100)
    monkeypatch.setattr(os, "geteuid", lambda: user or 1)
    assert bounds_of(ResourceLimits(processes=20))["nproc"][0] == 4_196


def test_applied_limits_hold_for_the_process_itself() -> None:
    code = (
        "import resource; from callboard.domain.spec_limits import ResourceLimits;"
        "from callboard.runners.resource_limits import apply; apply(ResourceLimits(open_files=40));"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(python(code), capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "(40, 40)\n"


@pytest.mark.parametrize(
    ("limits", "code", "said", "words"),
    [
        ({"memory_mb": 5}, -signal.SIGSEGV, "", "5 MB of memory"),
        ({"memory_mb": 5}, 1, "std::bad_alloc", "5 MB of memory"),
        ({"memory_mb": 5}, 1, "other", ""),
        ({"cpu_s": 5}, -signal.SIGKILL, "", "5 s of processor time"),
        ({"file_mb": 5}, 1, "OSError: [Errno 27] File too large", "5 MB a file"),
        ({"processes": 9}, 2, "sh: 1: Cannot fork", "9 processes"),
        ({"open_files": 9}, 1, "Too many open files", "9 open files"),
        ({}, 1, "MemoryError", ""),
    ],
)
def test_a_hint_needs_a_limit_and_a_sign(
    limits: dict[str, int], code: int, said: str, words: str
) -> None:
    hint = limit_hint(ResourceLimits(**limits), code, said)
    assert (words in hint) if words else hint == ""
