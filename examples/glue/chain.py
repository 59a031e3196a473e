"""A workflow of the Glue API: three jobs, one after the other, started as one.

    callboard serve &
    python examples/glue/chain.py

Where it calls is as in `first_run.py`. It prints, within a second or two,

    callboard-chain: extract -> load -> report
    wr_00...01: RUNNING
    wr_00...01: COMPLETED
      callboard-chain-extract  SUCCEEDED
      callboard-chain-load     SUCCEEDED
      callboard-chain-report   SUCCEEDED
    3 of 3 succeeded
    the workflow and its jobs are deleted
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from first_run import SCRIPT, open_client

NAME = "callboard-chain"
STEPS = ("extract", "load", "report")
PATIENCE_S = 60


def job_of(step: str) -> str:
    return f"{NAME}-{step}"


def create(glue: Any) -> None:
    """Store the jobs and the workflow: a start trigger, and one trigger for each step behind."""
    for step in STEPS:
        command = {"Name": "pythonshell", "ScriptLocation": str(SCRIPT)}
        glue.create_job(
            Name=job_of(step), Role="r", Command=command, DefaultArguments={"--name": step}
        )
    glue.create_workflow(Name=NAME)
    glue.create_trigger(
        Name=f"{NAME}-start",
        WorkflowName=NAME,
        Type="ON_DEMAND",
        Actions=[{"JobName": job_of(STEPS[0])}],
    )
    for before, step in pairwise(STEPS):
        condition = {
            "LogicalOperator": "EQUALS",
            "JobName": job_of(before),
            "State": "SUCCEEDED",
        }
        glue.create_trigger(
            Name=f"{NAME}-{step}",
            WorkflowName=NAME,
            Type="CONDITIONAL",
            Predicate={"Conditions": [condition]},
            Actions=[{"JobName": job_of(step)}],
            StartOnCreation=True,
        )
    print(f"{NAME}: {' -> '.join(STEPS)}", flush=True)


def run(glue: Any) -> dict[str, Any]:
    """Start the workflow; its run once that is over."""
    run_id = glue.start_workflow_run(Name=NAME)["RunId"]
    told, deadline = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = glue.get_workflow_run(Name=NAME, RunId=run_id, IncludeGraph=True)
        status = found["Run"]["Status"]
        if status != told:
            print(f"{run_id[:5]}...{run_id[-2:]}: {status}", flush=True)
            told = status
        if status not in ("RUNNING", "STOPPING"):
            result: dict[str, Any] = found["Run"]
            return result
        time.sleep(0.1)
    raise SystemExit(f"the workflow has not ended within {PATIENCE_S} s")


def tell(found: dict[str, Any]) -> None:
    """Print how its jobs ended, in the order of the steps."""
    nodes = {node["Name"]: node for node in found["Graph"]["Nodes"] if node["Type"] == "JOB"}
    for step in STEPS:
        runs = nodes[job_of(step)].get("JobDetails", {}).get("JobRuns", [])
        state = runs[-1]["JobRunState"] if runs else "not reached"
        print(f"  {job_of(step):<{len(NAME) + 10}}{state}")
    statistics = found["Statistics"]
    print(f"{statistics['SucceededActions']} of {statistics['TotalActions']} succeeded")


def delete(glue: Any) -> None:
    """Delete all of it; the workflow's triggers go with it."""
    glue.delete_workflow(Name=NAME)
    for step in STEPS:
        glue.delete_job(JobName=job_of(step))


def main() -> None:
    glue = open_client()
    delete(glue)
    try:
        create(glue)
        tell(run(glue))
    finally:
        delete(glue)
        print("the workflow and its jobs are deleted")
        glue.close()


if __name__ == "__main__":
    main()
