"""Pausing and resuming: a trigger, a job's, a group's, all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from callboard.domain.trigger import TriggerState
from callboard.errors import NotFound
from callboard.operations import BulkChange
from callboard.store.contract import TriggerFilter
from callboard_service.call import Call, NoQuery, Route, json_answer
from callboard_service.native.definition import created_body
from callboard_service.native.groups import InGroup, KnownName
from callboard_service.native.triggers import expected_trigger_version
from callboard_service.preconditions import version_tag
from callboard_service.wire.pauses import (
    BulkPause,
    BulkPauseInput,
    BulkResumeInput,
    GroupPauseInput,
    GroupResumeInput,
    PauseInput,
    ResumedTrigger,
    ResumeInput,
    SlotsBetween,
    read_pause,
    read_resume,
)
from callboard_service.wire.triggers import TriggerResource, trigger_resource


class OfGroup(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose triggers a bulk change is about."""

    group: Annotated[
        KnownName | None, msgspec.Meta(description="only of this owner; the body may name it, too")
    ] = None


async def pause_trigger(call: Call[InGroup]) -> web.Response:
    _, until = read_pause(call.body(optional=True), PauseInput)
    trigger = await call.board.pause_trigger(
        call.query.group,
        call.name,
        until=until,
        expected_version=await expected_trigger_version(call),
    )
    return json_answer(trigger_resource(trigger), headers={"ETag": version_tag(trigger)})


async def resume_trigger(call: Call[InGroup]) -> web.Response:
    missed = read_resume(call.body(optional=True), ResumeInput).missed
    resumed = await call.board.resume_trigger(
        call.query.group,
        call.name,
        missed=missed,
        expected_version=await expected_trigger_version(call),
    )
    between = SlotsBetween(
        missed=missed, count=resumed.slots, first=resumed.first, last=resumed.last
    )
    resource = trigger_resource(resumed.trigger)
    return json_answer(
        ResumedTrigger(**msgspec.structs.asdict(resource), between=between),
        headers={"ETag": version_tag(resumed.trigger)},
    )


async def pause_triggers(call: Call[OfGroup]) -> web.Response:
    given, until = read_pause(_in_group(call), BulkPauseInput)
    return await _pause(call, TriggerFilter(group=given.group, job=given.job), given, until)


async def resume_triggers(call: Call[OfGroup]) -> web.Response:
    given = read_resume(_in_group(call), BulkResumeInput)
    return await _resume(call, TriggerFilter(group=given.group, job=given.job), given)


async def pause_job(call: Call[InGroup]) -> web.Response:
    await call.board.get_job(call.query.group, call.name)
    return await _pause_named(call, TriggerFilter(group=call.query.group, job=call.name))


async def resume_job(call: Call[InGroup]) -> web.Response:
    await call.board.get_job(call.query.group, call.name)
    return await _resume_named(call, TriggerFilter(group=call.query.group, job=call.name))


async def pause_group(call: Call[NoQuery]) -> web.Response:
    return await _pause_named(call, await _in_known_group(call))


async def resume_group(call: Call[NoQuery]) -> web.Response:
    return await _resume_named(call, await _in_known_group(call))


async def _in_known_group(call: Call[NoQuery]) -> TriggerFilter:
    """The triggers of the path's group; a group is known by them, so a misspelt one is told."""
    if not await call.board.list_triggers(TriggerFilter(group=call.name, limit=1)):
        raise NotFound("trigger in the group", call.name)
    return TriggerFilter(group=call.name)


async def _pause_named(call: Call[InGroup] | Call[NoQuery], wanted: TriggerFilter) -> web.Response:
    given, until = read_pause(call.body(optional=True), GroupPauseInput)
    return await _pause(call, wanted, given, until)


async def _resume_named(call: Call[InGroup] | Call[NoQuery], wanted: TriggerFilter) -> web.Response:
    return await _resume(call, wanted, read_resume(call.body(optional=True), GroupResumeInput))


async def _pause(
    call: Call[Any], wanted: TriggerFilter, given: GroupPauseInput, until: datetime | None
) -> web.Response:
    change = await call.board.pause_triggers(wanted, until=until, dry_run=given.dry_run)
    return _bulk(change, TriggerState.PAUSED, dry_run=given.dry_run)


async def _resume(call: Call[Any], wanted: TriggerFilter, given: GroupResumeInput) -> web.Response:
    change = await call.board.resume_triggers(wanted, missed=given.missed, dry_run=given.dry_run)
    return _bulk(change, TriggerState.ACTIVE, dry_run=given.dry_run)


def _in_group(call: Call[OfGroup]) -> Any:
    """The body of a bulk change, with the group of the query where it names none."""
    body = call.body(optional=True)
    return body if call.query.group is None else created_body(body, call.query.group)


def _bulk(change: BulkChange, state: TriggerState, *, dry_run: bool) -> web.Response:
    return json_answer(
        BulkPause(
            matched=change.matched,
            changed=change.changed,
            slots=change.slots if state is TriggerState.ACTIVE else None,
            state=state,
            dry_run=dry_run,
        )
    )


_TRIGGER: Final = "/v1/triggers/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path=f"{_TRIGGER}/pause",
        name="pause_trigger",
        summary="Skip its slots until it is resumed, or until an instant",
        handle=pause_trigger,
        query=InGroup,
        body=PauseInput,
        body_optional=True,
        answers={200: TriggerResource},
        problems=("not_found", "stale_version", "not_pausable", "invalid_input"),
    ),
    Route(
        method="POST",
        path=f"{_TRIGGER}/resume",
        name="resume_trigger",
        summary="Fire again, and say what becomes of the slots between",
        handle=resume_trigger,
        query=InGroup,
        body=ResumeInput,
        body_optional=True,
        answers={200: ResumedTrigger},
        problems=("not_found", "stale_version", "not_paused", "invalid_input"),
    ),
    Route(
        method="POST",
        path="/v1/triggers/pause",
        name="pause_triggers",
        summary="Pause all active triggers that a filter names, or count them",
        handle=pause_triggers,
        query=OfGroup,
        body=BulkPauseInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("invalid_input",),
    ),
    Route(
        method="POST",
        path="/v1/triggers/resume",
        name="resume_triggers",
        summary="Resume all paused triggers that a filter names, or count them",
        handle=resume_triggers,
        query=OfGroup,
        body=BulkResumeInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("invalid_input",),
    ),
    Route(
        method="POST",
        path="/v1/jobs/{name}/pause",
        name="pause_job",
        summary="Pause the triggers that start a job",
        handle=pause_job,
        query=InGroup,
        body=GroupPauseInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("not_found", "invalid_input"),
    ),
    Route(
        method="POST",
        path="/v1/jobs/{name}/resume",
        name="resume_job",
        summary="Resume the triggers that start a job",
        handle=resume_job,
        query=InGroup,
        body=GroupResumeInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("not_found", "invalid_input"),
    ),
    Route(
        method="POST",
        path="/v1/groups/{name}/pause",
        name="pause_group",
        summary="Pause the triggers of a group",
        handle=pause_group,
        query=NoQuery,
        body=GroupPauseInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("not_found", "invalid_input"),
    ),
    Route(
        method="POST",
        path="/v1/groups/{name}/resume",
        name="resume_group",
        summary="Resume the triggers of a group",
        handle=resume_group,
        query=NoQuery,
        body=GroupResumeInput,
        body_optional=True,
        answers={200: BulkPause},
        problems=("not_found", "invalid_input"),
    ),
)
