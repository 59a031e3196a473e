"""The operations of Glue's jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.job import Job
from callboard.domain.json import check_json
from callboard.errors import AlreadyExists, NotFound
from callboard.store.contract import JobFilter
from callboard_service.doors.glue.changing import undisturbed
from callboard_service.doors.glue.faults import already_exists, invalid_input, not_found
from callboard_service.doors.glue.job_checks import check_definition, check_update
from callboard_service.doors.glue.job_document import (
    glue_definition,
    is_of_glue,
    new_job,
    updated_job,
    why_not_runnable,
)
from callboard_service.doors.glue.many import of_names
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tokens import page_by_bytes, place_of
from callboard_service.portions import bytes_of, in_order_of_names, of_jobs


async def find_job(call: GlueCall, name: str) -> Job:
    """The caller's job.

    Raises:
        GlueFault: EntityNotFoundException.
    """
    try:
        return await call.board.get_job(call.group, name)
    except NotFound:
        raise job_not_found(name) from None


def job_not_found(name: str) -> Exception:
    """The fault for a job that is not there."""
    return not_found(f"Job {name} not found.")


def check_runnable(job: Job) -> None:
    """Raise InvalidInputException, with the reason, for a job that cannot run here."""
    problem = why_not_runnable(job)
    if problem is not None:
        raise invalid_input(f"Job {job.name} cannot run here: {problem}")


def glue_job(job: Job) -> dict[str, Any]:
    """Glue's Job."""
    return {
        **glue_definition(job),
        "CreatedOn": job.created_at,
        "LastModifiedOn": job.updated_at,
    }


async def create_job(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    check_definition(call.request)
    try:
        await call.board.create_job(new_job(call.group, name, call.request))
    except AlreadyExists:
        raise already_exists(f"Job {name} already exists.") from None
    return {"Name": name}


async def update_job(call: GlueCall) -> Mapping[str, Any]:
    name, update = call.request["JobName"], call.request["JobUpdate"]
    check_update(update)

    async def change() -> None:
        present = await find_job(call, name)
        if not is_of_glue(present):
            raise _foreign(present)
        wanted = updated_job(present, update)
        try:
            await call.board.replace_job(wanted, expected_version=present.version)
        except NotFound:
            raise job_not_found(name) from None

    await undisturbed(change, f"Job {name}")
    return {"JobName": name}


def _foreign(job: Job) -> Exception:
    """Its definition has no words here: to overwrite it with a script would destroy it."""
    return invalid_input(
        f"Job {job.name} is a {job.kind} job that was not made by CreateJob: change it by the API "
        "that it was made by, or delete it and create it anew."
    )


async def delete_job(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["JobName"]
    try:
        await call.board.delete_job(call.group, name)
    except NotFound:
        pass  # as it was wanted
    return {"JobName": name}


async def get_job(call: GlueCall) -> Mapping[str, Any]:
    return {"Job": glue_job(await find_job(call, call.request["JobName"]))}


async def get_jobs(call: GlueCall) -> Mapping[str, Any]:
    jobs, token = await _page(call, {})
    return {"Jobs": [glue_job(job) for job in jobs], "NextToken": token}


async def list_jobs(call: GlueCall) -> Mapping[str, Any]:
    tags = call.request.get("Tags", {})
    check_json(tags, "Tags")
    jobs, token = await _page(call, tags)
    return {"JobNames": [job.name for job in jobs], "NextToken": token}


async def batch_get_jobs(call: GlueCall) -> Mapping[str, Any]:
    board, own = call.board, JobFilter(group=call.group)
    jobs, missing = await of_names(
        call.request["JobNames"],
        own,
        board.get_job,
        board.list_jobs,
        lambda job: bytes_of(of_jobs([job])),
    )
    return {"Jobs": [glue_job(job) for job in jobs], "JobsNotFound": missing}


async def _page(call: GlueCall, tags: Mapping[str, str]) -> tuple[Sequence[Job], str | None]:
    place = place_of(call, str)
    after = None if place is None else (call.group, place)
    wanted = JobFilter(group=call.group, labels=tags, after=after)
    return await page_by_bytes(
        call,
        in_order_of_names(call.board.list_jobs, wanted),
        contents=of_jobs,
        place=lambda last: last.name,
    )


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "CreateJob": create_job,
        "UpdateJob": update_job,
        "DeleteJob": delete_job,
        "GetJob": get_job,
        "GetJobs": get_jobs,
        "ListJobs": list_jobs,
        "BatchGetJobs": batch_get_jobs,
    }
)
