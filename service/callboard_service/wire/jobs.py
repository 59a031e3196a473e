"""Jobs on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from callboard.domain.job import KINDS, Jitter, Job, OnCrash, RetryPolicy
from callboard.domain.names import DEFAULT_GROUP
from callboard_service.wire.fields import read_value
from callboard_service.wire.shapes import JsonMap, Moment, Name

Kind: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(KINDS)})]
Spec: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description=(
            "python: `{handler, isolation: loop|thread}`; "
            "command: `{argv | shell, cwd, env, stdin}`"
        ),
        examples=[{"handler": "shop.jobs:load"}, {"argv": ["python", "-V"]}],
    ),
]
Labels: TypeAlias = dict[str, str]
_STAND_IN: Final = {"name": "x", "kind": "command", "spec": {"argv": ["x"]}}


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How often and how soon a failed run is tried again."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    initial_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)] = 2.0
    max_s: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    jitter: Jitter = Jitter.FULL


class JobInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a job."""

    name: Name
    group: Name | None = None
    kind: Kind
    spec: Spec
    arguments: JsonMap = {}
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    disabled: bool = False
    retry: Retry = msgspec.field(default_factory=Retry)
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    max_concurrent_runs: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    on_crash: OnCrash = OnCrash.RETRY
    labels: Labels = {}


class JobResource(msgspec.Struct, kw_only=True):
    """A stored job."""

    name: str
    group: str
    kind: str
    spec: JsonMap
    arguments: JsonMap
    description: str
    disabled: bool
    retry: Retry
    timeout_s: float | None
    max_concurrent_runs: int | None
    on_crash: OnCrash
    labels: Labels
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


def read_job(raw: object, check: Callable[[JobInput], None] | None = None) -> Job:
    """The job that a request describes.

    Args:
        check: raises InvalidInput for more that is wrong with it.
    Raises:
        InvalidInput, NotSupportedYet
    """

    def build(given: JobInput) -> Job:
        if check is not None:
            check(given)
        return _job_of(given)

    return read_value(raw, JobInput, build, stand_in=_STAND_IN)


def job_document(job: Job) -> dict[str, Any]:
    """The part of a job that clients write, as a request would have it."""
    document = msgspec.to_builtins(job_resource(job), enc_hook=dict)
    return {name: document[name] for name in JobInput.__struct_fields__}


def job_resource(job: Job) -> JobResource:
    """The wire form of a stored job."""
    return JobResource(
        name=job.name,
        group=job.group,
        kind=job.kind,
        spec=dict(job.spec),
        arguments=dict(job.arguments),
        description=job.description,
        disabled=job.disabled,
        retry=Retry(
            max_attempts=job.retry.max_attempts,
            initial_s=job.retry.initial_s,
            factor=job.retry.factor,
            max_s=job.retry.max_s,
            jitter=job.retry.jitter,
        ),
        timeout_s=job.timeout_s,
        max_concurrent_runs=job.max_concurrent_runs,
        on_crash=job.on_crash,
        labels=dict(job.labels),
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )


def _job_of(given: JobInput) -> Job:
    return Job(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        kind=given.kind,
        spec=given.spec,
        arguments=given.arguments,
        description=given.description,
        disabled=given.disabled,
        retry=RetryPolicy(
            max_attempts=given.retry.max_attempts,
            initial_s=given.retry.initial_s,
            factor=given.retry.factor,
            max_s=given.retry.max_s,
            jitter=given.retry.jitter,
        ),
        timeout_s=given.timeout_s,
        max_concurrent_runs=given.max_concurrent_runs,
        on_crash=given.on_crash,
        labels=given.labels,
    )
