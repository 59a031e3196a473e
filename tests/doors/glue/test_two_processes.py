"""Two services on one PostgreSQL: clients of both want the same, and one of them is killed."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from service.cli.processes import ServiceProcess
from support.glue import ROLE, glue_client, post, wait_for, wait_run, wait_workflow_run
from support.postgres import blocking_database

Script = Callable[..., str]
ROUNDS = 2
EACH = 3
"""Clients of each service."""
QUICK = {"CALLBOARD_LEASE_S": "2", "CALLBOARD_FIRING_LEASE_S": "1"}


@pytest.fixture(scope="module")
def services(
    postgres_servers: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Two of them, in one database on the newest server."""
    with ExitStack() as stack:
        newest = postgres_servers[max(postgres_servers, key=int)]
        dsn = stack.enter_context(blocking_database(newest))
        started = []
        for name in ("a", "b"):
            env = {**QUICK, "CALLBOARD_NODE_ID": name}
            started.append(ServiceProcess(tmp_path_factory.mktemp(name), dsn, env=env))
            stack.callback(started[-1].close)
        yield started[0], started[1]


@pytest.fixture
def clients(services: tuple[ServiceProcess, ServiceProcess], group: str) -> Iterator[list[Any]]:
    """Some of each service, by turns, all with the same access key."""
    found = [glue_client(each.url, group) for _ in range(EACH) for each in services]
    yield found
    for client in found:
        client.close()


def race(clients: list[Any], operation: str, **members: Any) -> Counter[str]:
    """How often each outcome came when all call at once: "done" or the error's code."""
    barrier = Barrier(len(clients))

    def call(client: Any) -> str:
        barrier.wait(30)
        try:
            getattr(client, operation)(**members)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    with ThreadPoolExecutor(len(clients)) as pool:
        return Counter(pool.map(call, clients))


def job_members(name: str, location: str) -> dict[str, Any]:
    command = {"Name": "pythonshell", "ScriptLocation": location}
    return {"Name": name, "Role": ROLE, "Command": command}


def waiting(gate: Path) -> str:
    """A script that ends when the gate is there."""
    return f"""
        import pathlib, time
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.02)
    """


def test_a_name_goes_to_one_client_of_all_services(clients: list[Any]) -> None:
    lost = 2 * EACH - 1
    for number in range(ROUNDS):
        members = job_members(f"job{number}", "/srv/x.py")
        outcome = race(clients, "create_job", **members)
        assert outcome == {"done": 1, "AlreadyExistsException": lost}
        trigger = {"Name": f"t{number}", "Type": "ON_DEMAND", "Actions": [{"JobName": "x"}]}
        outcome = race(clients, "create_trigger", **trigger)
        assert outcome == {"done": 1, "AlreadyExistsException": lost}
    for client in clients[:2]:
        assert len(client.list_jobs()["JobNames"]) == ROUNDS
        assert len(client.list_triggers()["TriggerNames"]) == ROUNDS


def test_one_run_at_once_is_one_on_all_services(
    clients: list[Any], script: Script, tmp_path: Path
) -> None:
    glue, other = clients[:2]
    for number in range(ROUNDS):
        gate, name = tmp_path / f"gate{number}", f"job{number}"
        glue.create_job(**job_members(name, script(waiting(gate), f"{name}.py")))
        outcome = race(clients, "start_job_run", JobName=name)
        assert outcome == {"done": 1, "ConcurrentRunsExceededException": 2 * EACH - 1}
        (run,) = other.get_job_runs(JobName=name)["JobRuns"]
        gate.touch()
        wait_run(other, name, run["Id"], ["SUCCEEDED"])
        # Its end makes room for the next, on every service.
        again = other.start_job_run(JobName=name)["JobRunId"]
        wait_run(glue, name, again, ["SUCCEEDED"])


@pytest.mark.slow
def test_a_client_goes_on_at_the_other_service(
    services: tuple[ServiceProcess, ServiceProcess],
    clients: list[Any],
    script: Script,
    tmp_path: Path,
) -> None:
    """What the killed one has answered is there, and what it was running is finished."""
    doomed, _ = services
    glue, other = clients[:2]
    gate = tmp_path / "gate"
    glue.create_job(**job_members("first", script(waiting(gate), "first.py")))
    glue.create_job(**job_members("second", script("", "second.py")))
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": "first"}])
    condition = {"LogicalOperator": "EQUALS", "JobName": "first", "State": "SUCCEEDED"}
    glue.create_trigger(
        Name="then",
        Type="CONDITIONAL",
        Predicate={"Conditions": [condition]},
        Actions=[{"JobName": "second"}],
        StartOnCreation=True,
    )
    glue.start_trigger(Name="go")
    (run,) = glue.get_job_runs(JobName="first")["JobRuns"]
    wait_run(glue, "first", run["Id"], ["RUNNING"])
    doomed.kill()
    try:
        assert other.get_trigger(Name="then")["Trigger"]["State"] == "ACTIVATED"
        gate.touch()
        done = wait_run(other, "first", run["Id"], ["SUCCEEDED"])
        assert done["TriggerName"] == "go"
        last = wait_for(lambda: other.get_job_runs(JobName="second")["JobRuns"])[0]
        wait_run(other, "second", last["Id"], ["SUCCEEDED"])
        assert len(other.get_job_runs(JobName="second")["JobRuns"]) == 1
    finally:
        doomed.start()
    assert glue.get_job_run(JobName="second", RunId=last["Id"])["JobRun"]["TriggerName"] == "then"


def test_a_call_that_is_repeated_at_the_other_service_is_one_call(
    services: tuple[ServiceProcess, ServiceProcess], clients: list[Any], group: str
) -> None:
    """As an SDK repeats a call whose answer was lost: by the id of the call."""
    members = {"MaxConcurrentRuns": 50}
    clients[0].create_job(**job_members("job", "/srv/x.py"), ExecutionProperty=members)
    headers = {"amz-sdk-invocation-id": str(uuid.uuid4())}
    answers = [
        post(service.url, "StartJobRun", {"JobName": "job"}, group=group, headers=headers)
        for service in (*services, *services)
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.value["JobRunId"] for answer in answers}) == 1
    assert len(clients[1].get_job_runs(JobName="job")["JobRuns"]) == 1


def test_a_workflow_goes_on_while_its_jobs_end_at_both_services(
    clients: list[Any], script: Script
) -> None:
    """Two branches that end at the same time are one firing of what waits for both."""
    glue, other = clients[:2]
    location = script("")
    names = ["left", "right", "join"]
    for name in names:
        glue.create_job(**job_members(name, location), ExecutionProperty={"MaxConcurrentRuns": 50})
    glue.create_workflow(Name="w", MaxConcurrentRuns=ROUNDS)
    both = [{"JobName": "left"}, {"JobName": "right"}]
    glue.create_trigger(Name="go", WorkflowName="w", Type="ON_DEMAND", Actions=both)
    condition = {"LogicalOperator": "EQUALS", "State": "SUCCEEDED"}
    glue.create_trigger(
        Name="then",
        WorkflowName="w",
        Type="CONDITIONAL",
        Predicate={
            "Logical": "AND",
            "Conditions": [{**condition, "JobName": "left"}, {**condition, "JobName": "right"}],
        },
        Actions=[{"JobName": "join"}],
        StartOnCreation=True,
    )
    ids = [each.start_workflow_run(Name="w")["RunId"] for each in (glue, other) * (ROUNDS // 2)]
    for run_id in ids:
        run = wait_workflow_run(other, "w", run_id, ["COMPLETED"])
        assert run["Statistics"]["SucceededActions"] == run["Statistics"]["TotalActions"] == 3
    joins = glue.get_job_runs(JobName="join")["JobRuns"]
    assert sorted(run["Arguments"]["--WORKFLOW_RUN_ID"] for run in joins) == sorted(ids)


def test_a_workflow_that_may_run_once_is_started_once(
    clients: list[Any], script: Script, tmp_path: Path
) -> None:
    glue = clients[0]
    gate = tmp_path / "gate"
    glue.create_job(**job_members("slow", script(waiting(gate))))
    glue.create_workflow(Name="w", MaxConcurrentRuns=1)
    actions = [{"JobName": "slow"}]
    glue.create_trigger(Name="go", WorkflowName="w", Type="ON_DEMAND", Actions=actions)
    outcome = race(clients, "start_workflow_run", Name="w")
    assert outcome == {"done": 1, "ConcurrentRunsExceededException": 2 * EACH - 1}
    gate.touch()
    (run,) = glue.get_workflow_runs(Name="w")["Runs"]
    wait_workflow_run(glue, "w", run["WorkflowRunId"], ["COMPLETED"])
