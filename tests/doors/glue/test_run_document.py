"""Runs of the board as Glue's JobRuns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard.domain.job import Job, OnFull
from callboard.domain.run import HELD, Run, RunError
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard_service.doors.glue.ids import glue_run_id
from callboard_service.doors.glue.job_document import new_job
from callboard_service.doors.glue.run_document import glue_job_run, start_annotations
from callboard_service.wire.state_words import GLUE as STATES
from support.factories import NOW, after, make_job, make_run
from support.glue import ROLE

COMMAND = {"Name": "glueetl", "ScriptLocation": "/srv/load.py"}


def glue_job(**members: Any) -> Job:
    return new_job("default", "load", {"Role": ROLE, "Command": COMMAND, **members})


JOB = glue_job()


def run_of(job: Job = JOB, **changes: Any) -> Run:
    return make_run(7, job, **changes)


def shown(run: Run, job: Job | None = JOB, seconds: float = 0) -> dict[str, Any]:
    """The members that are there."""
    document = glue_job_run(run, job, after(seconds))
    return {member: value for member, value in document.items() if value is not None}


def said(**members: Any) -> RunTerms:
    """Terms of a run whose start said this."""
    return RunTerms(annotations=start_annotations(members))


def test_every_state_has_a_word_of_glues() -> None:
    assert STATES.keys() == set(RunState)
    words = {state: shown(run_of(state=state))["JobRunState"] for state in RunState}
    assert words == STATES


def test_a_run_that_has_just_been_started() -> None:
    job = glue_job(Timeout=5, GlueVersion="5.0")
    assert shown(run_of(job, arguments={"--day": "friday", "n": [1]}), job, 30) == {
        "Id": "jr_" + "0" * 63 + "7",
        "JobName": "load",
        "Attempt": 0,
        "JobRunState": "STARTING",
        "StartedOn": NOW,
        "LastModifiedOn": NOW,
        "Arguments": {"--day": "friday", "n": "[1]"},
        "ExecutionTime": 0,
        "Timeout": 5,
        "JobMode": "SCRIPT",
        "JobRunQueuingEnabled": False,
        "GlueVersion": "5.0",
        "MaxCapacity": 10.0,
    }


@pytest.mark.parametrize(
    ("ended_at", "seconds", "execution"),
    [(None, 12.9, 10), (after(9.5), 500, 7), (None, 0, 0)],
)
def test_the_execution_time_counts_from_its_begin_to_its_end_or_to_now(
    ended_at: Any, seconds: float, execution: int
) -> None:
    state = RunState.RUNNING if ended_at is None else RunState.SUCCEEDED
    run = run_of(state=state, started_at=after(2), ended_at=ended_at)
    document = shown(run, seconds=seconds)
    assert document["ExecutionTime"] == execution
    assert document["StartedOn"] == after(2)
    assert document["LastModifiedOn"] == ended_at or after(2)
    assert document.get("CompletedOn") == ended_at


def test_a_later_attempt_names_the_one_before() -> None:
    run = run_of(attempt=3, previous_run_id=5, trigger="nightly")
    document = shown(run)
    assert (document["Attempt"], document["TriggerName"]) == (2, "nightly")
    assert document["PreviousRunId"] == glue_run_id(5)


def test_a_run_waits_where_runs_may_queue() -> None:
    queuing = replace(JOB, on_full=OnFull.QUEUE)
    no, yes = said(JobRunQueuingEnabled=False), said(JobRunQueuingEnabled=True)
    for job, terms, word in (
        (queuing, None, "WAITING"),
        (queuing, no, "STARTING"),
        (JOB, yes, "WAITING"),
        (JOB, None, "STARTING"),
    ):
        document = shown(run_of(job, terms=terms), job)
        assert document["JobRunState"] == word
        assert ("StateDetail" in document) is (word == "WAITING")
        assert document["JobRunQueuingEnabled"] is (word == "WAITING")
    running = shown(run_of(queuing, state=RunState.RUNNING), queuing)
    assert running["JobRunState"] == "RUNNING"


def test_a_held_run_waits() -> None:
    document = shown(run_of(due_at=HELD))
    assert document["JobRunState"] == "WAITING"
    assert "earlier runs" in document["StateDetail"]


def test_an_error_is_told_and_the_reason_of_a_stop_is_a_detail() -> None:
    error = RunError(type="CommandFailed", message="exit code 3")
    failed = shown(run_of(state=RunState.FAILED, error=error))
    assert failed["ErrorMessage"] == "exit code 3"
    assert "StateDetail" not in failed
    stopped = shown(run_of(state=RunState.STOPPED, error=error))
    assert stopped["StateDetail"] == "exit code 3"
    assert "ErrorMessage" not in stopped
    bare = replace(error, message="")
    assert shown(run_of(state=RunState.FAILED, error=bare))["ErrorMessage"] == "CommandFailed"


def test_what_the_start_said_wins_over_the_job() -> None:
    job = glue_job(
        SecurityConfiguration="theirs", NotificationProperty={"NotifyDelayAfter": 9}, Timeout=60
    )
    terms = replace(said(SecurityConfiguration="mine", Timeout=1), timeout_s=90)
    document = shown(run_of(job, terms=terms), job)
    assert document["SecurityConfiguration"] == "mine"
    assert document["NotificationProperty"] == {"NotifyDelayAfter": 9}
    assert document["Timeout"] == 2


def test_a_size_of_the_start_puts_all_sizes_of_the_job_aside() -> None:
    job = glue_job(WorkerType="G.1X", NumberOfWorkers=2)
    document = shown(run_of(job), job)
    assert (document["WorkerType"], document["NumberOfWorkers"]) == ("G.1X", 2)
    document = shown(run_of(job, terms=said(MaxCapacity=3.0)), job)
    assert document["MaxCapacity"] == 3.0
    assert not document.keys() & {"WorkerType", "NumberOfWorkers", "AllocatedCapacity"}


def test_only_what_was_said_is_kept() -> None:
    assert start_annotations({"JobName": "load", "Arguments": {}, "Timeout": 3}) == {}
    kept = start_annotations({"JobName": "load", "WorkerType": "G.1X", "NumberOfWorkers": 2})
    assert kept == {"glue": {"WorkerType": "G.1X", "NumberOfWorkers": 2}}


def test_the_run_of_a_job_that_is_gone_tells_what_it_knows_itself() -> None:
    run = run_of(terms=replace(said(WorkerType="G.1X"), timeout_s=60))
    document = shown(run, None)
    assert (document["WorkerType"], document["Timeout"]) == ("G.1X", 1)
    assert "JobMode" not in document


def test_annotations_of_others_do_no_harm() -> None:
    for kept in ({"glue": "text"}, {"glue": {"Id": "x", "WorkerType": "G.1X"}}, {"a": 1}):
        document = shown(run_of(terms=RunTerms(annotations=kept)))
        assert document["Id"] == glue_run_id(7)


def test_the_run_of_a_native_job_is_shown_too() -> None:
    job = replace(make_job("native"), timeout_s=61)
    run = run_of(job, state=RunState.RUNNING, started_at=NOW - timedelta(seconds=3))
    document = shown(run, job)
    assert (document["JobName"], document["Timeout"]) == ("native", 2)
    assert document["ExecutionTime"] == 3
