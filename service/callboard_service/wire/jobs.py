"""Jobs on the wire."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import (
    MAX_PRIORITY,
    Jitter,
    Job,
    OnCrash,
    OnFixed,
    OnFull,
    RetryPolicy,
)
from callboard.domain.job_spec import KINDS
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.names import DEFAULT_GROUP
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.shapes import JsonMap, Moment, Name, check_new_names

Kind: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description=f"{', '.join(KINDS)}, or one that a plug-in of the service executes",
        examples=["python"],
        extra_json_schema={"pattern": "^[a-z][a-z0-9_-]{0,63}$"},
    ),
]
Spec: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description=(
            "python: `{handler, isolation: loop|thread|process, limits}`, limits in a process; "
            "what `@job` says of the handler is not looked at here; "
            "command: `{argv | shell, cwd, env, stdin, limits}`; "
            "script: `{location, interpreter, arguments, cwd, env, sha256, limits}`, location a "
            "path or URL; "
            "limits of their processes: `{cpu_s, memory_mb, open_files, processes, file_mb}`; "
            "http: `{method, url, headers, query, body | json, expect: {status, contains}, "
            "timeout_s, follow_redirects, retry_on_status}`; "
            "batch: `{handler, parameters, restartable, steps, flow}`, as the code of the job says"
        ),
        examples=[{"handler": "shop.jobs:load"}, {"argv": ["python", "-V"]}],
    ),
]
Labels: TypeAlias = dict[str, str]
Annotations: TypeAlias = Annotated[
    JsonMap, msgspec.Meta(description="what its owner keeps with it; nothing here reads it")
]
_STAND_IN: Final = {"name": "x", "kind": "command", "spec": {"argv": ["x"]}}


class RateLimitForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No more than `runs` begin within any stretch of `per_s` seconds, over all nodes."""

    runs: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="how many")]
    per_s: Annotated[float, msgspec.Meta(ge=0.1, le=604_800, description="within how many seconds")]


class ConcurrencyForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of the runs whose arguments agree in some names, only so many are on nodes at once."""

    key: Annotated[
        list[str],
        msgspec.Meta(min_length=1, max_length=8, description="names of arguments"),
    ]
    max_runs: Annotated[
        int,
        msgspec.Meta(
            ge=1, le=1_000_000, description="runs of one key that may be on nodes at once"
        ),
    ] = 1
    max_queued: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                description="a start beyond is refused (429); runs of triggers never are",
            ),
        ]
        | None
    ) = None


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How often and how soon a failed run is tried again."""

    max_attempts: Annotated[
        int, msgspec.Meta(ge=1, le=1000, description="the first one among them; 1: no retry")
    ] = 1
    initial_s: Annotated[
        float, msgspec.Meta(ge=0, description="the most seconds before the second attempt")
    ] = 1.0
    factor: Annotated[
        float, msgspec.Meta(ge=1, le=100, description="by which that grows with every attempt")
    ] = 2.0
    max_s: Annotated[float, msgspec.Meta(ge=0, description="it grows no further than this")] = 300.0
    jitter: Annotated[
        Jitter, msgspec.Meta(description="full: any time from none to that; none: exactly that")
    ] = Jitter.FULL
    retry_on: Annotated[
        list[str],
        msgspec.Meta(
            max_length=100,
            description=(
                "kinds of failures that are worth another attempt: classes of exceptions, types of "
                "errors, `exit_code:N`; none: all that are not fatal"
            ),
        ),
    ] = []
    fatal: Annotated[
        list[str],
        msgspec.Meta(max_length=100, description="kinds of failures that are final; they win"),
    ] = []
    budget: Annotated[
        RateLimitForm | None,
        msgspec.Meta(description="retries of all runs of the job; beyond it a run stays failed"),
    ] = None


class BookmarkForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which runs of the job move its bookmark when they succeed."""

    argument: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    equals: Annotated[
        str, msgspec.Meta(min_length=1, max_length=255, description="those with this value of it")
    ]


class JobInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a job."""

    name: Name
    group: Name | None = None
    kind: Kind
    spec: Spec
    arguments: Annotated[
        JsonMap, msgspec.Meta(description="what its runs are given, unless their start says other")
    ] = {}
    fixed_arguments: Annotated[JsonMap, msgspec.Meta(description="nobody may override them")] = {}
    on_fixed: Annotated[
        OnFixed,
        msgspec.Meta(description="what becomes of a start, or of its argument, that tries to"),
    ] = OnFixed.REFUSE
    parameters: (
        Annotated[
            JsonMap,
            msgspec.Meta(
                description=(
                    "JSON Schema (2020-12) of a run's arguments; null: what the handler's "
                    "signature says, where the node knows it"
                )
            ),
        ]
        | None
    ) = None
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    disabled: Annotated[bool, msgspec.Meta(description="it is not started")] = False
    retry: Retry = msgspec.field(default_factory=Retry)
    timeout_s: (
        Annotated[float, msgspec.Meta(gt=0, description="of one attempt; then it is stopped")]
        | None
    ) = None
    queue_timeout_s: (
        Annotated[
            float,
            msgspec.Meta(gt=0, description="that a run may wait once it is due; then it times out"),
        ]
        | None
    ) = None
    chain_timeout_s: (
        Annotated[
            float,
            msgspec.Meta(gt=0, description="of all attempts together, with what lies between"),
        ]
        | None
    ) = None
    max_concurrent_runs: (
        Annotated[
            int, msgspec.Meta(ge=1, le=1_000_000, description="on nodes at once, over all nodes")
        ]
        | None
    ) = None
    on_full: Annotated[
        OnFull,
        msgspec.Meta(
            description="with so many live: a start waits; or is refused (409), and a run of a "
            "trigger fails at once"
        ),
    ] = OnFull.QUEUE
    concurrency: Annotated[
        ConcurrencyForm | None, msgspec.Meta(description="the same by arguments, say per tenant")
    ] = None
    rate_limit: Annotated[
        RateLimitForm | None, msgspec.Meta(description="starts of its runs within a time")
    ] = None
    queue: Annotated[
        Name | None,
        msgspec.Meta(description="the queue whose limits its runs share with those of other jobs"),
    ] = None
    priority: Annotated[
        int,
        msgspec.Meta(
            ge=-MAX_PRIORITY,
            le=MAX_PRIORITY,
            description="higher ones first; waiting runs age, so that none waits for ever",
        ),
    ] = 0
    on_crash: Annotated[
        OnCrash, msgspec.Meta(description="what becomes of a run whose node dies")
    ] = OnCrash.RETRY
    bookmark: BookmarkForm | None = None
    labels: Labels = {}
    annotations: Annotations = {}


class JobResource(msgspec.Struct, kw_only=True):
    """A stored job."""

    name: str
    group: str
    kind: str
    spec: JsonMap
    arguments: JsonMap
    fixed_arguments: JsonMap
    on_fixed: OnFixed
    parameters: JsonMap | None
    description: str
    disabled: bool
    retry: Retry
    timeout_s: float | None
    queue_timeout_s: float | None
    chain_timeout_s: float | None
    max_concurrent_runs: int | None
    on_full: OnFull
    concurrency: ConcurrencyForm | None
    rate_limit: RateLimitForm | None
    queue: str | None
    priority: int
    on_crash: OnCrash
    bookmark: BookmarkForm | None
    labels: Labels
    annotations: JsonMap
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


def read_job(
    raw: object, check: Callable[[JobInput], None] | None = None, *, is_new: bool = True
) -> Job:
    """The job that a request describes.

    Args:
        check: raises InvalidInput for more that is wrong with it.
        is_new: there is none of its name yet.
    Raises:
        InvalidInput, NotSupportedYet
    """

    def build(given: JobInput) -> Job:
        if check is not None:
            check(given)
        faults = Faults()
        if is_new:
            names = partial(check_new_names, name=given.name, group=given.group)
            faults.attempt(names, None)
        job = faults.attempt(lambda: _job_of(given), _NOTHING)
        faults.raise_any()
        return job

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
        fixed_arguments=dict(job.fixed_arguments),
        on_fixed=job.on_fixed,
        parameters=None if job.parameters is None else dict(job.parameters),
        description=job.description,
        disabled=job.disabled,
        retry=Retry(
            max_attempts=job.retry.max_attempts,
            initial_s=job.retry.initial_s,
            factor=job.retry.factor,
            max_s=job.retry.max_s,
            jitter=job.retry.jitter,
            retry_on=list(job.retry.retry_on),
            fatal=list(job.retry.fatal),
            budget=_rate_form(job.retry.budget),
        ),
        timeout_s=job.timeout_s,
        queue_timeout_s=job.queue_timeout_s,
        chain_timeout_s=job.chain_timeout_s,
        max_concurrent_runs=job.max_concurrent_runs,
        on_full=job.on_full,
        concurrency=None
        if job.concurrency is None
        else ConcurrencyForm(
            key=list(job.concurrency.key),
            max_runs=job.concurrency.max_runs,
            max_queued=job.concurrency.max_queued,
        ),
        rate_limit=_rate_form(job.rate_limit),
        queue=job.queue,
        priority=job.priority,
        on_crash=job.on_crash,
        bookmark=None
        if job.bookmark is None
        else BookmarkForm(argument=job.bookmark.argument, equals=job.bookmark.equals),
        labels=dict(job.labels),
        annotations=dict(job.annotations),
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )


def _rate_form(limit: RateLimit | None) -> RateLimitForm | None:
    return None if limit is None else RateLimitForm(runs=limit.runs, per_s=limit.per_s)


def _rate_limit(form: RateLimitForm | None) -> RateLimit | None:
    return None if form is None else RateLimit(runs=form.runs, per_s=form.per_s)


def _job_of(given: JobInput) -> Job:
    return Job(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        kind=given.kind,
        spec=given.spec,
        arguments=given.arguments,
        fixed_arguments=given.fixed_arguments,
        on_fixed=given.on_fixed,
        parameters=given.parameters,
        description=given.description,
        disabled=given.disabled,
        retry=RetryPolicy(
            max_attempts=given.retry.max_attempts,
            initial_s=given.retry.initial_s,
            factor=given.retry.factor,
            max_s=given.retry.max_s,
            jitter=given.retry.jitter,
            retry_on=tuple(given.retry.retry_on),
            fatal=tuple(given.retry.fatal),
            budget=_rate_limit(given.retry.budget),
        ),
        timeout_s=given.timeout_s,
        queue_timeout_s=given.queue_timeout_s,
        chain_timeout_s=given.chain_timeout_s,
        max_concurrent_runs=given.max_concurrent_runs,
        on_full=given.on_full,
        concurrency=None
        if given.concurrency is None
        else Concurrency(
            key=tuple(given.concurrency.key),
            max_runs=given.concurrency.max_runs,
            max_queued=given.concurrency.max_queued,
        ),
        rate_limit=_rate_limit(given.rate_limit),
        queue=given.queue,
        priority=given.priority,
        on_crash=given.on_crash,
        bookmark=None
        if given.bookmark is None
        else BookmarkRule(argument=given.bookmark.argument, equals=given.bookmark.equals),
        labels=given.labels,
        annotations=given.annotations,
    )


_NOTHING: Final = Job(name="x", kind="command", spec={"argv": ["x"]})
