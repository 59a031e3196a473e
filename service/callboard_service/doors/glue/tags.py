"""The operations of Glue's tags: labels of jobs, triggers and workflows, which ARNs name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from callboard.board import Callboard
from callboard.domain.job import Job
from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow
from callboard.errors import NotFound
from callboard_service.doors.glue.arns import resource_of
from callboard_service.doors.glue.changing import undisturbed
from callboard_service.doors.glue.faults import GlueFault, not_found
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.tag_checks import check_number, check_tags

Labels: TypeAlias = Mapping[str, str]
Tagged: TypeAlias = "Job | Trigger | Workflow"


async def tag_resource(call: GlueCall) -> Mapping[str, Any]:
    added = call.request["TagsToAdd"]
    check_tags(added)
    await _change(call, lambda labels: {**labels, **added})
    return {}


async def untag_resource(call: GlueCall) -> Mapping[str, Any]:
    removed = frozenset(call.request["TagsToRemove"])
    await _change(call, lambda labels: {key: labels[key] for key in labels if key not in removed})
    return {}


async def get_tags(call: GlueCall) -> Mapping[str, Any]:
    return {"Tags": (await _find(call)).labels}


async def _change(call: GlueCall, change: Callable[[Labels], Labels]) -> None:
    async def store() -> None:
        present = await _find(call)
        labels = change(present.labels)
        if labels == present.labels:
            return
        check_number(present.labels, labels)
        try:
            await _store(call.board, present, labels)
        except NotFound:
            raise _no_resource(call) from None

    await undisturbed(store, "The resource")


async def _find(call: GlueCall) -> Tagged:
    resource = resource_of(call, call.request["ResourceArn"])
    find = _finders(call.board).get(resource.kind)
    if find is None:
        raise _no_resource(call)
    try:
        return await find(call.group, resource.name)
    except NotFound:
        raise _no_resource(call) from None


def _finders(board: Callboard) -> Mapping[str, Callable[[str, str], Awaitable[Tagged]]]:
    return {"job": board.get_job, "trigger": board.get_trigger, "workflow": board.get_workflow}


async def _store(board: Callboard, present: Tagged, labels: Labels) -> None:
    version = present.version
    match present:
        case Job():
            await board.replace_job(replace(present, labels=labels), expected_version=version)
        case Trigger():
            await board.replace_trigger(replace(present, labels=labels), expected_version=version)
        case Workflow():
            await board.replace_workflow(replace(present, labels=labels), expected_version=version)


def _no_resource(call: GlueCall) -> GlueFault:
    return not_found(f"Entity not found: {call.request['ResourceArn'][:500]}")


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {"TagResource": tag_resource, "UntagResource": untag_resource, "GetTags": get_tags}
)
