"""Clients that want the same thing at the same time: exactly one gets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from service.cli.processes import ServiceProcess
from support.glue import ROLE, glue_client, wait_run

MakeJob = Callable[..., str]
Fresh = Callable[[str], str]
RACERS = 6
COMMAND = {"Name": "pythonshell", "ScriptLocation": "/srv/x.py"}


@pytest.fixture
def racers(glue_service: ServiceProcess, group: str) -> Iterator[list[Any]]:
    clients = [glue_client(glue_service.url, group) for _ in range(RACERS)]
    yield clients
    for client in clients:
        client.close()


def race(clients: list[Any], act: Callable[[Any, int], Any]) -> Counter[str]:
    """How often each outcome came when all act at once: "done" or the error's code."""
    barrier = Barrier(len(clients))

    def run(number: int) -> str:
        barrier.wait(30)
        try:
            act(clients[number], number)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return str(error.response["Error"]["Code"]) if status == 400 else str(status)
        return "done"

    with ThreadPoolExecutor(len(clients)) as pool:
        return Counter(pool.map(run, range(len(clients))))


def test_one_of_many_makes_the_workflow(racers: list[Any]) -> None:
    outcome = race(racers, lambda each, _: each.create_workflow(Name="w"))
    assert outcome == {"done": 1, "AlreadyExistsException": RACERS - 1}


def test_one_of_many_becomes_the_start_trigger(racers: list[Any], make_job: MakeJob) -> None:
    actions = [{"JobName": make_job()}]
    racers[0].create_workflow(Name="w")

    def create(client: Any, number: int) -> None:
        client.create_trigger(
            Name=f"t{number}", WorkflowName="w", Type="ON_DEMAND", Actions=actions
        )

    outcome = race(racers, create)
    assert outcome.pop("done") == 1
    assert set(outcome) <= {"InvalidInputException", "ConcurrentModificationException"}
    assert len(racers[0].list_triggers()["TriggerNames"]) == 1


def test_one_of_many_starts_the_only_run(racers: list[Any], make_job: MakeJob) -> None:
    job = make_job("import time; time.sleep(600)")
    outcome = race(racers, lambda each, _: each.start_job_run(JobName=job))
    assert outcome == {"done": 1, "ConcurrentRunsExceededException": RACERS - 1}
    (run,) = racers[0].get_job_runs(JobName=job)["JobRuns"]
    outcome = race(
        racers, lambda each, _: each.batch_stop_job_run(JobName=job, JobRunIds=[run["Id"]])
    )
    assert outcome == {"done": RACERS}
    wait_run(racers[0], job, run["Id"], ["STOPPED"])


def test_making_and_deleting_at_once_leaves_one_or_none(racers: list[Any], fresh: Fresh) -> None:
    name = fresh("job")

    def act(client: Any, number: int) -> None:
        for _ in range(5):
            if number % 2:
                client.delete_job(JobName=name)
            else:
                try:
                    client.create_job(Name=name, Role=ROLE, Command=COMMAND)
                except client.exceptions.AlreadyExistsException:
                    pass

    assert race(racers, act) == {"done": RACERS}
    assert racers[0].list_jobs()["JobNames"] in ([], [name])
    racers[0].delete_job(JobName=name)
    assert racers[0].list_jobs()["JobNames"] == []


def test_updates_at_once_leave_one_of_them_whole(racers: list[Any], make_job: MakeJob) -> None:
    job = make_job()

    def update(client: Any, number: int) -> None:
        mark = str(number)
        client.update_job(
            JobName=job,
            JobUpdate={
                "Role": mark,
                "Description": mark,
                "Command": {"Name": "pythonshell", "ScriptLocation": f"/srv/{mark}.py"},
                "DefaultArguments": {"--n": mark},
            },
        )

    outcome = race(racers, update)
    assert outcome["done"] >= 1
    assert set(outcome) <= {"done", "ConcurrentModificationException"}
    found = racers[0].get_job(JobName=job)["Job"]
    mark = found["Role"]
    assert found["Description"] == mark
    assert found["Command"]["ScriptLocation"] == f"/srv/{mark}.py"
    assert found["DefaultArguments"] == {"--n": mark}
