"""The command line against a service in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.main import get_command
from typer.testing import CliRunner

from callboard_service.cli.app import build_app
from service.cli.processes import COMMAND, Program, ServiceProcess, plain_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What it printed, as one JSON document."""
        return json.loads(self.out)


Callboard = Callable[..., Done]
Run = Callable[..., Program]
Beside = Callable[..., Awaitable[Done]]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service in memory, for all tests that only use names of their own."""
    running = ServiceProcess(tmp_path_factory.mktemp("service"), "memory:")
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def name() -> str:
    """A name that nobody else has."""
    return f"n{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def command_line() -> Iterator[Typer]:
    """The command line; its commands are made once, which takes as long as most calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command), raising=False)
        yield build_app()


@pytest.fixture
def local(command_line: Typer, monkeypatch: pytest.MonkeyPatch) -> Callboard:
    """Call the command in this process, which is fast, without any server."""
    for key in set(os.environ) - set(plain_environment()):
        monkeypatch.delenv(key)

    def call(*words: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Done:
        # Help and errors are wrapped at the terminal's width.
        done = CliRunner().invoke(
            command_line, list(words), input=stdin, env={"COLUMNS": "200", **(env or {})}
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(code=done.exit_code, out=done.stdout, err=done.stderr)

    return call


@pytest.fixture
def beside(local: Callboard) -> Beside:
    """As `local`, for tests that are coroutines: a command has an event loop of its own."""

    async def call(*words: str, **options: Any) -> Done:
        return await asyncio.to_thread(local, *words, **options)

    return call


@pytest.fixture
def callboard(local: Callboard, service: ServiceProcess) -> Callboard:
    """As `local`, with the service for its server."""

    def call(*words: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Done:
        return local(*words, stdin=stdin, env={"CALLBOARD_URL": service.url, **(env or {})})

    return call


@pytest.fixture
def run_process(tmp_path: Path) -> Iterator[Run]:
    """Start the command as a process; what still runs at the end is killed."""
    started: list[Program] = []

    def run(*words: str, **options: Any) -> Program:
        program = Program(tmp_path / "programs", (*COMMAND, *words), **options)
        started.append(program)
        return program

    yield run
    for program in started:
        program.close()


@pytest.fixture
def make_job(callboard: Callboard, name: str) -> Callable[..., str]:
    """Create a job of kind command with a name that nobody else has."""

    def make(shell: str = "true", **fields: Any) -> str:
        job = {"name": name, "kind": "command", "spec": {"shell": shell}, **fields}
        done = callboard("jobs", "create", "-", stdin=json.dumps(job))
        assert done.code == 0, done.err
        return name

    return make
