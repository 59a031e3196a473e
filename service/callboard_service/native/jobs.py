"""/v1/jobs: the definitions of work."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.job import Job
from callboard.errors import FieldProblem
from callboard.store.contract import JobFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.definition import (
    check_patch,
    created_body,
    replaced_body,
    store_patched,
)
from callboard_service.native.groups import InGroup, IntoGroup, KnownName
from callboard_service.native.stored import find_or_none, stored_answer
from callboard_service.paging import Paged, by_name, page_by_bytes, place_of
from callboard_service.portions import in_order_of_names, of_jobs
from callboard_service.preconditions import (
    check_absent,
    expected_version,
    is_unchanged,
    version_tag,
)
from callboard_service.problems import bad_query
from callboard_service.wire.jobs import (
    JobInput,
    JobResource,
    job_document,
    job_resource,
    read_job,
)
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.shapes import JsonMap, Page


class JobsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which jobs to list."""

    group: KnownName | None = None
    kind: str | None = None
    label: Annotated[
        list[str], msgspec.Meta(description="`key:value`; may come more than once")
    ] = msgspec.field(default_factory=list)
    disabled: bool | None = None


async def create_job(call: Call[IntoGroup]) -> web.Response:
    job = read_job(created_body(call.body(), call.query.group))
    return _answer(call, await call.board.create_job(job), created=True)


async def list_jobs(call: Call[JobsQuery]) -> web.Response:
    query = call.query
    place = place_of("jobs", query)
    wanted = JobFilter(
        group=query.group,
        kind=query.kind,
        disabled=query.disabled,
        labels=labels_of(query.label),
        after=(place[0], place[1]) if place else None,
    )
    read = in_order_of_names(call.board.list_jobs, wanted)
    return json_answer(
        await page_by_bytes(
            "jobs", query, read, contents=of_jobs, shown_as=job_resource, place=by_name
        )
    )


async def get_job(call: Call[InGroup]) -> web.Response:
    job = await call.board.get_job(call.query.group, call.name)
    if is_unchanged(call.request, version_tag(job)):
        return web.Response(status=304, headers={"ETag": version_tag(job)})
    return _answer(call, job)


async def put_job(call: Call[InGroup]) -> web.Response:
    group, name = call.query.group, call.name
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "job", present)
    job = read_job(replaced_body(call.body(), present, name, group), is_new=present is None)
    stored, created = await call.board.replace_job(job, expected_version=expected)
    return _answer(call, stored, created=created)


async def patch_job(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Job:
        return await call.board.get_job(call.query.group, call.name)

    async def store(present: Job) -> tuple[Job, bool]:
        job = read_job(merge_patch(job_document(present), patch), is_new=False)
        if "parameters" not in patch and _handler_of(job) != _handler_of(present):
            job = replace(job, parameters=None)  # they were the other one's
        return await call.board.replace_job(job, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "job", get, store))


def _handler_of(job: Job) -> object:
    return job.kind, job.spec.get("handler")


async def delete_job(call: Call[InGroup]) -> web.Response:
    present = await _find(call)
    expected = expected_version(call.request, "job", present)
    await call.board.delete_job(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def _find(call: Call[InGroup]) -> Job | None:
    return await find_or_none(call.board.get_job(call.query.group, call.name))


def labels_of(texts: list[str]) -> dict[str, str]:
    """The labels that a query names. Raises Refusal for what is none."""
    labels: dict[str, str] = {}
    for text in texts:
        key, colon, value = text.partition(":")
        if not colon or not key:
            reason = f"{text[:80]!r} is not of the form key:value"
            raise bad_query([FieldProblem("label", reason, "e.g. label=team:data")])
        labels[key] = value
    return labels


def _answer(
    call: Call[InGroup] | Call[IntoGroup], job: Job, *, created: bool = False
) -> web.Response:
    return stored_answer(call, "get_job", job, job_resource(job), created=created)


_ONE: Final = "/v1/jobs/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/jobs",
        name="create_job",
        summary="Create a job",
        handle=create_job,
        query=IntoGroup,
        body=JobInput,
        answers={201: JobResource},
        problems=("already_exists", "invalid_input", "not_supported_yet"),
    ),
    Route(
        method="GET",
        path="/v1/jobs",
        name="list_jobs",
        summary="List jobs by group and name",
        handle=list_jobs,
        query=JobsQuery,
        answers={200: Page[JobResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_job",
        summary="Get a job",
        handle=get_job,
        query=InGroup,
        answers={200: JobResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_job",
        summary="Create or replace a job",
        handle=put_job,
        query=InGroup,
        body=JobInput,
        answers={200: JobResource, 201: JobResource},
        problems=("not_found", "stale_version", "invalid_input", "not_supported_yet"),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_job",
        summary="Change some fields of a job (JSON merge patch)",
        handle=patch_job,
        query=InGroup,
        body=JsonMap,
        answers={200: JobResource},
        problems=("not_found", "stale_version", "invalid_input", "not_supported_yet"),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_job",
        summary="Delete a job; its queued runs are stopped, its history stays",
        handle=delete_job,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "job_in_use", "stale_version"),
    ),
)
