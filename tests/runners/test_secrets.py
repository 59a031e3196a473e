"""Secrets: from the reference to the value, on the node that executes, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.run import NewRun
from callboard.domain.schedule import OnDemand
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Trigger
from callboard.errors import InvalidInput
from callboard.runners.contract import Outcome
from callboard.runners.secrets import (
    Clear,
    EnvSecrets,
    FileSecrets,
    SecretMissing,
    SecretProvider,
    Secrets,
    refers,
)
from callboard.testing import VirtualClock
from runners.rig import command_job, make_run, python_job

REFERENCE = {"$secret": "env:TOKEN"}
ENVIRON = {"CALLBOARD_SECRET_TOKEN": "hunter22", "HOME": "/home/me", "TOKEN": "another"}


class Plain:
    """A provider with a plain `get`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get(self, key: str) -> str:
        value = self._values[key]
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[no-any-return]


class Slow:
    async def get(self, key: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError


async def cleared(
    provider: SecretProvider, value: Any = REFERENCE, job: Job | None = None
) -> Clear | Outcome:
    secrets = Secrets({"env": provider}, clock=VirtualClock())
    return await secrets.clear(job or python_job(), make_run({"a": value}))


async def refusal(provider: SecretProvider, value: Any = REFERENCE) -> tuple[RunState, str, str]:
    outcome = await cleared(provider, value)
    assert isinstance(outcome, Outcome)
    assert outcome.error is not None
    return outcome.state, outcome.error.type, outcome.error.message


async def test_the_value_stands_where_the_reference_was() -> None:
    job = command_job("run", "--token", "x", env={"TOKEN": "y"})
    spec = {"argv": ["run", REFERENCE, "x"], "env": {"TOKEN": REFERENCE}}
    object.__setattr__(job, "spec", spec)  # whether a kind takes references there is its own matter
    clear = await cleared(EnvSecrets(ENVIRON), {"deep": [1, REFERENCE]}, job)
    assert isinstance(clear, Clear)
    assert clear.run.arguments == {"a": {"deep": [1, "hunter22"]}}
    assert clear.job.spec == {"argv": ["run", "hunter22", "x"], "env": {"TOKEN": "hunter22"}}
    assert clear.mask.text("hunter22") == "***"
    assert job.spec == spec


async def test_only_variables_with_the_prefix_are_given() -> None:
    assert (await refusal(EnvSecrets(ENVIRON), {"$secret": "env:HOME"}))[1] == "SecretMissing"


@pytest.mark.parametrize(
    "key", ["../outside", "/etc/hostname", "link", "folder", "missing", "a/../../outside"]
)
async def test_only_files_below_the_directory_are_given(tmp_path: Path, key: str) -> None:
    root = tmp_path / "secrets"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "outside").write_text("outside-secret")
    (root / "link").symlink_to(tmp_path / "outside")
    assert (await refusal(FileSecrets(root), {"$secret": f"env:{key}"}))[1] == "SecretMissing"


@pytest.mark.parametrize("written", ["sesame-open", "sesame-open\n", "sesame-open\r\n"])
async def test_a_file_is_given_without_its_last_newline(tmp_path: Path, written: str) -> None:
    (tmp_path / "door").write_bytes(written.encode())
    clear = await cleared(FileSecrets(tmp_path), {"$secret": "env:door"})
    assert isinstance(clear, Clear)
    assert clear.run.arguments == {"a": "sesame-open"}


@pytest.mark.parametrize("error", [KeyError("TOKEN"), SecretMissing("TOKEN"), LookupError()])
async def test_a_missing_secret_parks_the_run_and_names_the_reference(error: Exception) -> None:
    state, type, message = await refusal(Plain({"TOKEN": error}))
    assert (state, type) == (RunState.PARKED, "SecretMissing")
    assert "'env:TOKEN'" in message


async def test_a_provider_that_is_not_here_is_a_missing_secret() -> None:
    state, type, message = await refusal(Plain({}), {"$secret": "vault:TOKEN"})
    assert (state, type) == (RunState.PARKED, "SecretMissing")
    assert "providers here: env" in message


async def test_a_broken_provider_fails_the_run_without_its_words() -> None:
    """It may be retried; what the error says may hold the value."""
    state, type, message = await refusal(Plain({"TOKEN": RuntimeError("hunter22")}))
    assert (state, type) == (RunState.FAILED, "SecretUnavailable")
    assert message == "the secret 'env:TOKEN': its provider raised RuntimeError"


async def test_a_provider_has_a_deadline() -> None:
    clock = VirtualClock()
    secrets = Secrets({"env": Slow()}, clock=clock, deadline_s=5)
    work = asyncio.ensure_future(secrets.clear(python_job(), make_run({"a": REFERENCE})))
    await asyncio.sleep(0)
    await clock.advance(5)
    outcome = await work
    assert isinstance(outcome, Outcome)
    assert outcome.error is not None
    assert outcome.error.message == "the secret 'env:TOKEN' did not come within 5 s"


@pytest.mark.parametrize(
    "value", ["abc", "     ", "x" * 65_537, "has\x00nul", "half\ud800", 12345, b"bytes"]
)
async def test_a_value_that_could_not_be_masked_is_refused(value: Any) -> None:
    state, type, message = await refusal(Plain({"TOKEN": value}))
    assert (state, type) == (RunState.PARKED, "SecretRefused")
    assert repr(value)[1:-1] not in message


@pytest.mark.parametrize("name", ["Env", "", "a:b", "1st"])
def test_a_provider_has_a_name_that_references_can_have(name: str) -> None:
    with pytest.raises(InvalidInput, match="secrets"):
        Secrets({name: EnvSecrets({})})


WRONG = [
    ({"$secret": "TOKEN"}, ".$secret"),
    ({"$secret": 3}, ".$secret"),
    ({"$secret": "env:"}, ".$secret"),
    ({"$secret": "env:A\n"}, ".$secret"),
    ({"$secret": "env:" + "x" * 500}, ".$secret"),
    ({"$secret": "env:A", "default": "b"}, ""),
]


@pytest.mark.parametrize(("value", "where"), WRONG)
def test_a_reference_of_a_wrong_form_is_refused_where_it_is_given(value: Any, where: str) -> None:
    with pytest.raises(InvalidInput) as of_run:
        NewRun(job="j", arguments={"a": [value]})
    assert of_run.value.problems[0].field == f"arguments.a[0]{where}"
    with pytest.raises(InvalidInput) as of_job:
        replace(python_job(), fixed_arguments={"b": value})
    assert of_job.value.problems[0].field == f"fixed_arguments.b{where}"
    action = Action(job="j", arguments={"a": value})
    with pytest.raises(InvalidInput) as of_trigger:
        Trigger(name="t", schedule=OnDemand(), actions=(action,))
    assert of_trigger.value.problems[0].field == f"actions[0].arguments.a{where}"


def test_all_arguments_at_once_are_no_secret() -> None:
    with pytest.raises(InvalidInput, match="arguments"):
        NewRun(job="j", arguments=REFERENCE)


def test_runs_without_references_are_known_at_a_glance() -> None:
    assert not refers(python_job(), make_run())
    assert not refers(python_job(), make_run({"a": [1, {"b": "$secret"}], "c": "$secret"}))
    assert refers(python_job(), make_run({"a": [1, {"b": REFERENCE}]}))
