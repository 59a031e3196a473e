"""GetJobBookmark and ResetJobBookmark, with scripts that leave a result behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.glue import refused, wait_run

MakeJob = Callable[..., str]

SCRIPT = """
    import json, os, sys
    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    with open(os.environ["CALLBOARD_RESULT_FILE"], "w") as file:
        json.dump({"until": given.get("--until")}, file)
    sys.exit(int(given.get("--code", "0")))
"""
ENABLED = {"--job-bookmark-option": "job-bookmark-enable"}


@pytest.fixture
def job(make_job: MakeJob) -> str:
    return make_job(SCRIPT, DefaultArguments=ENABLED)


def ran(glue: Any, job: str, **arguments: str) -> str:
    """The id of a run that has ended."""
    given = {f"--{name}": value for name, value in arguments.items()}
    run_id: str = glue.start_job_run(JobName=job, Arguments=given)["JobRunId"]
    wait_run(glue, job, run_id)
    return run_id


def got(glue: Any, job: str, **members: Any) -> dict[str, Any]:
    entry: dict[str, Any] = glue.get_job_bookmark(JobName=job, **members)["JobBookmarkEntry"]
    return entry


def test_a_bookmark_holds_what_the_last_success_left(glue: Any, job: str) -> None:
    first = ran(glue, job, until="monday")
    assert got(glue, job) == {
        "JobName": job,
        "Version": 1,
        "Run": 1,
        "Attempt": 0,
        "RunId": first,
        "JobBookmark": json.dumps({"until": "monday"}, separators=(",", ":")),
    }
    last = ran(glue, job, until="friday")
    entry = got(glue, job)
    assert (entry["RunId"], entry["PreviousRunId"], entry["Run"]) == (last, first, 2)
    assert got(glue, job, RunId=first)["JobBookmark"] == '{"until":"monday"}'


def test_a_failed_run_counts_an_attempt_and_moves_nothing(glue: Any, job: str) -> None:
    first = ran(glue, job, until="monday")
    ran(glue, job, until="tuesday", code="1")
    entry = got(glue, job)
    assert (entry["RunId"], entry["Run"], entry["Attempt"], entry["Version"]) == (first, 1, 1, 2)
    ran(glue, job, until="wednesday")
    entry = got(glue, job)
    assert (entry["Run"], entry["Attempt"], entry["Version"]) == (2, 1, 3)


@pytest.mark.parametrize("option", ["job-bookmark-disable", "job-bookmark-pause"])
def test_a_run_with_another_option_leaves_it_alone(glue: Any, job: str, option: str) -> None:
    run_id = glue.start_job_run(JobName=job, Arguments={"--job-bookmark-option": option})
    wait_run(glue, job, run_id["JobRunId"], ["SUCCEEDED"])
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=job)


def test_a_reset_starts_over(glue: Any, job: str) -> None:
    first = ran(glue, job, until="monday")
    entry = glue.reset_job_bookmark(JobName=job)["JobBookmarkEntry"]
    assert entry == {
        "JobName": job,
        "Version": 2,
        "Run": 0,
        "Attempt": 0,
        "PreviousRunId": first,
    }
    assert got(glue, job) == entry
    ran(glue, job, until="tuesday")
    assert (got(glue, job)["Run"], got(glue, job)["Version"]) == (1, 3)


def test_a_reset_to_a_run_goes_back_to_it(glue: Any, job: str) -> None:
    first, second = ran(glue, job, until="monday"), ran(glue, job, until="tuesday")
    entry = glue.reset_job_bookmark(JobName=job, RunId=first)["JobBookmarkEntry"]
    assert entry == {
        "JobName": job,
        "Version": 3,
        "Run": 1,
        "Attempt": 0,
        "RunId": first,
        "PreviousRunId": second,
        "JobBookmark": '{"until":"monday"}',
    }
    assert got(glue, job) == entry


def test_what_is_missing_is_named(glue: Any, job: str, make_job: MakeJob) -> None:
    stranger = ran(glue, make_job(SCRIPT, DefaultArguments=ENABLED))
    for call in (glue.get_job_bookmark, glue.reset_job_bookmark):
        text = refused("EntityNotFoundException", call, JobName="no such job")
        assert text == "Job no such job not found."
        assert job in refused("EntityNotFoundException", call, JobName=job)
        for run_id in (stranger, "jr_" + "0" * 64, "nonsense"):
            assert run_id in refused("EntityNotFoundException", call, JobName=job, RunId=run_id)


@pytest.mark.parametrize("name", ["", "a\0b", "two\nlines", "x" * 5000])
def test_a_name_that_no_job_can_have_is_not_found(glue: Any, name: str) -> None:
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=name)
    refused("EntityNotFoundException", glue.reset_job_bookmark, JobName=name)


def test_a_bookmark_goes_with_its_job(glue: Any, job: str, make_job: MakeJob) -> None:
    ran(glue, job)
    glue.delete_job(JobName=job)
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=job)
    make_job(SCRIPT, name=job, DefaultArguments=ENABLED)
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=job)
