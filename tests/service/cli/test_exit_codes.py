"""Every exit code, from the process itself."""

from __future__ import annotations

import json
import signal

import pytest

from service.cli.conftest import Callboard, Run
from service.cli.processes import ServiceProcess


@pytest.fixture
def env(service: ServiceProcess) -> dict[str, str]:
    return {"CALLBOARD_URL": service.url}


def test_0_done(run_process: Run, env: dict[str, str]) -> None:
    listed = run_process("jobs", "list", "--json", env=env)
    assert listed.wait() == 0
    assert set(listed.documents()[0]) == {"items", "next_cursor"}


def test_1_the_run_failed(run_process: Run, env: dict[str, str], name: str) -> None:
    job = {"name": name, "kind": "command", "spec": {"shell": "echo out; echo err >&2; exit 7"}}
    created = run_process("jobs", "create", "-", env=env, stdin=json.dumps(job))
    assert created.wait() == 0
    started = run_process("start", name, "--wait", env=env)
    assert started.wait() == 1
    assert started.out == "out\n"
    assert "err\n" in started.err
    assert "CommandFailed: exit code 7" in started.err


def test_2_usage(run_process: Run) -> None:
    no_such_option = run_process("jobs", "list", "--nonsense")
    assert no_such_option.wait() == 2
    assert "--nonsense" in no_such_option.err


def test_3_not_found(run_process: Run, env: dict[str, str], name: str) -> None:
    missing = run_process("start", name, env=env)
    assert missing.wait() == 3
    assert missing.err == f"callboard: there is no job '{name}'\n"


def test_4_server_unreachable(run_process: Run) -> None:
    # Nobody listens on the discard port of this machine.
    away = run_process("jobs", "list", "--url", "http://127.0.0.1:9")
    assert away.wait() == 4
    assert "http://127.0.0.1:9 does not answer" in away.err
    assert "callboard serve starts it" in away.err


def test_130_interrupted_and_the_run_goes_on(
    run_process: Run, env: dict[str, str], name: str, callboard: Callboard
) -> None:
    job = {"name": name, "kind": "command", "spec": {"shell": "echo begun; exec sleep 60"}}
    assert callboard("jobs", "create", "-", stdin=json.dumps(job)).code == 0
    started = run_process("start", name, "--wait", env=env)
    started.wait_for(lambda program: "begun" in program.out)
    assert started.end(signal.SIGINT) == 130
    (run,) = callboard("runs", "list", "--job", name, "--json").value["items"]
    assert f"run {run['id']} goes on" in started.err
    assert run["state"] == "running"
    assert callboard("stop", str(run["id"]), "--kill").code == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 3), (404, 3), (409, 3), (412, 3), (422, 2), (500, 4), (501, 2), (503, 4)],
)
def test_each_status_of_the_api_has_its_code(status: int, code: int) -> None:
    from callboard_service.cli.failures import Refused

    assert Refused(status, {"detail": "x"}).code == code


def test_a_wrong_field_is_usage_with_field_reason_and_fix(callboard: Callboard, name: str) -> None:
    done = callboard(
        "jobs", "create", "-", stdin=json.dumps({"name": name, "kind": "shell", "spec": {}})
    )
    assert done.code == 2
    assert (
        "kind: 'shell' is a kind that no runner here executes (known: python, command" in done.err
    )


def test_with_json_the_problem_is_json_on_stderr(callboard: Callboard, name: str) -> None:
    done = callboard("jobs", "get", name, "--json")
    assert done.code == 3
    assert done.out == ""
    assert json.loads(done.err)["code"] == "not_found"


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "http://h:99999"])
def test_a_url_that_is_none_is_usage(local: Callboard, url: str) -> None:
    done = local("jobs", "list", "--url", url)
    assert done.code == 2
    assert "is not a server's" in done.err
