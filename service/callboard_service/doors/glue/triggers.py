"""The operations of Glue's triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.json import check_json
from callboard.domain.names import wide_name_problem
from callboard.domain.trigger import Trigger
from callboard.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from callboard.store.contract import TriggerFilter
from callboard_service.doors.glue.changing import undisturbed
from callboard_service.doors.glue.faults import (
    GlueFault,
    already_exists,
    invalid_input,
    not_found,
)
from callboard_service.doors.glue.jobs import check_runnable, find_job
from callboard_service.doors.glue.many import of_names
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tag_checks import check_tags
from callboard_service.doors.glue.tokens import page_by_bytes, place_of
from callboard_service.doors.glue.trigger_checks import (
    EVENT,
    check_definition,
    check_new,
)
from callboard_service.doors.glue.trigger_document import (
    glue_trigger,
    new_trigger,
    starts_active,
    state_of,
    type_of,
    updated_trigger,
)
from callboard_service.doors.glue.workflows import workflow_not_found
from callboard_service.portions import bytes_of, in_order_of_names, of_triggers


async def find_trigger(call: GlueCall, name: str) -> Trigger:
    """The caller's trigger.

    Raises:
        GlueFault: EntityNotFoundException.
    """
    try:
        return await call.board.get_trigger(call.group, name)
    except NotFound:
        raise trigger_not_found(name) from None


def trigger_not_found(name: str) -> GlueFault:
    """The fault for a trigger that is not there."""
    return not_found(f"Trigger {name} not found.")


async def create_trigger(call: GlueCall) -> Mapping[str, Any]:
    request = call.request
    check_new(request)
    check_tags(request.get("Tags", {}))
    wanted = new_trigger(call.group, request)
    try:
        await call.board.create_trigger(wanted, activate=starts_active(request))
    except AlreadyExists:
        raise already_exists(f"Trigger {wanted.name} already exists.") from None
    except InvalidInput as error:
        if any(problem.field == "workflow" for problem in error.problems):
            raise workflow_not_found() from None
        raise
    return {"Name": wanted.name}


async def update_trigger(call: GlueCall) -> Mapping[str, Any]:
    name, update = call.request["Name"], call.request["TriggerUpdate"]

    async def change() -> Trigger:
        present = await find_trigger(call, name)
        check_definition(type_of(present), update)
        wanted = updated_trigger(present, update)
        try:
            stored, _ = await call.board.replace_trigger(wanted, expected_version=present.version)
        except NotFound:
            raise trigger_not_found(name) from None
        return stored

    return {"Trigger": glue_trigger(await undisturbed(change, f"Trigger {name}"))}


async def delete_trigger(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    try:
        await call.board.delete_trigger(call.group, name)
    except NotFound:
        pass  # as it was wanted
    return {"Name": name}


async def start_trigger(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    trigger = await find_trigger(call, name)
    match type_of(trigger):
        case "EVENT":
            raise invalid_input(f"Trigger Type {EVENT} cannot be started")
        case "ON_DEMAND":
            await _fire(call, trigger)
        case _ if state_of(trigger) != "ACTIVATED":
            await _activate(call, name)
    return {"Name": name}


async def stop_trigger(call: GlueCall) -> Mapping[str, Any]:
    name = call.request["Name"]
    trigger = await find_trigger(call, name)
    state = state_of(trigger)
    if state == "CREATED":
        raise invalid_input(f"The operation is not allowed when trigger is in state: {state}")
    if state == "ACTIVATED":
        try:
            await call.board.deactivate_trigger(call.group, name)
        except NotFound:
            raise trigger_not_found(name) from None
    return {"Name": name}


async def get_trigger(call: GlueCall) -> Mapping[str, Any]:
    return {"Trigger": glue_trigger(await find_trigger(call, call.request["Name"]))}


async def get_triggers(call: GlueCall) -> Mapping[str, Any]:
    triggers, token = await _page(call, {})
    return {"Triggers": [glue_trigger(trigger) for trigger in triggers], "NextToken": token}


async def list_triggers(call: GlueCall) -> Mapping[str, Any]:
    tags = call.request.get("Tags", {})
    check_json(tags, "Tags")
    triggers, token = await _page(call, tags)
    return {"TriggerNames": [trigger.name for trigger in triggers], "NextToken": token}


async def batch_get_triggers(call: GlueCall) -> Mapping[str, Any]:
    board, own = call.board, TriggerFilter(group=call.group)
    triggers, missing = await of_names(
        call.request["TriggerNames"],
        own,
        board.get_trigger,
        board.list_triggers,
        lambda trigger: bytes_of(of_triggers([trigger])),
    )
    return {
        "Triggers": [glue_trigger(trigger) for trigger in triggers],
        "TriggersNotFound": missing,
    }


async def _fire(call: GlueCall, trigger: Trigger) -> None:
    try:
        await call.board.fire_trigger(call.group, trigger.name)
    except NotFound as error:
        # Of the trigger itself, or of a job that it would start.
        raise not_found(f"{error.kind.capitalize()} {error.key} not found.") from None
    except Conflict as refusal:
        if refusal.code == "job_disabled":
            for job in dict.fromkeys(action.job for action in trigger.actions):
                check_runnable(await find_job(call, job))
        raise


async def _activate(call: GlueCall, name: str) -> None:
    try:
        await call.board.activate_trigger(call.group, name)
    except NotFound:
        raise trigger_not_found(name) from None


async def _page(call: GlueCall, tags: Mapping[str, str]) -> tuple[Sequence[Trigger], str | None]:
    place = _place(call)
    name, job = (None, await _dependent_job(call)) if place is None else place
    after = None if name is None else (call.group, name)
    wanted = TriggerFilter(group=call.group, job=job, labels=tags, after=after)
    return await page_by_bytes(
        call,
        in_order_of_names(call.board.list_triggers, wanted),
        contents=of_triggers,
        place=lambda last: [last.name, job],
    )


def _place(call: GlueCall) -> tuple[str, str | None] | None:
    """The name that the page begins behind, and the job that the triggers of all pages start.

    A token can be made up by anybody.
    """
    place = place_of(call, list)
    if place is None:
        return None
    match place:
        case [str() as name, job] if not any(
            wide_name_problem(each, "NextToken") for each in (name, job) if each is not None
        ):
            return name, job
        case _:
            raise invalid_input("NextToken is not a token that this operation has given")


async def _dependent_job(call: GlueCall) -> str | None:
    """The job that the triggers have to start; None: all triggers, also where none starts it."""
    job: str | None = call.request.get("DependentJobName")
    if job is None:
        return None
    wanted = TriggerFilter(group=call.group, job=job, limit=1)
    return job if await call.board.list_triggers(wanted) else None


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "CreateTrigger": create_trigger,
        "UpdateTrigger": update_trigger,
        "DeleteTrigger": delete_trigger,
        "StartTrigger": start_trigger,
        "StopTrigger": stop_trigger,
        "GetTrigger": get_trigger,
        "GetTriggers": get_triggers,
        "ListTriggers": list_triggers,
        "BatchGetTriggers": batch_get_triggers,
    }
)
