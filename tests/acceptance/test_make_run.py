"""`make run` as a stranger sees it: examples run, kill -9, start again, nothing is missing."""

from __future__ import annotations

import json
import signal
import socket
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.processes import Program, wait_until

RUN = Path(__file__).parents[2] / "examples" / "run.py"
JOBS = 11 + 4
"""Lines of examples/crontab, and handlers."""
SOON = {"succeeded", "failed"}


class MakeRun:
    """examples/run.py with a directory and a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = ""
        self._port = "0"
        self._started: list[Program] = []

    def start(self) -> Program:
        """Start it; returns when it says that it is up."""
        program = self.launch("--port", self._port)
        program.wait_for(lambda each: "Callboard is up at http" in each.out)
        self.url = next(word for word in program.out.split() if word.startswith("http"))
        self._port = self.url.rpartition(":")[2]
        return program

    def launch(self, *options: str, env: dict[str, str] | None = None) -> Program:
        data = str(self.directory / "data")
        argv = (sys.executable, str(RUN), "--data", data, *options)
        program = Program(self.directory / "words", argv, env=env)
        self._started.append(program)
        return program

    def read(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return json.load(answer)

    def items(self, noun: str) -> list[dict[str, Any]]:
        """All of them, whatever the pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.read(f"/v1/{noun}?limit=1000{cursor}")
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def close(self) -> None:
        for program in self._started:
            program.close()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    made = MakeRun(tmp_path)
    yield made
    made.close()


def ended(run: dict[str, Any]) -> bool:
    return run["ended_at"] is not None


def has_fired(runs: list[dict[str, Any]]) -> bool:
    """Whether one of them was started by a slot, and has ended."""
    return any(run["slot"] is not None and ended(run) for run in runs)


def by_id(runs: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {run["id"]: run for run in runs}


def definitions(items: list[dict[str, Any]]) -> dict[str, tuple[int, Any]]:
    """Name to version and generation: what a definition that changed nothing leaves alone."""
    return {item["name"]: (item["version"], item.get("generation")) for item in items}


def shows(program: Program, state: str) -> bool:
    """Whether a line of the live view has the state."""
    return any(line.split()[1:2] == [state] for line in program.out.splitlines())


@pytest.mark.timeout(300)
def test_within_a_minute_runs_are_seen_and_kill_9_loses_and_doubles_nothing(
    make_run: MakeRun,
) -> None:
    first = make_run.start()
    first.wait_for(lambda program: all(shows(program, state) for state in SOON))
    wait_until(lambda: has_fired(make_run.items("runs")), lambda: "a slot is fired")
    jobs, triggers = make_run.items("jobs"), make_run.items("triggers")
    assert (len(jobs), len(triggers)) == (JOBS, JOBS)
    before = {run["id"]: run for run in make_run.items("runs") if ended(run)}
    assert {run["state"] for run in before.values()} >= SOON
    first.end(signal.SIGKILL)

    second = make_run.start()
    assert definitions(make_run.items("jobs")) == definitions(jobs)
    assert definitions(make_run.items("triggers")) == definitions(triggers)
    known = by_id(make_run.items("runs"))
    assert {run_id: known[run_id] for run_id in before} == before
    second.wait_for(lambda program: shows(program, "succeeded"))
    wait_until(
        lambda: has_fired([run for run in make_run.items("runs") if run["id"] not in known]),
        lambda: "a new slot is fired",
    )
    slots = Counter(
        (run["trigger"], run["slot"])
        for run in make_run.items("runs")
        if run["trigger"] and run["attempt"] == 1
    )
    assert set(slots.values()) == {1}
    assert second.end(signal.SIGINT) == 0
    assert "Traceback" not in second.err


@pytest.mark.timeout(300)
def test_ctrl_c_in_the_middle_of_things_ends_it_in_order(make_run: MakeRun) -> None:
    started = make_run.start()
    assert started.end(signal.SIGINT) == 0
    assert started.err == ""
    again = make_run.start()
    assert again.end(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_said_with_a_way_out(make_run: MakeRun) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = make_run.launch(env={"CALLBOARD_PORT": str(port)})
        assert refused.wait() == 2
    assert f"Port {port} on 127.0.0.1 is taken" in refused.err
    assert f"CALLBOARD_PORT={port + 1} make run" in refused.err


def test_a_wrong_setting_is_said(make_run: MakeRun) -> None:
    refused = make_run.launch(env={"CALLBOARD_PORT": "99999"})
    assert refused.wait() == 2
    assert "port: 99999 is outside" in refused.err


def test_another_database_in_the_environment_is_left_alone(make_run: MakeRun) -> None:
    program = make_run.launch("--port", "0", env={"CALLBOARD_DSN": "postgresql://h:1/production"})
    program.wait_for(lambda each: "Callboard is up at http" in each.out)
    assert str(make_run.directory / "data") in program.out
    assert program.end(signal.SIGINT) == 0
