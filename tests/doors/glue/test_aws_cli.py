"""The AWS CLI, as a process, drives the door: what it prints, and the codes that it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.processes import ServiceProcess
from support.glue import SECRET, wait_run

AWS = Path(sys.executable).with_name("aws")
Aws = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not installed")


@pytest.fixture
def aws(glue_service: ServiceProcess, group: str, tmp_path: Path) -> Aws:
    """`aws glue ...` with the test's access key, told by the environment where the service is."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": group,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_DEFAULT_OUTPUT": "json",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
        "AWS_ENDPOINT_URL_GLUE": f"{glue_service.url}/glue",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(AWS), "glue", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def value(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_job_and_its_run(aws: Aws, glue: Any, script: Callable[..., str]) -> None:
    command = f"Name=pythonshell,ScriptLocation={script('print(1)')}"
    words = ("--name", "load", "--role", "r", "--command", command)
    assert value(aws("create-job", *words)) == {"Name": "load"}
    given = ("--arguments", json.dumps({"--day": "friday"}))
    run_id = value(aws("start-job-run", "--job-name", "load", *given))["JobRunId"]
    wait_run(glue, "load", run_id, ["SUCCEEDED"])
    run = value(aws("get-job-run", "--job-name", "load", "--run-id", run_id))["JobRun"]
    assert (run["Id"], run["JobRunState"]) == (run_id, "SUCCEEDED")
    assert run["Arguments"] == {"--day": "friday"}
    assert isinstance(run["StartedOn"], float)


def test_triggers_come_in_pages_and_errors_end_with_a_code(aws: Aws, glue: Any) -> None:
    trigger = {
        "Name": "nightly",
        "Type": "SCHEDULED",
        "Schedule": "cron(0 2 * * ? *)",
        "Actions": [{"JobName": "load"}],
    }
    done = aws("create-trigger", "--start-on-creation", "--cli-input-json", json.dumps(trigger))
    assert value(done) == {"Name": "nightly"}
    for name in ("a", "b"):
        glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=[{"JobName": "load"}])
    # It asks for page after page by itself.
    triggers = value(aws("get-triggers", "--page-size", "1"))["Triggers"]
    assert [each["Name"] for each in triggers] == ["a", "b", "nightly"]
    missing = aws("get-trigger", "--name", "nobody")
    # The CLI's code for what the service refused.
    assert missing.returncode in (254, 255)
    assert "(EntityNotFoundException)" in missing.stderr
    assert "nobody" in missing.stderr
