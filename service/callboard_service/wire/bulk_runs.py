"""Releasing and retrying many runs, on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec

from callboard.domain.run import MAX_RUN_ID
from callboard.domain.states import RunState
from callboard.errors import FieldProblem
from callboard.operations.bulk_runs import MOST_RUNS, BulkRuns
from callboard.store.contract import RunFilter
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.shapes import Instant, KnownName, check_known_name, instant

S = TypeVar("S", bound="ReleaseInput")

_USUAL_MOST: Final = 1000


class ReleaseInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which parked runs are to be queued again; without a filter all of them."""

    group: KnownName | None = None
    job: KnownName | None = None
    error_type: Annotated[
        str | None,
        msgspec.Meta(
            description="the reason, as `error.type` has it",
            examples=["UnknownHandler", "ArgumentMismatch"],
        ),
    ] = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_RUNS, description="at the most")] = _USUAL_MOST
    before_id: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MAX_RUN_ID)] | None,
        msgspec.Meta(description="only older ones: before_id of the answer before"),
    ] = None
    dry_run: Annotated[bool, msgspec.Meta(description="only count")] = False


class RetryInput(ReleaseInput, kw_only=True, forbid_unknown_fields=True):
    """Which ended runs are to be tried again; those that were already are passed over."""

    state: Annotated[
        list[Literal["failed", "timed_out", "stopped", "abandoned"]],
        msgspec.Meta(min_length=1, max_length=4),
    ] = msgspec.field(default_factory=lambda: ["failed"])
    from_: Annotated[Instant | None, msgspec.Meta(description="created at or after")] = (
        msgspec.field(name="from", default=None)
    )
    until: Annotated[Instant | None, msgspec.Meta(description="created before")] = None
    all: Annotated[
        bool, msgspec.Meta(description="every one in such a state; then without any filter")
    ] = False


class BulkRunsResource(msgspec.Struct, kw_only=True):
    """What a bulk release or retry did, or would do."""

    count: int
    run_ids: Annotated[
        list[int],
        msgspec.Meta(description="runs that are queued now; in a dry run, those that would be"),
    ]
    before_id: Annotated[
        int | None, msgspec.Meta(description="to go on with older ones; null: there are none")
    ]
    dry_run: bool


def read_release(raw: object) -> tuple[ReleaseInput, RunFilter]:
    """Which parked runs a request is about.

    Raises:
        InvalidInput
    """
    return _read(raw, ReleaseInput)


def read_retry(raw: object) -> tuple[RetryInput, RunFilter]:
    """Which ended runs a request is about.

    Raises:
        InvalidInput
    """
    return _read(raw, RetryInput)


def bulk_runs_resource(done: BulkRuns, *, dry_run: bool) -> BulkRunsResource:
    """The wire form of what was done."""
    return BulkRunsResource(
        count=done.count, run_ids=list(done.run_ids), before_id=done.before_id, dry_run=dry_run
    )


def _read(raw: object, shape: type[S]) -> tuple[S, RunFilter]:
    def build(given: S) -> tuple[S, RunFilter]:
        faults = Faults()
        filter = _filter(faults, given)
        if isinstance(given, RetryInput) and given.all is _is_narrowed(given):
            reason = "goes without a filter" if given.all else "no filter, and not all"
            faults.add(FieldProblem("all", reason, 'name a job or a group, or send "all": true'))
        faults.raise_any()
        return given, filter

    return read_value(raw, shape, build, stand_in={})


def _filter(faults: Faults, given: ReleaseInput) -> RunFilter:
    faults.attempt(lambda: check_known_name(given.group, "group"), None)
    faults.attempt(lambda: check_known_name(given.job, "job"), None)
    since = until = None
    states: tuple[RunState, ...] = ()
    if isinstance(given, RetryInput):
        since = faults.attempt(lambda: instant(given.from_, "from"), None)
        until = faults.attempt(lambda: instant(given.until, "until"), None)
        states = tuple(dict.fromkeys(RunState(state) for state in given.state))
    return RunFilter(
        group=given.group,
        job=given.job,
        states=states,
        created_from=since,
        created_until=until,
        before_id=given.before_id,
        limit=given.limit,
    )


def _is_narrowed(given: RetryInput) -> bool:
    filters = (given.group, given.job, given.error_type, given.from_, given.until)
    return any(each is not None for each in filters)
