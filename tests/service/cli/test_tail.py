"""`callboard tail`: live, in order, over restarts of the server."""

from __future__ import annotations

import contextlib
import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callboard_service.cli.output import Output
from callboard_service.cli.tail import print_message
from service.cli.conftest import Callboard, Run
from service.cli.processes import Program, ServiceProcess

Make = Callable[..., str]


def states_of(program: Program, job: str) -> list[str]:
    """The states of the job's runs, in the order in which they were told."""
    return [
        message["run"]["state"]
        for message in program.documents()
        if message.get("run") and message["run"]["job"] == job
    ]


def has_snapshot(program: Program) -> bool:
    return bool(program.documents())


def test_it_shows_runs_live(
    callboard: Callboard, make_job: Make, run_process: Run, service: ServiceProcess
) -> None:
    job = make_job()
    tail = run_process("tail", "--job", job, "--json", env={"CALLBOARD_URL": service.url})
    tail.wait_for(has_snapshot)
    callboard("start", job)
    tail.wait_for(lambda program: "succeeded" in states_of(program, job))
    first, *rest = tail.documents()
    assert first["type"] == "snapshot"
    assert [message["type"] for message in rest] == ["run.queued", "run.started", "run.ended"]
    assert [message["seq"] for message in rest] == sorted(message["seq"] for message in rest)


def test_ctrl_c_is_how_it_ends(run_process: Run, service: ServiceProcess) -> None:
    tail = run_process("tail", "--json", env={"CALLBOARD_URL": service.url})
    tail.wait_for(has_snapshot)
    assert tail.end(signal.SIGINT) == 0
    assert tail.err == ""


def test_people_get_a_line_for_each_change(
    callboard: Callboard, make_job: Make, service: ServiceProcess, run_process: Run
) -> None:
    job = make_job("echo oh no >&2; exit 4")
    env = {"CALLBOARD_URL": service.url}
    with_snapshot = run_process("tail", "--json", "--job", job, env=env)
    with_snapshot.wait_for(has_snapshot)
    after = with_snapshot.documents()[0]["seq"]
    callboard("start", job, "--wait")
    done = callboard("tail", "--job", job, "--after", str(after), "--count", "3")
    assert done.code == 0
    words = [line.split() for line in done.out.splitlines()]
    assert [line[1] for line in words] == ["queued", "running", "failed"]
    assert all(line[3] == job for line in words)
    assert done.out.endswith("CommandFailed: exit code 4: oh no\n")


def test_changes_of_definitions_are_told_too(
    callboard: Callboard, make_job: Make, service: ServiceProcess, run_process: Run
) -> None:
    first = run_process("tail", "--json", env={"CALLBOARD_URL": service.url})
    first.wait_for(has_snapshot)
    after = first.documents()[0]["seq"]
    job = make_job()
    callboard("triggers", "create", job, "-j", job, "--on-demand")
    callboard("triggers", "delete", job)
    done = callboard("tail", "--after", str(after), "--count", "3")
    told = [line.split(maxsplit=1)[1].rstrip() for line in done.out.splitlines()]
    assert told == [
        f"job changed  {job}",
        f"trigger changed  {job}  active",
        f"trigger deleted  {job}",
    ]


def test_pauses_calendars_and_backfills_are_told_in_a_line(
    callboard: Callboard, make_job: Make, service: ServiceProcess, run_process: Run
) -> None:
    job = make_job()
    callboard("triggers", "create", job, "-j", job, "--cron", "0 0 1 1 *")
    first = run_process("tail", "--json", env={"CALLBOARD_URL": service.url})
    first.wait_for(has_snapshot)
    after = first.documents()[0]["seq"]
    callboard("pause", job)
    callboard("resume", job)
    definition = {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24"]}
    callboard("calendars", "put", job, "-", stdin=json.dumps(definition))
    times = ("--from", "2025-01-01T00:00:00Z", "--until", "2025-01-02T00:00:00Z")
    made = callboard("backfills", "create", job, *times, "--json").value
    done = callboard("tail", "--after", str(after), "--count", "4")
    told = [line.split(maxsplit=1)[1].rstrip() for line in done.out.splitlines()]
    assert told == [
        f"trigger changed  {job}  paused",
        f"trigger changed  {job}  active",
        f"calendar changed  {job}",
        f"backfill changed  {job}  running  #{made['id']}, 0 of 1 slots",
    ]


def test_a_jump_of_a_clock_says_whose_and_how_far(local: Callboard) -> None:
    jumped = {"node": "a1", "source": "node", "by_s": -3600.0}
    message = {"type": "clock.jumped", "seq": 1, "at": "2026-01-01T00:00:00Z", "clock": jumped}
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        print_message(Output(utc=True), message)
        print_message(Output(utc=True), {**message, "clock": {**jumped, "source": "store"}})
    assert told.getvalue().splitlines() == [
        "00:00:00.000  clock jumped  that of a1, by -3600.000 s",
        "00:00:00.000  clock jumped  the database's, by -3600.000 s",
    ]


def test_it_goes_on_after_a_restart_of_the_server_without_gap_or_double(
    tmp_path: Path, run_process: Run, local: Callboard
) -> None:
    service = ServiceProcess(tmp_path / "service", f"embedded:{tmp_path / 'data'}")
    try:
        env = {"CALLBOARD_URL": service.url}
        job = {"name": "tick", "kind": "command", "spec": {"shell": "true"}}
        assert local("jobs", "create", "-", env=env, stdin=json.dumps(job)).code == 0
        tail = run_process("tail", "--json", env=env)
        tail.wait_for(has_snapshot)
        for _ in range(2):
            assert local("start", "tick", "--wait", env=env).code == 0
        service.kill()
        tail.wait_for(lambda program: "trying again" in program.err)
        service.start()
        assert local("start", "tick", "--wait", env=env).code == 0
        tail.wait_for(lambda program: states_of(program, "tick").count("succeeded") == 3)
        assert "connected again" in tail.err
        assert states_of(tail, "tick") == ["queued", "running", "succeeded"] * 3
        snapshot, *events = tail.documents()
        seqs = [event["seq"] for event in events]
        assert seqs == list(range(snapshot["seq"] + 1, seqs[-1] + 1))
        resumed = run_process("tail", "--json", "--after", str(seqs[3]), env=env)
        resumed.wait_for(lambda program: len(program.documents()) >= len(events) - 4)
        assert resumed.documents() == events[4:]
    finally:
        service.close()


def test_it_goes_on_with_a_snapshot_where_the_server_forgot_everything(
    tmp_path: Path, run_process: Run, local: Callboard
) -> None:
    service = ServiceProcess(tmp_path / "service", "memory:")
    try:
        env = {"CALLBOARD_URL": service.url}
        job = {"name": "tick", "kind": "command", "spec": {"shell": "true"}}
        assert local("jobs", "create", "-", env=env, stdin=json.dumps(job)).code == 0
        tail = run_process("tail", "--json", env=env)
        tail.wait_for(has_snapshot)
        assert local("start", "tick", "--wait", env=env).code == 0
        tail.wait_for(lambda program: "succeeded" in states_of(program, "tick"))
        service.kill()
        service.start()
        tail.wait_for(lambda program: _snapshots(program) == 2)
        assert "are gone; going on with the present state" in tail.err
    finally:
        service.close()


def test_an_unknown_run_has_no_log_to_follow(callboard: Callboard) -> None:
    assert callboard("tail", "9007199254740991").code == 3


def _snapshots(program: Program) -> int:
    messages: list[dict[str, Any]] = program.documents()
    return sum(message["type"] == "snapshot" for message in messages)


def test_logs_come_between_the_events(
    callboard: Callboard, make_job: Make, run_process: Run, service: ServiceProcess
) -> None:
    job = make_job("echo one; echo two >&2; sleep 0.5")
    env = {"CALLBOARD_URL": service.url}
    tail = run_process("tail", "--job", job, "--logs", "--json", env=env)
    tail.wait_for(has_snapshot)
    callboard("start", job, "--wait")

    def texts(program: Program) -> set[str]:
        return {each["text"] for each in program.documents() if each["type"] == "line"}

    tail.wait_for(lambda program: texts(program) == {"one", "two"})
    run_ids = {each["run_id"] for each in tail.documents() if each["type"] == "line"}
    assert len(run_ids) == 1


def test_progress_is_a_line_of_its_own() -> None:
    out = io.StringIO()
    said = {"done": 4, "total": 10, "note": "copy\x1b[2J", "at": "2026-01-01T00:00:00Z"}
    run = {"id": 7, "job": "load", "state": "running", "progress": said}
    with contextlib.redirect_stdout(out):
        message = {"type": "run.progress", "at": "2026-01-01T00:00:00Z", "run": run}
        print_message(Output(utc=True), message)
    assert out.getvalue() == (
        "00:00:00.000  progress        7  load  40 % (4 of 10), copy\\x1b[2J\n"
    )


def test_a_step_of_a_batch_run_is_told_with_its_run_and_what_it_wrote() -> None:
    out = io.StringIO()
    step = {"name": "settle", "step": "load", "run_id": 7, "state": "stopped"}
    with contextlib.redirect_stdout(out):
        message = {
            "type": "step.ended",
            "at": "2026-01-01T00:00:00Z",
            "step": {**step, "counts": {"writes": 6}},
        }
        print_message(Output(utc=True), message)
    told = "00:00:00.000  step ended  settle  stopped  load of run 7, 6 written\n"
    assert out.getvalue() == told
