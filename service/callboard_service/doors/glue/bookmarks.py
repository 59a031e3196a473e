"""The operations of Glue's job bookmarks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from callboard.domain.bookmark import Bookmark
from callboard.domain.names import wide_name_problem
from callboard.errors import NotFound
from callboard_service.doors.glue.faults import GlueFault, not_found
from callboard_service.doors.glue.ids import glue_run_id, run_id_of
from callboard_service.doors.glue.jobs import find_job, job_not_found
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.runs import run_not_found


async def get_job_bookmark(call: GlueCall) -> Mapping[str, Any]:
    job, run_id = await _job_name(call), _run_id(call)
    try:
        bookmark = await call.board.get_bookmark(call.group, job, run_id=run_id)
    except NotFound:
        raise job_not_found(job) from None
    if bookmark is None:
        raise _bookmark_not_found(call)
    return {"JobBookmarkEntry": _entry(job, bookmark)}


async def reset_job_bookmark(call: GlueCall) -> Mapping[str, Any]:
    job, run_id = await _job_name(call), _run_id(call)
    try:
        bookmark = await call.board.reset_bookmark(call.group, job, run_id=run_id)
    except NotFound:
        raise _bookmark_not_found(call) from None
    return {"JobBookmarkEntry": _entry(job, bookmark)}


async def _job_name(call: GlueCall) -> str:
    """The name of a job that is there; here alone the model lets any text pass for one."""
    name: str = call.request["JobName"]
    if wide_name_problem(name, "JobName") is not None:
        raise job_not_found(name)
    return (await find_job(call, name)).name


def _run_id(call: GlueCall) -> int | None:
    given = call.request.get("RunId")
    if given is None:
        return None
    number = run_id_of(given)
    if number is None:
        raise run_not_found(given)
    return number


def _bookmark_not_found(call: GlueCall) -> GlueFault:
    run_id = call.request.get("RunId")
    of_run = "" if run_id is None else f" at run {run_id}"
    return not_found(f"Job bookmark of job {call.request['JobName']}{of_run} not found.")


def _entry(job: str, bookmark: Bookmark) -> dict[str, Any]:
    run_id, previous = bookmark.run_id, bookmark.previous_run_id
    return {
        "JobName": job,
        "Version": bookmark.version,
        "Run": bookmark.run,
        "Attempt": bookmark.attempt,
        "PreviousRunId": None if previous is None else glue_run_id(previous),
        "RunId": None if run_id is None else glue_run_id(run_id),
        "JobBookmark": None
        if run_id is None
        else orjson.dumps(bookmark.value, default=dict).decode(),
    }


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GetJobBookmark": get_job_bookmark,
        "ResetJobBookmark": reset_job_bookmark,
    }
)
