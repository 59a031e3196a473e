"""Commands as processes: with real programs, signals and children (A09, A11)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callboard.clock import SystemClock
from callboard.domain.json import Json
from callboard.domain.run import RunError, StopMode
from callboard.domain.states import RunState
from callboard.runners.command import CommandRunner
from callboard.runners.contract import Outcome, Runners
from callboard.runners.file_threads import THREADS
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.program_host import ProgramHost
from runners.rig import DEADLINE_S, TRACE_ID, Rig, command_job, eventually, make_run, open_rig

READY_AND_ON = "echo ready; while :; do sleep 0.05; done"


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def is_alive(pid: int) -> bool:
    """Whether the process is there, and not only its zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def number_in(text: str) -> int:
    return int("".join(filter(str.isdigit, text)))


@pytest.fixture
def open_files() -> Callable[[], int]:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    return count


async def test_exit_code_0_succeeds(rig: Rig) -> None:
    outcome, attempt = await rig.execute(command_job("echo", "a b", "$HOME"))
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, {"exit_code": 0})
    assert attempt.texts("stdout") == ["a b $HOME"]


async def test_another_exit_code_fails_with_the_last_lines_of_stderr(rig: Rig) -> None:
    job = command_job(shell="seq 1 5000 >&2; echo out; exit 3")
    error = failure((await rig.execute(job))[0])
    assert error.exit_code == 3
    assert error.message.startswith("exit code 3: 4991\n")
    assert error.message.endswith("\n5000")


async def test_stdout_and_stderr_are_told_apart(rig: Rig) -> None:
    _, attempt = await rig.execute(command_job(shell="echo out; echo err >&2"))
    assert attempt.texts("stdout") == ["out"]
    assert attempt.texts("stderr") == ["err"]


async def test_only_shell_goes_through_a_shell(rig: Rig) -> None:
    _, attempt = await rig.execute(command_job(shell="echo $((1 + 1)) | tr 2 two"))
    assert attempt.texts() == ["t"]


async def test_a_program_killed_by_a_signal_says_which(rig: Rig) -> None:
    error = failure((await rig.execute(command_job(shell="kill -SEGV $$")))[0])
    assert (error.type, error.exit_code) == ("CommandKilled", 128 + signal.SIGSEGV)
    assert "SIGSEGV" in error.message


async def test_a_retry_policy_may_name_the_signal_or_all_failures(rig: Rig) -> None:
    outcome, _ = await rig.execute(command_job(shell="kill -TERM $$"))
    assert outcome.kinds == ("CommandFailed", "SIGTERM")


async def test_a_kill_that_was_not_ours_is_told_so(rig: Rig) -> None:
    """R02: mostly it is the system, when memory ran out."""
    error = failure((await rig.execute(command_job(shell="kill -KILL $$")))[0])
    assert (error.type, error.exit_code) == ("CommandKilled", 137)
    assert "not by Callboard" in error.message


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"argv": ["no-such-program-here"]}, "no program 'no-such-program-here' in PATH"),
        ({"argv": ["/no/such/program"]}, "'/no/such/program' does not exist"),
        ({"argv": ["/etc/passwd"]}, "'/etc/passwd' is not an executable file"),
        ({"argv": ["/tmp"]}, "'/tmp' is not an executable file"),
        ({"argv": ["true"], "cwd": "/no/such/place"}, "'/no/such/place' does not exist"),
        ({"argv": ["true"], "cwd": "/etc/passwd"}, "'/etc/passwd' is not a directory"),
        ({"argv": ["true", "x" * 200_000]}, "the longest part, argv[1], has 200000 characters"),
    ],
)
async def test_what_cannot_be_started_fails_with_the_reason(
    rig: Rig, spec: dict[str, Any], words: str
) -> None:
    rest = {name: value for name, value in spec.items() if name != "argv"}
    error = failure((await rig.execute(command_job(*spec["argv"], **rest)))[0])
    assert error.type == "CommandNotStarted"
    assert words in error.message


async def test_a_relative_program_is_looked_for_in_the_working_directory(
    rig: Rig, tmp_path: Path
) -> None:
    script = tmp_path / "hello"
    script.write_text("#!/bin/sh\necho hello from $PWD\n")
    script.chmod(0o755)
    _, attempt = await rig.execute(command_job("./hello", cwd=str(tmp_path)))
    assert attempt.texts() == [f"hello from {tmp_path}"]


async def test_stdin_is_the_specs_text(rig: Rig) -> None:
    text = "a line\n" * 200_000
    _, attempt = await rig.execute(command_job("wc", "-c", stdin=text))
    assert attempt.texts() == [str(len(text))]


async def test_without_stdin_there_is_nothing_to_read(rig: Rig) -> None:
    outcome, attempt = await rig.execute(command_job("cat"))
    assert outcome.state is RunState.SUCCEEDED
    assert attempt.texts() == []


async def test_a_program_that_does_not_read_its_stdin_may_end(rig: Rig) -> None:
    outcome, _ = await rig.execute(command_job("true", stdin="x" * 1_000_000))
    assert outcome.state is RunState.SUCCEEDED


async def test_it_gets_a_few_variables_of_the_node_and_no_secrets() -> None:
    clock = SystemClock()
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", "DATABASE_PASSWORD": "secret"}
    runner = CommandRunner(ProgramHost(clock=clock, environ=environ))
    rig = Rig(Runners([runner]), HandlerRegistry(), clock)
    _, attempt = await rig.execute(command_job("env", env={"OWN": "yes", "LC_ALL": "cs"}))
    runner.close()
    names = {text.partition("=")[0] for text in attempt.texts()}
    assert {"PATH", "LC_ALL", "OWN"} <= names
    assert "DATABASE_PASSWORD" not in names
    assert "LC_ALL=cs" in attempt.texts()


async def test_it_gets_the_runs_facts_and_arguments(rig: Rig) -> None:
    arguments: dict[str, Json] = {
        "source": "s3",
        "count": 3,
        "dry-run": True,
        "items": [1],
        "none": None,
    }
    attempt = rig.begin(command_job("env"), make_run(arguments, attempt=2))
    await attempt.outcome()
    env = dict(text.split("=", 1) for text in attempt.texts())
    assert json.loads(env["CALLBOARD_ARGUMENTS"]) == arguments
    assert {name: env[name] for name in env if name.startswith("CALLBOARD_ARG_")} == {
        "CALLBOARD_ARG_SOURCE": "s3",
        "CALLBOARD_ARG_COUNT": "3",
        "CALLBOARD_ARG_DRY_RUN": "true",
    }
    facts = ("CALLBOARD_RUN_ID", "CALLBOARD_JOB", "CALLBOARD_ATTEMPT")
    assert [env[name] for name in facts] == ["42", "a-job", "2"]
    assert env["TRACEPARENT"].startswith(f"00-{TRACE_ID}-")


async def test_arguments_that_no_variable_holds_are_in_a_file(rig: Rig) -> None:
    arguments: dict[str, Json] = {"text": "č" * 100_000, "count": 3}
    show = "cat $CALLBOARD_ARGUMENTS_FILE >&2; env | grep -o '^CALLBOARD_ARG.*=' | sort"
    outcome, attempt = await rig.execute(command_job(shell=f"{show}; exit 7"), arguments)
    assert failure(outcome).exit_code == 7
    assert attempt.texts("stdout") == ["CALLBOARD_ARGUMENTS_FILE=", "CALLBOARD_ARG_COUNT="]
    assert json.loads("".join(attempt.texts("stderr"))) == arguments


async def test_invalid_utf8_is_replaced_also_between_two_reads(rig: Rig) -> None:
    code = (
        "import sys, time; o = sys.stdout.buffer\n"
        "o.write('č'.encode()[:1]); o.flush(); time.sleep(0.05)\n"
        "o.write('č'.encode()[1:] + b'\\xff\\x00'); o.flush()"
    )
    _, attempt = await rig.execute(command_job(*python(code)))
    assert attempt.texts() == ["č\ufffd\ufffd"]


async def test_100_mb_of_output_pass_and_the_log_stays_small(rig: Rig) -> None:
    job = command_job(shell="yes 0123456789012345678901234567890123456789 | head -n 2500000")
    outcome, attempt = await rig.execute(job)
    assert outcome.state is RunState.SUCCEEDED
    kept = sum(len(text) + 1 for text in attempt.texts("stdout"))
    assert kept <= 1_048_576
    assert f"{102_500_000 - kept} bytes" in attempt.texts("log")[-1]


async def test_a_stop_ends_the_program_and_its_children(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell="sleep 1000 & echo child $!; wait"))
    await attempt.printed("child")
    child = number_in(attempt.texts()[0])
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert outcome.error is not None
    assert outcome.error.exit_code == 128 + signal.SIGTERM
    await eventually(lambda: not is_alive(child))


async def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell=f"trap '' TERM; {READY_AND_ON}"))
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, 0.1)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert outcome.error is not None
    assert outcome.error.exit_code == 128 + signal.SIGKILL


async def test_a_stop_by_kill_does_not_ask(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell=f"trap 'echo asked' TERM; {READY_AND_ON}"))
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.KILL, 30)
    await attempt.outcome()
    assert attempt.texts("stdout") == ["ready"]


async def test_one_that_exits_with_0_when_asked_has_succeeded(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell=f"trap 'exit 0' TERM; {READY_AND_ON}"))
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.SUCCEEDED


async def test_a_suspended_program_can_be_stopped(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell="echo $$; kill -STOP $$; sleep 1000"))
    await attempt.printed("")
    pid = number_in(attempt.texts()[0])
    await eventually(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "T")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_children_have_the_rest_of_the_grace_when_their_leader_is_gone(rig: Rig) -> None:
    cleaning = "sleep 0.1; echo cleaned up; exit"
    child = f"trap '{cleaning}' TERM; {READY_AND_ON}"
    attempt = rig.begin(command_job(shell=f'sh -c "{child}" & wait'))
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED
    assert "cleaned up" in attempt.texts()


async def test_a_child_that_holds_the_pipes_does_not_hold_the_run(rig: Rig) -> None:
    """The command is done; what it left running in its group is killed."""
    outcome, attempt = await rig.execute(command_job(shell="sleep 1000 & echo child $!"))
    assert outcome.state is RunState.SUCCEEDED
    await eventually(lambda: not is_alive(number_in(attempt.texts("stdout")[0])))
    assert "killed what the command left running" in attempt.texts("log")[0]


async def test_a_daemon_that_left_the_group_is_killed_with_the_command(rig: Rig) -> None:
    """It is found by the mark in its environment, though no parent of it is left."""
    shell = "setsid sh -c 'sleep 1000 & echo child $!' & wait"
    outcome, attempt = await rig.execute(command_job(shell=shell))
    assert outcome.state is RunState.SUCCEEDED
    await eventually(lambda: not is_alive(number_in(attempt.texts("stdout")[0])))


async def test_a_daemon_without_the_mark_is_left_alone(rig: Rig) -> None:
    shell = "env -u CALLBOARD_EXECUTION setsid sh -c 'sleep 1000 & echo child $!' & wait"
    outcome, attempt = await rig.execute(command_job(shell=shell))
    assert outcome.state is RunState.SUCCEEDED
    child = number_in(attempt.texts("stdout")[0])
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


async def test_output_of_a_child_that_ends_soon_after_is_kept(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.runners.program_host.LINGER_S", DEADLINE_S)  # "soon" is relative
    _, attempt = await rig.execute(command_job(shell="(sleep 0.1; echo later) & echo now"))
    assert attempt.texts() == ["now", "later"]


async def test_a_timeout_ends_it(rig: Rig) -> None:
    outcome, _ = await rig.execute(command_job("sleep", "1000", timeout_s=0.1))
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.exit_code) == ("TimedOut", 128 + signal.SIGTERM)


async def test_an_abandoned_attempt_kills_the_group(rig: Rig) -> None:
    attempt = rig.begin(command_job(shell="trap '' TERM; sleep 1000 & echo $$ $!; wait"))
    await attempt.printed("")
    pids = [int(pid) for pid in attempt.texts()[0].split()]
    await attempt.abandon()
    await eventually(lambda: not any(map(is_alive, pids)))


async def test_a_stop_while_it_is_being_started_ends_it(rig: Rig) -> None:
    attempt = rig.begin(command_job("sleep", "1000"))
    await asyncio.sleep(0)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_no_descriptor_thread_or_zombie_is_left(
    rig: Rig, open_files: Callable[[], int]
) -> None:
    before = children_of(os.getpid())  # the suite's own servers, say
    threads = threading.active_count()
    await rig.execute(command_job("true"))
    files = open_files()
    jobs = (
        command_job("cat", stdin="text"),
        command_job("false"),
        command_job("no-such-program"),
        command_job("true", "x" * 200_000),
        command_job(shell="sleep 1000 &"),
        command_job("sleep", "1000", timeout_s=0.05),
    )
    await asyncio.gather(*(rig.execute(job) for job in jobs))
    assert threading.active_count() <= threads + THREADS
    # Fewer: what earlier tests left may go meanwhile.
    await eventually(lambda: open_files() <= files)
    rig.runners.close()
    await eventually(lambda: threading.active_count() <= threads)
    assert children_of(os.getpid()) - before == set()


def children_of(pid: int) -> set[int]:
    """Process ids of its children, zombies included."""
    stats = (_stat(path) for path in Path("/proc").glob("[0-9]*/stat"))
    return {child for child, parent in stats if parent == pid}


def _stat(path: Path) -> tuple[int, int]:
    """Process and parent; the name between them may hold anything, a `)` too."""
    try:
        pid, _, rest = path.read_text().partition(" ")
    except OSError:
        return 0, 0
    return int(pid), int(rest.rpartition(")")[2].split()[1])


NODE = """
import asyncio, sys
sys.path[:0] = {path!r}
from runners.rig import command_job, open_rig

async def main():
    async with open_rig() as rig:
        attempt = rig.begin(command_job(shell={shell!r}))
        await attempt.printed(" ")
        print(*attempt.texts(), flush=True)
        await attempt.outcome()

asyncio.run(main())
"""


async def test_a_command_and_its_children_die_with_a_node_that_is_killed() -> None:
    """Also a daemon, which left the group: the warden knows its mark."""
    daemon = "setsid sh -c 'sleep 1000 >/dev/null & echo $!'"
    place = "${CALLBOARD_RESULT_FILE%/*}"
    shell = f"trap '' TERM HUP; sleep 1000 & echo {place} $$ $! $({daemon}); sleep 1000; :"
    code = NODE.format(path=[str(Path(__file__).parents[1]), *sys.path], shell=shell)
    node = await asyncio.create_subprocess_exec(*python(code), stdout=asyncio.subprocess.PIPE)
    assert node.stdout is not None
    workplace, *words = (await node.stdout.readline()).decode().split()
    pids = [int(pid) for pid in words]
    assert len(pids) == 3
    assert all(map(is_alive, pids))
    node.kill()
    await node.wait()
    await eventually(lambda: not any(map(is_alive, pids)))
    await eventually(lambda: not Path(workplace).exists())


def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with open_rig() as rig:
            text = "line\n" * 100_000
            outcome, attempt = await rig.execute(command_job("wc", "-c", stdin=text))
            assert outcome.state is RunState.SUCCEEDED
            assert attempt.texts() == [str(len(text))]
            left, _ = await rig.execute(command_job(shell="sleep 1000 & exit 3"))
            assert failure(left).exit_code == 3
            late, _ = await rig.execute(command_job("sleep", "1000", timeout_s=0.1))
            assert late.state is RunState.TIMED_OUT

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
