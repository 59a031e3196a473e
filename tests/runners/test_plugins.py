"""Plug-ins: runners of further kinds, from installed packages and from the host."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callboard import Callboard, Job, Outcome, RunState
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.errors import InvalidInput
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog
from callboard.runners.plugins import load_plugins

EXAMPLE = Path(__file__).parents[2] / "examples" / "tour" / "own_runner.py"
MODULE = """
from callboard import Outcome, RunState

class Greeter:
    kind = "greeting"
    schema = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"],
              "additionalProperties": False}
    closed = 0

    async def execute(self, job, run, *, log, control):
        log.record("INFO", "greeting")
        return Outcome(state=RunState.SUCCEEDED, result=f"hello {job.spec['to']}")

    def close(self):
        Greeter.closed += 1

greeter = Greeter()

def broken():
    raise RuntimeError("no luck")
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package with entry points where the interpreter finds it, as an installer does."""

    def put(**entries: str) -> None:
        (tmp_path / "greeting_plugin.py").write_text(MODULE)
        info = tmp_path / "greeting_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting-plugin\nVersion: 1.0")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[callboard.runners]", *lines]))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "greeting_plugin", raising=False)

    return put


class Echo:
    """A runner that gives its spec back."""

    kind = "echo"

    def __init__(self, schema: Any = None, outcome: Any = None) -> None:
        self.schema: JsonObject = {"type": "object"} if schema is None else schema
        self._outcome = outcome

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Any:
        return self._outcome or Outcome(state=RunState.SUCCEEDED, result=job.spec)


def job(kind: str, **spec: Any) -> Job:
    return Job(name="a-job", kind=kind, spec=spec)


async def test_an_installed_runner_is_found_and_executes(install: Install) -> None:
    install(greeting="greeting_plugin:Greeter")
    async with Callboard() as board:
        await board.create_job(job("greeting", to="Ada"))
        assert await (await board.start("a-job")).result(20) == "hello Ada"
        made = sys.modules["greeting_plugin"].Greeter
        assert made.closed == 0
    assert made.closed == 1


async def test_an_object_of_its_package_is_not_closed(install: Install) -> None:
    install(greeting="greeting_plugin:greeter")
    async with Callboard() as board:
        await board.create_job(job("greeting", to="Ada"))
    assert sys.modules["greeting_plugin"].Greeter.closed == 0


async def test_a_spec_is_checked_by_the_plug_ins_schema(install: Install) -> None:
    install(greeting="greeting_plugin:Greeter")
    async with Callboard() as board:
        for change in (board.create_job, board.replace_job):
            with pytest.raises(InvalidInput) as caught:
                await change(job("greeting", to=3, tone="low"))
            assert {each.field for each in caught.value.problems} == {"spec.to", "spec.tone"}
        with pytest.raises(InvalidInput, match=r"spec\.to: is missing"):
            await board.create_job(job("greeting"))
        await board.create_job(job("greeting", to={"$secret": "env:FRIEND"}))


async def test_a_kind_that_nobody_executes_is_refused_with_those_that_are_known() -> None:
    async with Callboard(runners=[Echo()]) as board:
        for change in (board.create_job, board.replace_job):
            with pytest.raises(InvalidInput) as caught:
                await change(job("ssh"))
            assert "'ssh' is a kind that no runner here executes" in str(caught.value)
            assert "python, command, http, script, batch, echo" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("no_such_module:x", "ModuleNotFoundError"),
        ("greeting_plugin:nothing", "AttributeError"),
        ("greeting_plugin:broken", "RuntimeError: no luck"),
        ("greeting_plugin:Greeter", "is of kind 'greeting', not 'other'"),
        ("greeting_plugin:__name__", "is neither a runner nor what makes one"),
    ],
)
async def test_a_broken_plug_in_is_named_and_left_out(
    install: Install, entry: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(other=entry, greeting="greeting_plugin:Greeter")
    with caplog.at_level(logging.ERROR, "callboard"):
        async with Callboard() as board:
            await board.create_job(job("greeting", to="Ada"))
            with pytest.raises(InvalidInput, match="the plug-in for 'other' does not load"):
                await board.create_job(job("other"))
            (warning,) = board.health().warnings
    assert warning.startswith("the runner of kind other does not load: ")
    (record,) = caplog.records
    assert why in record.getMessage()
    assert record.__dict__["kind"] == "other"


async def test_the_hosts_runner_wins_over_an_installed_one(install: Install) -> None:
    install(echo="greeting_plugin:broken")
    async with Callboard(runners=[Echo]) as board:
        await board.create_job(job("echo", a=1))
        assert await (await board.start("a-job")).result(20) == {"a": 1}


async def test_what_is_no_outcome_fails_the_run() -> None:
    async with Callboard(runners=[Echo(outcome="ok")]) as board:
        await board.create_job(job("echo"))
        run = await (await board.start("a-job")).wait(20)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "the runner of kind 'echo' returned a str, not an Outcome" in run.error.message


class NoSchema:
    kind = "x"

    async def execute(self) -> None: ...


def with_kind(kind: Any) -> Echo:
    echo = Echo()
    echo.kind = kind
    return echo


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        (3, "neither a runner nor what makes one"),
        (NoSchema, "NoSchema is no runner: it has no schema"),
        (Echo({"type": "objet"}), "schema.type"),
        (with_kind("python"), "the kind 'python' is Callboard's own"),
        (with_kind("Upper"), "'Upper' is not the name of a kind"),
        (with_kind(None), "None is not the name of a kind"),
    ],
)
def test_the_host_is_told_what_is_wrong_with_its_runner(offered: object, why: str) -> None:
    with pytest.raises(InvalidInput, match=r"runners\[1\]") as caught:
        load_plugins([Echo(), offered])
    assert why in str(caught.value)


def test_two_runners_of_one_kind_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there are two of kind 'echo'"):
        load_plugins([Echo(), Echo])


def test_the_examples_runner_is_small() -> None:
    if not EXAMPLE.exists():
        pytest.skip("the examples are not here")
    assert len(EXAMPLE.read_text().splitlines()) <= 45
