"""Runs by boto3: started, watched, stopped, tried again; what their scripts get to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.glue import ROLE, refused, wait_run

MakeJob = Callable[..., str]
Script = Callable[..., str]

TELL_ARGUMENTS = """
    import json, os, sys
    with open(os.environ["CALLBOARD_RESULT_FILE"], "w") as file:
        json.dump(sys.argv[1:], file)
"""
WAIT = "import time; time.sleep(600)"
FAIL = "raise SystemExit('no luck')"


def ended(glue: Any, job: str, **members: Any) -> dict[str, Any]:
    """The JobRun of a new run that has ended."""
    return wait_run(glue, job, glue.start_job_run(JobName=job, **members)["JobRunId"])


def test_a_run_goes_from_starting_to_succeeded(glue: Any, make_job: MakeJob) -> None:
    job = make_job("print('done')")
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    assert len(run_id) == len("jr_") + 64
    run = wait_run(glue, job, run_id, ["SUCCEEDED"])
    assert (run["Id"], run["JobName"], run["Attempt"]) == (run_id, job, 0)
    assert "TriggerName" not in run
    assert "PreviousRunId" not in run
    assert run["StartedOn"] <= run["CompletedOn"]
    assert run["ExecutionTime"] >= 0


def test_arguments_are_merged_and_the_fixed_ones_win(
    glue: Any, make_job: MakeJob, tmp_path: Path
) -> None:
    out = tmp_path / "argv"
    job = make_job(
        f"""
        import json, sys
        open({str(out)!r}, "w").write(json.dumps(sys.argv[1:]))
        """,
        DefaultArguments={"--day": "monday", "--source": "orders"},
        NonOverridableArguments={"--stage": "production"},
    )
    run = ended(glue, job, Arguments={"--day": "friday", "--stage": "mine", "--more": "a b"})
    merged = {"--day": "friday", "--source": "orders", "--stage": "production", "--more": "a b"}
    assert run["Arguments"] == merged
    argv = json.loads(out.read_text())
    given = dict(zip(argv[::2], argv[1::2], strict=True))
    assert given == {"--JOB_NAME": job, **merged}


def test_a_script_that_fails_is_failed_with_its_words(glue: Any, make_job: MakeJob) -> None:
    run = ended(glue, make_job(FAIL))
    assert run["JobRunState"] == "FAILED"
    assert "no luck" in run["ErrorMessage"]


def test_a_missing_script_fails_the_run(glue: Any, make_job: MakeJob) -> None:
    job = make_job(Command={"Name": "pythonshell", "ScriptLocation": "/nowhere/x.py"})
    run = ended(glue, job)
    assert run["JobRunState"] == "FAILED"
    assert "/nowhere/x.py" in run["ErrorMessage"]


@pytest.mark.parametrize(
    "command", [{"Name": "gluestreaming"}, {"Name": "glueray"}, {"Name": "pythonshell"}]
)
def test_what_cannot_run_here_is_stored_and_refused_at_start(
    glue: Any, make_job: MakeJob, command: dict[str, str]
) -> None:
    job = make_job(Command=command)
    assert glue.get_job(JobName=job)["Job"]["Command"] == command
    refused("InvalidInputException", glue.start_job_run, JobName=job)
    assert glue.get_job_runs(JobName=job)["JobRuns"] == []


async def test_failures_are_tried_again_as_often_as_said(
    virtual_glue: Any, glue_job: Callable[..., dict[str, Any]]
) -> None:
    await virtual_glue("create_job", **glue_job("bad", FAIL, MaxRetries=1))
    await virtual_glue("start_job_run", JobName="bad")
    await virtual_glue.clock.advance(600)
    again, first = (await virtual_glue("get_job_runs", JobName="bad"))["JobRuns"]
    assert (first["JobRunState"], first["Attempt"]) == ("FAILED", 0)
    assert (again["JobRunState"], again["Attempt"]) == ("FAILED", 1)
    assert again["PreviousRunId"] == first["Id"]


def test_a_run_can_be_tried_again_by_its_id(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    first = ended(glue, job, Arguments={"--day": "friday"})
    again = ended(glue, job, JobRunId=first["Id"])
    assert again["PreviousRunId"] == first["Id"]
    assert again["Id"] != first["Id"]
    assert again["Arguments"] == {"--day": "friday"}


def test_no_more_runs_at_once_than_allowed(glue: Any, make_job: MakeJob) -> None:
    job = make_job(WAIT)
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    text = refused("ConcurrentRunsExceededException", glue.start_job_run, JobName=job)
    assert job in text
    assert len(glue.get_job_runs(JobName=job)["JobRuns"]) == 1
    glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    wait_run(glue, job, run_id, ["STOPPED"])
    again = glue.start_job_run(JobName=job)["JobRunId"]
    glue.batch_stop_job_run(JobName=job, JobRunIds=[again])
    wait_run(glue, job, again, ["STOPPED"])


def test_a_queued_run_waits_for_its_turn(glue: Any, make_job: MakeJob, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = make_job(
        f"""
        import pathlib, time
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.02)
        """
    )
    first = glue.start_job_run(JobName=job)["JobRunId"]
    wait_run(glue, job, first, ["RUNNING"])
    second = glue.start_job_run(JobName=job, JobRunQueuingEnabled=True)["JobRunId"]
    assert glue.get_job_run(JobName=job, RunId=second)["JobRun"]["JobRunState"] == "WAITING"
    gate.touch()
    wait_run(glue, job, first, ["SUCCEEDED"])
    wait_run(glue, job, second, ["SUCCEEDED"])


def test_each_id_to_stop_has_its_own_answer(glue: Any, make_job: MakeJob) -> None:
    quick, slow = make_job(), make_job(WAIT, MaxRetries=3)
    over = ended(glue, quick)["Id"]
    run_id = glue.start_job_run(JobName=slow)["JobRunId"]
    unknown = "jr_" + "ab" * 32
    ids = [run_id, unknown, "no id at all", over]
    answer = glue.batch_stop_job_run(JobName=slow, JobRunIds=ids)
    assert answer["SuccessfulSubmissions"] == [{"JobName": slow, "JobRunId": run_id}]
    assert [error["JobRunId"] for error in answer["Errors"]] == ids[1:]
    assert all(error["ErrorDetail"]["ErrorCode"] for error in answer["Errors"])
    assert wait_run(glue, slow, run_id, ["STOPPED"])["CompletedOn"]
    # A stopped run is not a failure: nothing tries again.
    assert len(glue.get_job_runs(JobName=slow)["JobRuns"]) == 1
    late = glue.batch_stop_job_run(JobName=slow, JobRunIds=[run_id])
    assert late["SuccessfulSubmissions"] == []
    assert [error["JobRunId"] for error in late["Errors"]] == [run_id]


def test_runs_are_listed_newest_first(glue: Any, make_job: MakeJob) -> None:
    job = make_job(ExecutionProperty={"MaxConcurrentRuns": 10})
    ids = [glue.start_job_run(JobName=job)["JobRunId"] for _ in range(4)]
    runs = glue.get_job_runs(JobName=job)["JobRuns"]
    assert [run["Id"] for run in runs] == ids[::-1]
    for run_id in ids:
        wait_run(glue, job, run_id, ["SUCCEEDED"])


def test_a_run_of_another_job_is_not_found(glue: Any, make_job: MakeJob) -> None:
    mine, other = make_job(), make_job()
    run_id = ended(glue, mine)["Id"]
    for job, wrong in ((other, run_id), (mine, "jr_" + "0" * 64), (mine, "nonsense")):
        refused("EntityNotFoundException", glue.get_job_run, JobName=job, RunId=wrong)
    refused("EntityNotFoundException", glue.start_job_run, JobName=other, JobRunId=run_id)


def test_what_a_start_says_is_shown_on_its_run(glue: Any, fresh: Any, script: Script) -> None:
    job = fresh("job")
    glue.create_job(
        Name=job,
        Role=ROLE,
        Command={"Name": "glueetl", "ScriptLocation": script()},
        GlueVersion="4.0",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        Timeout=60,
    )
    run = ended(
        glue,
        job,
        WorkerType="G.2X",
        NumberOfWorkers=5,
        Timeout=7,
        SecurityConfiguration="encrypted",
        NotificationProperty={"NotifyDelayAfter": 3},
        ExecutionClass="STANDARD",
    )
    assert (run["WorkerType"], run["NumberOfWorkers"], run["Timeout"]) == ("G.2X", 5, 7)
    assert run["SecurityConfiguration"] == "encrypted"
    assert run["NotificationProperty"] == {"NotifyDelayAfter": 3}
    assert (run["GlueVersion"], run["ExecutionClass"]) == ("4.0", "STANDARD")
    plain_run = ended(glue, job)
    assert (plain_run["WorkerType"], plain_run["Timeout"]) == ("G.1X", 60)


def test_history_goes_with_a_deleted_job(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    run_id = ended(glue, job)["Id"]
    glue.delete_job(JobName=job)
    refused("EntityNotFoundException", glue.get_job_run, JobName=job, RunId=run_id)
    refused("EntityNotFoundException", glue.get_job_runs, JobName=job)


def test_a_bookmark_moves_with_each_success_and_can_be_taken_back(
    glue: Any, make_job: MakeJob
) -> None:
    job = make_job(
        TELL_ARGUMENTS, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"}
    )
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=job)
    first = ended(glue, job)["Id"]
    second = ended(glue, job, Arguments={"--day": "friday"})["Id"]
    ended(glue, job, Arguments={"--job-bookmark-option": "job-bookmark-disable"})
    entry = glue.get_job_bookmark(JobName=job)["JobBookmarkEntry"]
    assert (entry["JobName"], entry["Run"], entry["RunId"]) == (job, 2, second)
    assert entry["PreviousRunId"] == first
    assert "friday" in json.loads(entry["JobBookmark"])
    back = glue.reset_job_bookmark(JobName=job, RunId=first)["JobBookmarkEntry"]
    assert back["RunId"] == first
    assert back["Version"] > entry["Version"]
    glue.reset_job_bookmark(JobName=job)
    assert glue.get_job_bookmark(JobName=job)["JobBookmarkEntry"]["Run"] == 0
