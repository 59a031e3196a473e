"""What starts runs, stops them and fires triggers, on the wire."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec

from callboard.domain.event_batches import MOST_EVENTS
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import MAX_PRIORITY, OnFull, seconds_problem
from callboard.domain.run import MAX_RUN_ID, NewRun, StopMode
from callboard.errors import InvalidInput, invalid
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.jobs import Annotations
from callboard_service.wire.shapes import (
    Instant,
    JsonMap,
    KnownName,
    check_known_name,
    instant,
)

MOST_RUNS: Final = 10_000
"""Runs started by one request at the most."""
LONGEST_GRACE_S: Final = 86_400.0

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
