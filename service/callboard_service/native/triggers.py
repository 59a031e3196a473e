"""/v1/triggers: when jobs are started."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard.domain.trigger import Trigger, TriggerState
from callboard.store.contract import TriggerFilter
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
from callboard_service.portions import in_order_of_names, of_triggers
from callboard_service.preconditions import check_absent, expected_version
from callboard_service.wire.many_triggers import NewTriggersInput, read_triggers
from callboard_service.wire.run_inputs import (
    FireInput,
    TellInput,
    read_fire,
    read_tell,
)
from callboard_service.wire.runs import RunResource, run_resource
from callboard_service.wire.shapes import JsonMap, Page
from callboard_service.wire.triggers import (
    TriggerInput,
    TriggerResource,
    patched_trigger,
    read_trigger,
    trigger_resource,
)


class TriggersQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which triggers to list."""

    group: KnownName | None = None
    job: KnownName | None = None
    state: TriggerState | None = None


async def create_trigger(call: Call[IntoGroup]) -> web.Response:
    trigger, activate = read_trigger(created_body(call.body(), call.query.group))
    stored = await call.board.create_trigger(trigger, activate=activate)
    return _answer(call, stored, created=True)


async def create_triggers(call: Call[IntoGroup]) -> web.Response:
    wanted = read_triggers(call.body(), lambda each: created_body(each, call.query.group))
    stored = await call.board.create_triggers(wanted)
    return json_answer(Page(items=[trigger_resource(each) for each in stored]), status=201)


async def list_triggers(call: Call[TriggersQuery]) -> web.Response:
    query = call.query
    place = place_of("triggers", query)
    wanted = TriggerFilter(
        group=query.group,
        job=query.job,
        state=query.state and query.state.value,
        after=(place[0], place[1]) if place else None,
    )
    read = in_order_of_names(call.board.list_triggers, wanted)
    return json_answer(
        await page_by_bytes(
            "triggers", query, read, contents=of_triggers, shown_as=trigger_resource, place=by_name
        )
    )


async def get_trigger(call: Call[InGroup]) -> web.Response:
    return _answer(call, await call.board.get_trigger(call.query.group, call.name))


async def put_trigger(call: Call[InGroup]) -> web.Response:
    group, name = call.query.group, call.name
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "trigger", present)
    body = replaced_body(call.body(), present, name, group)
    trigger, activate = read_trigger(body, is_new=present is None)
    stored, created = await call.board.replace_trigger(
        trigger, expected_version=expected, activate=activate
    )
    return _answer(call, stored, created=created)


async def patch_trigger(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Trigger:
        return await call.board.get_trigger(call.query.group, call.name)

    async def store(present: Trigger) -> tuple[Trigger, bool]:
        trigger = read_trigger(patched_trigger(present, patch), is_new=False)[0]
        return await call.board.replace_trigger(trigger, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "trigger", get, store))


async def delete_trigger(call: Call[InGroup]) -> web.Response:
    expected = expected_version(call.request, "trigger", await _find(call))
    await call.board.delete_trigger(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def activate_trigger(call: Call[InGroup]) -> web.Response:
    expected = await expected_trigger_version(call)
    return _answer(
        call,
        await call.board.activate_trigger(call.query.group, call.name, expected_version=expected),
    )


async def deactivate_trigger(call: Call[InGroup]) -> web.Response:
    expected = await expected_trigger_version(call)
    return _answer(
        call,
        await call.board.deactivate_trigger(call.query.group, call.name, expected_version=expected),
    )


async def fire_trigger(call: Call[InGroup]) -> web.Response:
    given = read_fire(call.body(optional=True))
    runs = await call.board.fire_trigger(
        call.query.group, call.name, arguments=given.arguments, overlap=given.overlap
    )
    return json_answer(Page(items=[run_resource(run) for run in runs]), status=201)


async def tell_event(call: Call[InGroup]) -> web.Response:
    given = read_tell(call.body(optional=True))
    trigger = await call.board.tell_event(call.query.group, call.name, count=given.count)
    return json_answer(trigger_resource(trigger))


async def expected_trigger_version(call: Call[InGroup]) -> int | None:
    """The version that If-Match demands; the trigger is read only when there is one."""
    if "If-Match" not in call.request.headers:
        return None
    return expected_version(call.request, "trigger", await _find(call))


async def _find(call: Call[InGroup]) -> Trigger | None:
    return await find_or_none(call.board.get_trigger(call.query.group, call.name))


def _answer(
    call: Call[InGroup] | Call[IntoGroup], trigger: Trigger, *, created: bool = False
) -> web.Response:
    return stored_answer(call, "get_trigger", trigger, trigger_resource(trigger), created=created)


_ONE: Final = "/v1/triggers/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/triggers",
        name="create_trigger",
        summary="Create a trigger, active unless start_on_create is false",
        handle=create_trigger,
        query=IntoGroup,
        body=TriggerInput,
        answers={201: TriggerResource},
        problems=("start_trigger", "already_exists", "invalid_input", "not_supported_yet"),
    ),
    Route(
        method="POST",
        path="/v1/triggers/bulk",
        name="create_triggers",
        summary="Create many triggers, all or none, in one commit",
        handle=create_triggers,
        query=IntoGroup,
        body=NewTriggersInput,
        answers={201: Page[TriggerResource]},
        problems=("start_trigger", "already_exists", "invalid_input", "not_supported_yet"),
    ),
    Route(
        method="GET",
        path="/v1/triggers",
        name="list_triggers",
        summary="List triggers by group and name",
        handle=list_triggers,
        query=TriggersQuery,
        answers={200: Page[TriggerResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_trigger",
        summary="Get a trigger",
        handle=get_trigger,
        query=InGroup,
        answers={200: TriggerResource},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_trigger",
        summary="Create or replace a trigger; an existing one keeps its state",
        handle=put_trigger,
        query=InGroup,
        body=TriggerInput,
        answers={200: TriggerResource, 201: TriggerResource},
        problems=(
            "start_trigger",
            "not_found",
            "stale_version",
            "invalid_input",
            "not_supported_yet",
        ),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_trigger",
        summary="Change some fields of a trigger (JSON merge patch)",
        handle=patch_trigger,
        query=InGroup,
        body=JsonMap,
        answers={200: TriggerResource},
        problems=(
            "start_trigger",
            "not_found",
            "stale_version",
            "invalid_input",
            "not_supported_yet",
        ),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_trigger",
        summary="Delete a trigger; its ledger and runs stay",
        handle=delete_trigger,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/activate",
        name="activate_trigger",
        summary="Begin to fire; does nothing to an active trigger",
        handle=activate_trigger,
        query=InGroup,
        answers={200: TriggerResource},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/deactivate",
        name="deactivate_trigger",
        summary="Cease to fire; the trigger stays",
        handle=deactivate_trigger,
        query=InGroup,
        answers={200: TriggerResource},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/fire",
        name="fire_trigger",
        summary="Start all its actions now, without a slot",
        handle=fire_trigger,
        query=InGroup,
        body=FireInput,
        body_optional=True,
        answers={201: Page[RunResource]},
        problems=(
            "not_start_trigger",
            "workflow_full",
            "not_found",
            "job_disabled",
            "overlap",
            "invalid_input",
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/events",
        name="tell_event",
        summary="Tell an event trigger that something happened; a batch of events is a slot",
        handle=tell_event,
        query=InGroup,
        body=TellInput,
        body_optional=True,
        answers={200: TriggerResource},
        problems=("not_found", "not_event_trigger", "trigger_not_active", "invalid_input"),
    ),
)
