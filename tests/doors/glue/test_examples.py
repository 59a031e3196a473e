"""The examples do what they say: against the virtual service, and against a real minute."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from service.cli.processes import ServiceProcess
from support.glue import refused

EXAMPLES = Path(__file__).parents[3] / "examples" / "glue"
Run = Callable[..., str]

if not EXAMPLES.exists():
    pytest.skip("the examples are not here", allow_module_level=True)


@pytest.fixture
def run_example(glue_service: ServiceProcess, group: str, tmp_path: Path) -> Run:
    """Run an example as a process against the service; what it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_GLUE": glue_service.url,
        "AWS_ACCESS_KEY_ID": group,
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(name: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(EXAMPLES / name), *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def first_run() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("glue_first_run", EXAMPLES / "first_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PATIENCE_S = 30  # type: ignore[attr-defined]
    return module


def is_told(line: str, text: str) -> bool:
    return line in (each.strip() for each in text.splitlines())


async def test_a_job_is_scheduled_and_its_first_run_read_back(
    virtual_glue: Any, first_run: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example's own functions, with time between them that passes at once."""
    client = virtual_glue.client
    await virtual_glue.do(first_run.create, client, first_run.SCHEDULE)
    await virtual_glue.clock.advance(61)
    run = await virtual_glue.do(first_run.first_run, client)
    told = capsys.readouterr().out
    assert is_told("the trigger is ACTIVATED: cron(* * * * ? *)", told)
    assert "SUCCEEDED" in told
    assert run["TriggerName"] == first_run.NAME
    assert run["Arguments"] == {"--name": "Callboard", "--stage": "example"}
    await virtual_glue.do(first_run.delete, client)
    assert (await virtual_glue("list_jobs"))["JobNames"] == []


@pytest.mark.slow
def test_the_first_full_minute_starts_the_first_run(
    run_example: Run, glue: Any, first_run: ModuleType
) -> None:
    told = run_example("first_run.py")
    for line in (
        "the trigger is ACTIVATED: cron(* * * * ? *)",
        f"it was started by {first_run.NAME} with",
        "--name = Callboard",
        "--stage = example",
        "the job and its trigger are deleted",
    ):
        assert is_told(line, told), told
    refused("EntityNotFoundException", glue.get_job, JobName=first_run.NAME)


def test_the_workflow_runs_its_three_jobs(run_example: Run, glue: Any) -> None:
    told = run_example("chain.py")
    for line in (
        "callboard-chain-extract  SUCCEEDED",
        "callboard-chain-load     SUCCEEDED",
        "callboard-chain-report   SUCCEEDED",
        "3 of 3 succeeded",
        "the workflow and its jobs are deleted",
    ):
        assert is_told(line, told), told
    assert glue.list_jobs()["JobNames"] == []
