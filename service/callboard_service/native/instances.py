"""/v1/instances: batch jobs with their identifying parameters, and all that was done of them."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from aiohttp import web

from callboard.domain.batch_instance import BatchInstance
from callboard.domain.names import DEFAULT_GROUP
from callboard.errors import NotFound
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import KnownName
from callboard_service.native.tagged import tagged_answer
from callboard_service.paging import Paged, by_id, page_by_bytes, page_of, place_of
from callboard_service.portions import of_instances
from callboard_service.preconditions import check_unchanged, content_tag
from callboard_service.wire.batch import InstanceResource, instance_resource
from callboard_service.wire.batch_totals import TotalsResource, totals_resource
from callboard_service.wire.runs import RunResource, run_resource
from callboard_service.wire.shapes import Page
from callboard_service.wire.text import encode_json

KIND: Final = "instance"
OfGroup: TypeAlias = Annotated[
    KnownName, msgspec.Meta(description="one of another group is not found")
]


class InstancesQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which instances of a job to list; also of one that is deleted."""

    group: KnownName = DEFAULT_GROUP


class OneInstance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The path names the instance."""

    group: OfGroup | None = None


class InstanceRunsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which runs of an instance to list."""

    group: OfGroup | None = None


async def list_instances(call: Call[InstancesQuery]) -> web.Response:
    query = call.query
    place = place_of("instances", query)
    begin = place[0] if place else None

    async def read(last: BatchInstance | None, limit: int) -> list[BatchInstance]:
        before_id = begin if last is None else last.id
        return await call.board.operator.instances(
            call.name, group=query.group, limit=limit, before_id=before_id
        )

    return json_answer(
        await page_by_bytes(
            "instances",
            query,
            read,
            contents=of_instances,
            shown_as=instance_resource,
            place=by_id,
        )
    )


async def get_instance(call: Call[OneInstance]) -> web.Response:
    return tagged_answer(call, instance_resource(await _instance(call)))


async def delete_instance(call: Call[OneInstance]) -> web.Response:
    instance = await _instance(call)
    check_unchanged(call.request, content_tag(encode_json(instance_resource(instance))))
    await call.board.operator.delete_instance(instance.id)
    return web.Response(status=204)


async def list_instance_runs(call: Call[InstanceRunsQuery]) -> web.Response:
    query = call.query
    place = place_of("instance_runs", query)
    runs = await call.board.operator.runs((await _instance(call)).id)
    # An instance has few of them: each one is somebody's restart.
    found = [run for run in runs if place is None or run.id < place[0]]
    return json_answer(
        page_of("instance_runs", query, found, shown_as=run_resource, place=by_id),
    )


async def get_totals(call: Call[OneInstance]) -> web.Response:
    instance = await _instance(call)
    totals = await call.board.operator.totals(instance.id)
    return tagged_answer(call, totals_resource(instance, totals))


async def _instance(call: Call[OneInstance] | Call[InstanceRunsQuery]) -> BatchInstance:
    """Raises NotFound, also where it is of another group than the query names."""
    instance_id = call.id_of(KIND)
    instance = await call.board.operator.instance(instance_id)
    if call.query.group not in (None, instance.group):
        raise NotFound(KIND, instance_id)
    return instance


_ONE: Final = "/v1/instances/{id}"

ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/jobs/{name}/instances",
        name="list_instances",
        summary="List the instances of a batch job, newest first",
        handle=list_instances,
        query=InstancesQuery,
        answers={200: Page[InstanceResource]},
        problems=("not_found", "invalid_cursor"),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_instance",
        summary="Get an instance of a batch job",
        handle=get_instance,
        query=OneInstance,
        answers={200: InstanceResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_instance",
        summary="Forget an instance and what its steps did; its runs stay in the history",
        handle=delete_instance,
        query=OneInstance,
        answers={204: None},
        problems=("not_found", "run_already_running", "stale_version"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/runs",
        name="list_instance_runs",
        summary="List the runs of an instance, newest first",
        handle=list_instance_runs,
        query=InstanceRunsQuery,
        answers={200: Page[RunResource]},
        problems=("not_found", "invalid_cursor"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/totals",
        name="get_totals",
        summary="Add up what all runs of an instance have done, step by step",
        handle=get_totals,
        query=OneInstance,
        answers={200: TotalsResource, 304: None},
        problems=("not_found",),
    ),
)
