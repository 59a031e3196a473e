"""Steps of batch runs on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from callboard.domain.batch_step import SkippedItem, StepCounts, StepExecution, StepState
from callboard.domain.batch_summary import step_summary
from callboard_service.wire.shapes import JsonMap, Moment


class CountsResource(msgspec.Struct, kw_only=True):
    """What was done: of committed chunks alone, but for reads, rollbacks and retries."""

    reads: int
    writes: int
    filters: Annotated[int, msgspec.Meta(description="items that were dropped on purpose")]
    commits: int
    rollbacks: int
    read_skips: int
    process_skips: int
    write_skips: int
    retries: int


class StepResource(msgspec.Struct, kw_only=True):
    """One attempt to execute one step of one run, or one partition of it."""

    id: int
    run_id: int
    instance_id: int
    name: Annotated[str, msgspec.Meta(description="of a partition: step:partition")]
    manager_id: Annotated[
        int | None, msgspec.Meta(description="of a partition: the execution of its step")
    ]
    visit: Annotated[int, msgspec.Meta(description="how often the flow has come to the step")]
    state: StepState
    exit_code: str
    exit_message: str | None
    counts: CountsResource
    expected: Annotated[
        int | None, msgspec.Meta(description="items that it will read; null: nobody said")
    ]
    cursor: Annotated[Any, msgspec.Meta(description="of the last item of its last committed chunk")]
    partitions: Annotated[
        list[str] | None, msgspec.Meta(description="names in its plan; null: it has none")
    ]
    started_at: Moment
    committed_at: Annotated[Moment | None, msgspec.Meta(description="of its last chunk")]
    ended_at: Moment | None
    summary: Annotated[str, msgspec.Meta(description="the same for people, in one line")]


class StepContextResource(msgspec.Struct, kw_only=True):
    """What a step keeps for its restart."""

    step_id: int
    run_id: int
    cursor: Any
    context: JsonMap


class SkippedItemResource(msgspec.Struct, kw_only=True):
    """An item that was passed over."""

    id: int
    step_id: int
    phase: Annotated[str, msgspec.Meta(description="read, process or write")]
    item: Annotated[str, msgspec.Meta(description="its text, cut")]
    item_hash: Annotated[str, msgspec.Meta(description="SHA-256 of its text")]
    error_type: str
    error_message: str
    at: Moment | None


def counts_resource(counts: StepCounts) -> CountsResource:
    """The wire form of counts."""
    return msgspec.convert(counts, CountsResource, from_attributes=True)


def step_resource(step: StepExecution) -> StepResource:
    """The wire form of an execution of a step."""
    return StepResource(
        id=step.id,
        run_id=step.run_id,
        instance_id=step.instance_id,
        name=step.name,
        manager_id=step.manager_id,
        visit=step.visit,
        state=step.state,
        exit_code=step.exit_code,
        exit_message=step.exit_message,
        counts=counts_resource(step.counts),
        expected=step.expected,
        cursor=step.checkpoint.cursor,
        partitions=None if step.plan is None else [_name(each) for each in step.plan],
        started_at=step.started_at,
        committed_at=step.committed_at,
        ended_at=step.ended_at,
        summary=step_summary(step).text,
    )


def step_context_resource(step: StepExecution) -> StepContextResource:
    """The context of a step."""
    return StepContextResource(
        step_id=step.id,
        run_id=step.run_id,
        cursor=step.checkpoint.cursor,
        context=dict(step.checkpoint.context),
    )


def skipped_item_resource(item: SkippedItem) -> SkippedItemResource:
    """The wire form of a skipped item."""
    return msgspec.convert(item, SkippedItemResource, from_attributes=True)


def _name(part: Mapping[str, Any]) -> str:
    return str(part.get("name", ""))
