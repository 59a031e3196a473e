"""/v1/queues: capacities, rates and pauses that the runs of several jobs share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from callboard.domain.queue import Queue
from callboard.store.contract import QueueFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.definition import (
    check_patch,
    created_body,
    replaced_body,
    store_patched,
)
from callboard_service.native.groups import InGroup, IntoGroup, KnownName
from callboard_service.native.stored import find_or_none, stored_answer
from callboard_service.paging import Paged, by_name, page_of, place_of
from callboard_service.preconditions import check_absent, expected_version, version_tag
from callboard_service.wire.queues import (
    COUNTS,
    QueueInput,
    QueueResource,
    QueueStatus,
    patched_queue,
    queue_resource,
    queue_status,
    read_queue,
)
from callboard_service.wire.shapes import JsonMap, Page


class QueuesQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which queues to list."""

    group: KnownName | None = None


async def create_queue(call: Call[IntoGroup]) -> web.Response:
    queue = read_queue(created_body(call.body(), call.query.group))
    return _answer(call, await call.board.create_queue(queue), created=True)


async def list_queues(call: Call[QueuesQuery]) -> web.Response:
    query = call.query
    place = place_of("queues", query)
    queues = await call.board.list_queues(
        QueueFilter(
            group=query.group,
            after=(place[0], place[1]) if place else None,
            limit=query.limit + 1,
        )
    )
    return json_answer(page_of("queues", query, queues, shown_as=queue_resource, place=by_name))


async def get_queue(call: Call[InGroup]) -> web.Response:
    queue = await call.board.get_queue(call.query.group, call.name)
    counts = await call.board.count_queue(queue.group, queue.name)
    return json_answer(queue_status(queue, counts), headers={"ETag": version_tag(queue)})


async def put_queue(call: Call[InGroup]) -> web.Response:
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "queue", present)
    body = replaced_body(_without_counts(call.body()), present, call.name, call.query.group)
    stored, created = await call.board.replace_queue(read_queue(body), expected_version=expected)
    return _answer(call, stored, created=created)


async def patch_queue(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Queue:
        return await call.board.get_queue(call.query.group, call.name)

    async def store(present: Queue) -> tuple[Queue, bool]:
        queue = read_queue(patched_queue(present, patch))
        return await call.board.replace_queue(queue, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "queue", get, store))


async def pause_queue(call: Call[InGroup]) -> web.Response:
    return await _change(call, call.board.pause_queue)


async def resume_queue(call: Call[InGroup]) -> web.Response:
    return await _change(call, call.board.resume_queue)


async def delete_queue(call: Call[InGroup]) -> web.Response:
    expected = expected_version(call.request, "queue", await _find(call))
    await call.board.delete_queue(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def _change(call: Call[InGroup], change: Callable[..., Awaitable[Queue]]) -> web.Response:
    expected = expected_version(call.request, "queue", await _find(call))
    return _answer(call, await change(call.query.group, call.name, expected_version=expected))


async def _find(call: Call[InGroup]) -> Queue | None:
    return await find_or_none(call.board.get_queue(call.query.group, call.name))


def _without_counts(raw: Any) -> Any:
    """A queue that was read, edited and sent back."""
    if not isinstance(raw, dict):
        return raw
    return {field: value for field, value in raw.items() if field not in COUNTS}


def _answer(
    call: Call[InGroup] | Call[IntoGroup], queue: Queue, *, created: bool = False
) -> web.Response:
    return stored_answer(call, "get_queue", queue, queue_resource(queue), created=created)


_ONE: Final = "/v1/queues/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/queues",
        name="create_queue",
        summary="Create a queue",
        handle=create_queue,
        query=IntoGroup,
        body=QueueInput,
        answers={201: QueueResource},
        problems=("already_exists", "invalid_input"),
    ),
    Route(
        method="GET",
        path="/v1/queues",
        name="list_queues",
        summary="List queues by group and name",
        handle=list_queues,
        query=QueuesQuery,
        answers={200: Page[QueueResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_queue",
        summary="Get a queue, and how many runs wait and run in it",
        handle=get_queue,
        query=InGroup,
        answers={200: QueueStatus},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_queue",
        summary="Create or replace a queue; what runs already goes on",
        handle=put_queue,
        query=InGroup,
        body=QueueInput,
        answers={200: QueueResource, 201: QueueResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_queue",
        summary="Change some fields of a queue (JSON merge patch)",
        handle=patch_queue,
        query=InGroup,
        body=JsonMap,
        answers={200: QueueResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        name="pause_queue",
        summary="Let no run of a queue begin until it is resumed",
        handle=pause_queue,
        query=InGroup,
        answers={200: QueueResource},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        name="resume_queue",
        summary="Let the runs of a queue begin again",
        handle=resume_queue,
        query=InGroup,
        answers={200: QueueResource},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_queue",
        summary="Delete a queue that no job names",
        handle=delete_queue,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "stale_version", "queue_in_use"),
    ),
)
