"""StartJobRun, GetJobRun, GetJobRuns and BatchStopJobRun where boto3 alone does not get to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen

import pytest

from callboard.domain.job import Job
from callboard.domain.run import NewRun
from callboard_service.doors.glue.ids import glue_run_id, run_id_of
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.doors.glue.tokens import next_token
from doors.glue.conftest import VirtualGlue
from support.glue import ROLE, glue_client, refused, wait_run

Members = Callable[..., dict[str, Any]]
MakeJob = Callable[..., str]

WAIT = "import time; time.sleep(600)"


async def over(virtual_glue: VirtualGlue, job: str, run_id: str) -> dict[str, Any]:
    """The JobRun once it has ended."""
    run: dict[str, Any] = await virtual_glue.do(wait_run, virtual_glue.client, job, run_id)
    return run


async def began(virtual_glue: VirtualGlue, job: str, **members: Any) -> str:
    answer = await virtual_glue("start_job_run", JobName=job, **members)
    run_id: str = answer["JobRunId"]
    return run_id


async def shown(virtual_glue: VirtualGlue, job: str, run_id: str, **members: Any) -> dict[str, Any]:
    answer = await virtual_glue("get_job_run", JobName=job, RunId=run_id, **members)
    run: dict[str, Any] = answer["JobRun"]
    return run


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("members", "minutes"), [({}, 3), ({"Timeout": 2}, 2)])
async def test_a_run_that_takes_too_long_times_out(
    virtual_glue: VirtualGlue, members: dict[str, Any], minutes: int
) -> None:
    """By a handler, for the virtual clock stands still while a script runs."""
    virtual_glue.board.handlers.register("wait", wait_for_ever)
    await virtual_glue.board.create_job(
        Job(
            name="slow",
            group=virtual_glue.group,
            kind="python",
            spec={"handler": "wait"},
            timeout_s=180,
        )
    )
    run_id = await began(virtual_glue, "slow", **members)
    await virtual_glue.clock.advance(60 * minutes - 1)
    running = await shown(virtual_glue, "slow", run_id)
    assert (running["JobRunState"], running["ExecutionTime"]) == ("RUNNING", 60 * minutes - 1)
    assert "CompletedOn" not in running
    await virtual_glue.clock.advance(60)
    run = await shown(virtual_glue, "slow", run_id)
    assert (run["JobRunState"], run["Timeout"]) == ("TIMEOUT", minutes)
    assert run["ErrorMessage"]
    assert run["ExecutionTime"] == 60 * minutes
    assert (run["CompletedOn"] - run["StartedOn"]).total_seconds() == 60 * minutes


def test_a_script_that_takes_too_long_times_out_and_is_not_tried_again(
    glue: Any, make_job: MakeJob, glue_service: Any, group: str
) -> None:
    job = make_job(WAIT, MaxRetries=2)
    # A minute is the least that Glue has words for.
    url = f"{glue_service.url}/v1/jobs/{job}?group={group}"
    patch = Request(
        url, b'{"timeout_s": 0.5}', {"Content-Type": "application/json"}, method="PATCH"
    )
    with urlopen(patch) as answer:
        assert answer.status == 200
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    run = wait_run(glue, job, run_id, ["TIMEOUT"])
    assert (run["Timeout"], run["ExecutionTime"]) == (1, 0)
    assert len(glue.get_job_runs(JobName=job)["JobRuns"]) == 1


async def test_a_job_that_was_disabled_natively_is_not_started(
    virtual_glue: VirtualGlue, glue_job: Members
) -> None:
    await virtual_glue("create_job", **glue_job("load"))
    job = await virtual_glue.board.get_job(virtual_glue.group, "load")
    await virtual_glue.board.replace_job(replace(job, disabled=True))
    text = await virtual_glue.do(
        refused, "InvalidInputException", virtual_glue.client.start_job_run, JobName="load"
    )
    assert "disabled" in text


async def test_a_native_job_is_started_watched_stopped_and_tried_again(
    virtual_glue: VirtualGlue,
) -> None:
    virtual_glue.board.handlers.register("wait", wait_on_a_stage)
    await virtual_glue.board.create_job(
        Job(
            name="wait",
            group=virtual_glue.group,
            kind="python",
            spec={"handler": "wait"},
            fixed_arguments={"stage": "production"},
        )
    )
    run_id = await began(virtual_glue, "wait", Arguments={"day": "friday"})
    assert (await shown(virtual_glue, "wait", run_id))["JobRunState"] == "RUNNING"
    answer = await virtual_glue("batch_stop_job_run", JobName="wait", JobRunIds=[run_id])
    assert answer["Errors"] == []
    run = await shown(virtual_glue, "wait", run_id)
    assert run["JobRunState"] == "STOPPED"
    assert run["Arguments"] == {"day": "friday", "stage": "production"}
    again = await began(virtual_glue, "wait", JobRunId=run_id)
    assert (await shown(virtual_glue, "wait", again))["Arguments"] == run["Arguments"]
    text = await virtual_glue.do(
        refused,
        "InvalidInputException",
        virtual_glue.client.start_job_run,
        JobName="wait",
        Arguments={"stage": "test"},
    )
    assert "stage" in text
    assert "runs[0]" not in text


async def wait_on_a_stage(day: str, stage: str) -> None:
    await asyncio.Event().wait()


async def test_runs_of_the_native_api_are_runs_of_glue(
    virtual_glue: VirtualGlue, glue_job: Members
) -> None:
    await virtual_glue("create_job", **glue_job("load"))
    new = NewRun(job="load", group=virtual_glue.group, arguments={"count": 3})
    (run,) = await virtual_glue.board.start_runs([new])
    shown = await over(virtual_glue, "load", glue_run_id(run.id))
    assert shown["Arguments"] == {"count": "3"}


@pytest.mark.parametrize("place", ["x", 2**53, True, 1.5, [1], {"a": 1}])
async def test_a_made_up_token_is_refused(virtual_glue: VirtualGlue, place: object) -> None:
    call = GlueCall(
        board=virtual_glue.board,
        group=virtual_glue.group,
        request={},
        clock=virtual_glue.clock,
        account="123456789012",
        operation="GetJobRuns",
    )
    await virtual_glue.do(
        refused,
        "InvalidInputException",
        virtual_glue.client.get_job_runs,
        JobName="load",
        NextToken=next_token(call, place),
    )


def test_a_full_job_is_named(glue: Any, make_job: MakeJob) -> None:
    job = make_job(WAIT)
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    text = refused("ConcurrentRunsExceededException", glue.start_job_run, JobName=job)
    assert text == f"Job with name {job} already running"
    glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    wait_run(glue, job, run_id, ["STOPPED"])


def test_the_runs_wish_to_queue_wins_over_the_jobs(glue: Any, make_job: MakeJob) -> None:
    job = make_job(WAIT, JobRunQueuingEnabled=True)
    first, second = [glue.start_job_run(JobName=job)["JobRunId"] for _ in range(2)]
    wait_run(glue, job, first, ["RUNNING"])
    waiting = glue.get_job_run(JobName=job, RunId=second)["JobRun"]
    assert (waiting["JobRunState"], waiting["JobRunQueuingEnabled"]) == ("WAITING", True)
    assert waiting["StateDetail"]
    refused(
        "ConcurrentRunsExceededException",
        glue.start_job_run,
        JobName=job,
        JobRunQueuingEnabled=False,
    )
    answer = glue.batch_stop_job_run(JobName=job, JobRunIds=[second, first, second])
    assert [each["JobRunId"] for each in answer["SuccessfulSubmissions"]] == [second, first]
    for run_id in (first, second):
        wait_run(glue, job, run_id, ["STOPPED"])


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Timeout": 10081}, "Timeout should be less than or equal to 10080 minutes."),
        (
            {"AllocatedCapacity": 2, "MaxCapacity": 2.0},
            "Please set only Allocated Capacity or Max Capacity",
        ),
        (
            {"WorkerType": "G.1X", "NumberOfWorkers": 2, "MaxCapacity": 2.0},
            "Please do not set Max Capacity if using Worker Type and Number of Workers.",
        ),
    ],
)
def test_sizes_that_do_not_go_together_start_nothing(
    glue: Any, make_job: MakeJob, members: dict[str, Any], text: str
) -> None:
    job = make_job()
    assert refused("InvalidInputException", glue.start_job_run, JobName=job, **members) == text
    assert glue.get_job_runs(JobName=job)["JobRuns"] == []


def test_a_missing_job_is_not_found_by_any_operation(glue: Any, make_job: MakeJob) -> None:
    run_id = glue.start_job_run(JobName=make_job())["JobRunId"]
    for call, members in (
        (glue.start_job_run, {}),
        (glue.get_job_run, {"RunId": run_id}),
        (glue.get_job_runs, {}),
    ):
        text = refused("EntityNotFoundException", call, JobName="no such job", **members)
        assert text == "Job no such job not found."
    answer = glue.batch_stop_job_run(JobName="no such job", JobRunIds=[run_id])
    assert answer["SuccessfulSubmissions"] == []
    [error] = answer["Errors"]
    assert error["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"


def test_a_command_that_cannot_run_here_is_refused_with_the_reason(
    glue: Any, make_job: MakeJob
) -> None:
    job = make_job(Command={"Name": "gluestreaming", "ScriptLocation": "/srv/x.py"})
    text = refused("InvalidInputException", glue.start_job_run, JobName=job)
    assert "gluestreaming" in text
    assert job in text


def test_a_retry_takes_other_arguments_where_it_gives_some(glue: Any, make_job: MakeJob) -> None:
    job = make_job("raise SystemExit(3)", DefaultArguments={"--day": "monday"})
    first = glue.start_job_run(JobName=job, Arguments={"--a": "1"})["JobRunId"]
    run = wait_run(glue, job, first, ["FAILED"])
    assert "3" in run["ErrorMessage"]
    second = glue.start_job_run(JobName=job, JobRunId=first, Arguments={})["JobRunId"]
    run = wait_run(glue, job, second, ["FAILED"])
    assert (run["Arguments"], run["Attempt"]) == ({"--day": "monday"}, 1)
    third = glue.start_job_run(JobName=job, JobRunId=second, Arguments={"--b": "2"})["JobRunId"]
    run = wait_run(glue, job, third, ["FAILED"])
    assert run["Arguments"] == {"--day": "monday", "--b": "2"}
    assert (run["Attempt"], run["PreviousRunId"]) == (2, second)


def test_what_is_fixed_now_wins_over_the_run_that_is_tried_again(
    glue: Any, make_job: MakeJob
) -> None:
    job = make_job(NonOverridableArguments={"--stage": "test"})
    first = glue.start_job_run(JobName=job)["JobRunId"]
    wait_run(glue, job, first, ["SUCCEEDED"])
    present = glue.get_job(JobName=job)["Job"]
    update = {
        "Role": ROLE,
        "Command": present["Command"],
        "NonOverridableArguments": {"--stage": "production"},
    }
    glue.update_job(JobName=job, JobUpdate=update)
    again = glue.start_job_run(JobName=job, JobRunId=first)["JobRunId"]
    run = wait_run(glue, job, again, ["SUCCEEDED"])
    assert run["Arguments"] == {"--stage": "production"}


def test_a_run_that_is_still_live_is_not_tried_again(glue: Any, make_job: MakeJob) -> None:
    job = make_job(WAIT, ExecutionProperty={"MaxConcurrentRuns": 3})
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    text = refused("InvalidInputException", glue.start_job_run, JobName=job, JobRunId=run_id)
    assert str(run_id_of(run_id)) in text
    assert len(glue.get_job_runs(JobName=job)["JobRuns"]) == 1
    glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    wait_run(glue, job, run_id, ["STOPPED"])


def test_a_run_of_a_deleted_job_is_none_of_its_namesake(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    wait_run(glue, job, run_id, ["SUCCEEDED"])
    glue.delete_job(JobName=job)
    make_job(name=job)
    refused("EntityNotFoundException", glue.start_job_run, JobName=job, JobRunId=run_id)
    refused("EntityNotFoundException", glue.get_job_run, JobName=job, RunId=run_id)
    assert glue.get_job_runs(JobName=job)["JobRuns"] == []


def test_texts_that_cannot_be_stored_are_refused(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    for members in (
        {"Arguments": {"--a": "b\0c"}},
        {"Arguments": {"a\0": "b"}},
        {"ExecutionRoleSessionPolicy": "a\0b"},
    ):
        refused("InvalidInputException", glue.start_job_run, JobName=job, **members)
    assert glue.get_job_runs(JobName=job)["JobRuns"] == []


def test_another_group_sees_nothing_of_a_run(
    glue: Any, make_job: MakeJob, glue_service: Any, fresh: Callable[[str], str]
) -> None:
    job = make_job()
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    other = glue_client(glue_service.url, fresh("AK"))
    command = {"Name": "pythonshell", "ScriptLocation": "/srv/x.py"}
    other.create_job(Name=job, Role=ROLE, Command=command)
    refused("EntityNotFoundException", other.get_job_run, JobName=job, RunId=run_id)
    assert other.get_job_runs(JobName=job)["JobRuns"] == []
    assert other.batch_stop_job_run(JobName=job, JobRunIds=[run_id])["Errors"]
    other.close()
    wait_run(glue, job, run_id, ["SUCCEEDED"])
