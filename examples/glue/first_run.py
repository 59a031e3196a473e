"""AWS Glue's API on your own machine: create a job, schedule it, wait for its first run.

    callboard serve &
    python examples/glue/first_run.py

The client is boto3 (`pip install boto3`) with nothing changed but where it calls: the address in
AWS_ENDPOINT_URL_GLUE, http://127.0.0.1:8321 without one. It prints, within a minute or so,

    callboard-first-run runs .../scripts/hello.py
    the trigger is ACTIVATED: cron(* * * * ? *)
    waiting for the next full minute
    jr_00...2a: STARTING
    jr_00...2a: SUCCEEDED after 0 s
    it was started by callboard-first-run with
      --name = Callboard
      --stage = example
    the job and its trigger are deleted

of which some states of the run are seen and others are not, as it is quick. `--keep` leaves the
job and its trigger there, and the job running every minute.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import boto3

NAME = "callboard-first-run"
SCRIPT = Path(__file__).parent / "scripts" / "hello.py"
SCHEDULE = "cron(* * * * ? *)"
ENDED = {"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "ERROR"}
PATIENCE_S = 120


def open_client() -> Any:
    """A Glue client. On loopback any credentials do: the access key's id is the group."""
    return boto3.client(
        "glue",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:8321"),
        region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "example"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "example"),
    )


def create(glue: Any, schedule: str) -> None:
    """Store the job, and the trigger that starts it."""
    delete(glue)
    glue.create_job(
        Name=NAME,
        Role="arn:aws:iam::123456789012:role/glue",
        Command={"Name": "pythonshell", "ScriptLocation": str(SCRIPT)},
        DefaultArguments={"--name": "world"},
        NonOverridableArguments={"--stage": "example"},
    )
    print(f"{NAME} runs {SCRIPT}", flush=True)
    glue.create_trigger(
        Name=NAME,
        Type="SCHEDULED",
        Schedule=schedule,
        Actions=[{"JobName": NAME, "Arguments": {"--name": "Callboard"}}],
        StartOnCreation=True,
    )
    trigger = glue.get_trigger(Name=NAME)["Trigger"]
    print(f"the trigger is {trigger['State']}: {trigger['Schedule']}", flush=True)


def first_run(glue: Any) -> dict[str, Any]:
    """The job's first run, once it has ended."""
    print("waiting for the next full minute", flush=True)
    told, deadline = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        runs = glue.get_job_runs(JobName=NAME)["JobRuns"]
        if runs:
            run: dict[str, Any] = runs[-1]
            told = tell(run, told)
            if run["JobRunState"] in ENDED:
                return run
        time.sleep(0.2)
    raise SystemExit(f"no run has ended within {PATIENCE_S} s: does the service execute runs?")


def tell(run: dict[str, Any], told: str) -> str:
    """Print the run's state if it is another than the one told last; the state."""
    state: str = run["JobRunState"]
    if state != told:
        short = f"{run['Id'][:5]}...{run['Id'][-2:]}"
        after = f" after {run['ExecutionTime']} s" if state in ENDED else ""
        print(f"{short}: {state}{after}", flush=True)
    return state


def delete(glue: Any) -> None:
    """Delete both; what is not there is deleted, too."""
    glue.delete_trigger(Name=NAME)
    glue.delete_job(JobName=NAME)


def main() -> None:
    parser = argparse.ArgumentParser(description="A job of the Glue API, scheduled every minute.")
    parser.add_argument("--keep", action="store_true", help="leave the job and its trigger there")
    parser.add_argument("--schedule", default=SCHEDULE, help="another than every minute")
    options = parser.parse_args()
    glue = open_client()
    try:
        create(glue, options.schedule)
        run = first_run(glue)
        print(f"it was started by {run['TriggerName']} with")
        for key, value in sorted(run["Arguments"].items()):
            print(f"  {key} = {value}")
        if run["JobRunState"] != "SUCCEEDED":
            raise SystemExit(run.get("ErrorMessage", "the run has failed"))
    finally:
        if not options.keep:
            delete(glue)
            print("the job and its trigger are deleted")
        glue.close()


if __name__ == "__main__":
    main()
