"""Runs on the wire, and the lines of their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from callboard.domain.log import LogLine
from callboard.domain.run import HELD, Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard_service.wire.shapes import JsonMap, Moment
from callboard_service.wire.state_words import SHORT

_USUAL_TERMS: Final = RunTerms()


class RunErrorResource(msgspec.Struct, kw_only=True):
    """Why a run did not succeed, or waits for an operator."""

    type: str
    message: str
    traceback: str | None
    exit_code: int | None


class ProgressResource(msgspec.Struct, kw_only=True):
    """How far a run says that it is."""

    done: Annotated[int | float, msgspec.Meta(description="how much of the total")]
    total: Annotated[int | float | None, msgspec.Meta(description="null: nobody knows")]
    note: Annotated[str | None, msgspec.Meta(description="what it is at")]
    at: Annotated[Moment, msgspec.Meta(description="when it said so")]
    rate: Annotated[float | None, msgspec.Meta(description="of a batch run: items in a second")] = (
        None
    )
    eta_s: Annotated[
        float | None, msgspec.Meta(description="seconds until it is through, at that rate")
    ] = None
    step: Annotated[str | None, msgspec.Meta(description="of a batch run: the step it is at")] = (
        None
    )


class RunResource(msgspec.Struct, kw_only=True):
    """A run."""

    id: int
    job: str
    group: str
    trigger: str | None
    slot: Moment | None
    state: RunState
    state_word: Annotated[
        str,
        msgspec.Meta(
            description="start, running, complete, stop or fail: the state in fewer words",
            extra_json_schema={"enum": ["start", "running", "complete", "stop", "fail"]},
        ),
    ]
    attempt: int
    crashes: Annotated[int, msgspec.Meta(ge=0, description="how many nodes died under it")]
    previous_run_id: int | None
    chain_id: Annotated[int, msgspec.Meta(description="first run of its chain of attempts")]
    arguments: JsonMap
    result: Any
    error: RunErrorResource | None
    progress: Annotated[
        ProgressResource | None, msgspec.Meta(description="what it said last; null: nothing")
    ]
    node: str | None
    unique_key: str | None
    priority: Annotated[int, msgspec.Meta(description="a higher one is claimed earlier")]
    queue: Annotated[
        str | None, msgspec.Meta(description="the queue that its job named when it was created")
    ]
    concurrency_key: Annotated[
        str | None, msgspec.Meta(description="what it shares with the runs that count with it")
    ]
    start_by: Annotated[
        Moment | None, msgspec.Meta(description="when it still waits then, it is timed_out")
    ]
    chain_until: Annotated[
        Moment | None, msgspec.Meta(description="the end of its chain's chain_timeout_s")
    ]
    timeout_s: Annotated[
        float | None, msgspec.Meta(description="what its start said instead of the job")
    ]
    workflow_run_id: Annotated[
        int | None, msgspec.Meta(description="the workflow run that it is a part of")
    ]
    instance_id: Annotated[
        int | None,
        msgspec.Meta(description="the batch instance; null: no batch run, or it has not begun"),
    ]
    annotations: JsonMap
    trace_id: str
    created_at: Moment
    due_at: Annotated[
        Moment | None, msgspec.Meta(description="not before it; null while it is held")
    ]
    held: Annotated[
        bool, msgspec.Meta(description="it waits for the end of earlier runs of its trigger")
    ]
    started_at: Moment | None
    ended_at: Moment | None


class LogLineResource(msgspec.Struct, kw_only=True):
    """One line of a run's log."""

    seq: int
    at: Moment
    stream: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["stdout", "stderr", "log"]})]
    level: str | None
    text: str
    fields: Annotated[
        JsonMap | None, msgspec.Meta(description="what came with a logged line as `extra`")
    ]


def run_resource(run: Run) -> RunResource:
    """The wire form of a run."""
    terms = run.terms or _USUAL_TERMS
    return RunResource(
        id=run.id,
        job=run.job,
        group=run.group,
        trigger=run.trigger,
        slot=run.slot,
        state=run.state,
        state_word=SHORT[run.state],
        attempt=run.attempt,
        crashes=run.crashes,
        previous_run_id=run.previous_run_id,
        chain_id=run.chain_id,
        arguments=dict(run.arguments),
        result=run.result,
        error=run_error_resource(run),
        progress=_progress_resource(run),
        node=run.node,
        unique_key=run.unique_key,
        priority=terms.priority,
        queue=terms.queue,
        concurrency_key=terms.concurrency_key,
        start_by=terms.start_by,
        chain_until=terms.chain_until,
        timeout_s=terms.timeout_s,
        workflow_run_id=terms.workflow_run_id,
        # 0: a batch run that has not got one yet.
        instance_id=terms.instance_id or None,
        annotations=dict(terms.annotations),
        trace_id=run.trace_id,
        created_at=run.created_at,
        # What was held until its end never was due.
        due_at=None if run.due_at == HELD else run.due_at,
        held=run.is_held,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def run_error_resource(run: Run) -> RunErrorResource | None:
    """Why a run did not succeed, or waits for an operator."""
    error = run.error
    if error is None:
        return None
    return RunErrorResource(
        type=error.type,
        message=error.message,
        traceback=error.traceback,
        exit_code=error.exit_code,
    )


def _progress_resource(run: Run) -> ProgressResource | None:
    said = run.progress
    if not isinstance(said, Mapping):
        return None
    return msgspec.convert(said, ProgressResource)


def log_line_resource(line: LogLine) -> LogLineResource:
    """The wire form of a line of a log."""
    return LogLineResource(
        seq=line.seq,
        at=line.at,
        stream=line.stream,
        level=line.level,
        text=line.text,
        fields=None if line.fields is None else dict(line.fields),
    )
