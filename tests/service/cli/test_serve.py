"""`callboard serve`: from words to a service, or to a reason why not."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from service.cli.conftest import Callboard, Run
from service.cli.processes import ServiceProcess


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_0_when_it_is_told_to(run_process: Run, number: signal.Signals) -> None:
    served = run_process("serve", "--dsn", "memory:", "--port", "0")
    served.wait_for(lambda program: "listens on http://127.0.0.1:" in program.out)
    assert served.end(number) == 0


def test_everything_that_is_wrong_is_named_by_its_option(local: Callboard) -> None:
    done = local("serve", "--port", "99999", "--log-level", "loud", "--capacity", "many")
    assert done.code == 2
    assert "callboard: --capacity: 'many' is not a number" in done.err
    assert "--port: 99999 is outside 0 to 65535" in done.err
    assert "--log-level: 'loud' is unknown" in done.err


def test_the_environment_counts_and_the_command_line_wins(local: Callboard) -> None:
    env = {"CALLBOARD_PORT": "70000", "CALLBOARD_HOST": "0.0.0.0"}
    assert "--port: 70000" in local("serve", env=env).err
    done = local("serve", "--port", "70001", env=env)
    assert "--port: 70001" in done.err
    assert "--host: 0.0.0.0 can be reached from other machines" in done.err


def test_handlers_are_modules_of_the_present_directory(run_process: Run, tmp_path: Path) -> None:
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("one_jobs", "two_jobs"):
        (directory / f"{name}.py").write_text(f"print('imported {name}')\n")
    words = ("serve", "--dsn", "memory:", "--port", "0", "--handlers", "one_jobs", "two_jobs")
    served = run_process(*words)
    served.wait_for(lambda program: "listens on" in program.out)
    assert served.out.splitlines()[:2] == ["imported one_jobs", "imported two_jobs"]
    assert served.end() == 0


def test_handlers_that_are_not_there_are_named(run_process: Run) -> None:
    served = run_process("serve", "--dsn", "memory:", "--handlers", "no_such_module")
    assert served.wait() == 2
    assert "--handlers no_such_module: it cannot be imported" in served.err


def test_words_that_belong_nowhere_are_usage(local: Callboard) -> None:
    assert local("serve", "surplus").code == 2


def test_a_port_that_is_taken_is_said(run_process: Run, service: ServiceProcess) -> None:
    port = service.url.rpartition(":")[2]
    served = run_process("serve", "--dsn", "memory:", "--port", port)
    assert served.wait() == 2
    assert f"cannot listen on 127.0.0.1:{port}" in served.err


def test_clients_need_the_token_of_the_service(tmp_path: Path, local: Callboard) -> None:
    env = {"CALLBOARD_TOKEN": "not-easily-guessed-at-all"}
    service = ServiceProcess(tmp_path / "service", "memory:", env=env)
    try:
        url = {"CALLBOARD_URL": service.url}
        refused = local("jobs", "list", env=url)
        assert refused.code == 3
        assert "set CALLBOARD_TOKEN to the token of the service" in refused.err
        assert local("tail", env=url).code == 3
        assert local("jobs", "list", env={**url, **env}).code == 0
        assert local("jobs", "list", "--token", env["CALLBOARD_TOKEN"], env=url).code == 0
    finally:
        service.close()
