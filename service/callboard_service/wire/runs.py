"""Runs on the wire: what starts them, and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias

import msgspec

from callboard.domain.event_batches import MOST_EVENTS
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import MAX_PRIORITY, OnFull, seconds_problem
from callboard.domain.log import LogLine
from callboard.domain.run import HELD, MAX_RUN_ID, NewRun, Run, StopMode
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard.errors import InvalidInput, invalid
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.jobs import Annotations
from callboard_service.wire.shapes import (
    Instant,
    JsonMap,
    KnownName,
    Moment,
    check_known_name,
    instant,
)
from callboard_service.wire.state_words import SHORT

MOST_RUNS: Final = 10_000
"""Runs started by one request at the most."""
LONGEST_GRACE_S: Final = 86_400.0
_USUAL_TERMS: Final = RunTerms()


Priority: TypeAlias = Annotated[
    int,
    msgspec.Meta(
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="a higher one is claimed earlier; null: job's",
    ),
]


PreviousRunId: TypeAlias = Annotated[
    int,
    msgspec.Meta(
        ge=1,
        le=MAX_RUN_ID,
        description="the ended run of the job after which this is the next attempt",
    ),
]
TimeoutS: TypeAlias = Annotated[
    float, msgspec.Meta(gt=0, description="of each attempt; null: the job's")
]
GivenOnFull: TypeAlias = Annotated[
    OnFull, msgspec.Meta(description="when max_concurrent_runs are live; null: the job's")
]


Parameters: TypeAlias = Annotated[
    JsonMap,
    msgspec.Meta(description="another word for arguments, which are a batch job's parameters"),
]


class StartInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a job is to be run once."""

    arguments: JsonMap = {}
    parameters: Parameters | None = None
    due_at: Instant | None = None
    unique_key: Annotated[
        str | None,
        msgspec.Meta(description="at most one live run of the job has it; else that run is given"),
    ] = None
    priority: Priority | None = None
    timeout_s: TimeoutS | None = None
    on_full: GivenOnFull | None = None
    annotations: Annotations = {}
    previous_run_id: PreviousRunId | None = None


class NewRunInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One of many runs to start."""

    job: KnownName
    group: KnownName | None = None
    arguments: JsonMap = {}
    parameters: Parameters | None = None
    due_at: Instant | None = None
    unique_key: str | None = None
    priority: Priority | None = None
    timeout_s: TimeoutS | None = None
    on_full: GivenOnFull | None = None
    annotations: Annotations = {}
    previous_run_id: PreviousRunId | None = None


class NewRunsInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Runs to start, all or none."""

    runs: Annotated[list[NewRunInput], msgspec.Meta(min_length=1, max_length=MOST_RUNS)]


class StopInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a run is to be stopped."""

    mode: StopMode = StopMode.COOPERATIVE
    grace_s: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=LONGEST_GRACE_S)] | None,
        msgspec.Meta(
            description="seconds until a stopping run is killed; null: 30, and of a batch run as "
            "long as its chunk takes"
        ),
    ] = None


class FireInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is laid over the arguments of a trigger's actions, and whether its policy counts."""

    arguments: JsonMap = {}
    overlap: Annotated[
        Literal["trigger", "allow"],
        msgspec.Meta(description="whose answer counts while its runs are live; allow: start"),
    ] = "trigger"


class TellInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How often something happened."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_EVENTS)] = 1


class _Parametrised(Protocol):
    """A request whose arguments may come as parameters."""

    arguments: JsonMap
    parameters: JsonMap | None


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


def read_start(raw: object, group: str, job: str) -> NewRun:
    """The run that a request wants of a job.

    Raises:
        InvalidInput
    """

    def build(given: StartInput) -> NewRun:
        faults = Faults()
        new = _new_run(faults, given, group, job, "")
        faults.raise_any()
        return new

    return read_value(raw, StartInput, build, stand_in={})


def given_arguments(given: _Parametrised) -> JsonMap:
    """The arguments of a request that may call them parameters.

    Raises:
        InvalidInput: it has both.
    """
    if given.parameters is None:
        return given.arguments
    if given.arguments:
        raise invalid("parameters", "is the same as arguments", "send one of the two")
    return given.parameters


def read_new_runs(raw: object, group: str) -> list[NewRun]:
    """The runs that a request wants, in its order.

    Args:
        group: of those that name none.
    Raises:
        InvalidInput
    """

    def build(given: NewRunsInput) -> list[NewRun]:
        faults = Faults()
        runs = []
        for index, each in enumerate(given.runs):
            try:
                runs.append(_listed_run(each, group))
            except InvalidInput:  # rare: now each of its faults is looked for
                runs.append(_faulty_run(faults, each, group, f"runs[{index}]."))
        faults.raise_any()
        return runs

    return read_value(raw, NewRunsInput, build, stand_in={"runs": [{"job": "x"}]})


def read_stop(raw: object) -> StopInput:
    """How a run is to be stopped.

    Raises:
        InvalidInput
    """

    def build(given: StopInput) -> StopInput:
        if given.grace_s is not None:
            problems = seconds_problem(given.grace_s, "grace_s", zero=True, maximum=LONGEST_GRACE_S)
            if found := tuple(problems):
                raise InvalidInput(*found)
        return given

    return read_value(raw, StopInput, build, stand_in={})


def read_fire(raw: object) -> FireInput:
    """How a trigger is to be fired.

    Raises:
        InvalidInput
    """
    return read_value(raw, FireInput, lambda given: given, stand_in={})


def read_tell(raw: object) -> TellInput:
    """What a trigger is told.

    Raises:
        InvalidInput
    """
    return read_value(raw, TellInput, lambda given: given, stand_in={})


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


def _listed_run(given: NewRunInput, group: str) -> NewRun:
    check_known_name(given.job, "job")
    check_known_name(given.group, "group")
    return NewRun(
        job=given.job,
        group=group if given.group is None else given.group,
        arguments=given_arguments(given),
        due_at=instant(given.due_at, "due_at"),
        unique_key=given.unique_key,
        priority=given.priority,
        previous_run_id=given.previous_run_id,
        terms=_given_terms(given),
    )


def _given_terms(given: StartInput | NewRunInput) -> GivenTerms | None:
    if given.timeout_s is None and given.on_full is None and not given.annotations:
        return None
    return GivenTerms(
        timeout_s=given.timeout_s, on_full=given.on_full, annotations=given.annotations
    )


def _faulty_run(faults: Faults, given: NewRunInput, group: str, where: str) -> NewRun:
    faults.attempt(partial(check_known_name, given.job, where + "job"), None)
    faults.attempt(partial(check_known_name, given.group, where + "group"), None)
    owner = group if given.group is None else given.group
    return _new_run(faults, given, owner, given.job, where)


def _new_run(
    faults: Faults, given: StartInput | NewRunInput, group: str, job: str, where: str
) -> NewRun:
    due_at = None
    if given.due_at is not None:
        due_at = faults.attempt(lambda: instant(given.due_at, where + "due_at"), None)
    return faults.attempt(
        lambda: NewRun(
            job=job,
            group=group,
            arguments=given_arguments(given),
            due_at=due_at,
            unique_key=given.unique_key,
            priority=given.priority,
            previous_run_id=given.previous_run_id,
            terms=_given_terms(given),
        ),
        NewRun(job=job, group=group),
        under=where.removesuffix("."),
    )
