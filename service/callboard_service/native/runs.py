"""/v1/runs, and the runs of a job: starting, finding, waiting for and ending them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.run import MAX_RUN_ID
from callboard.errors import InvalidInput, NotFound
from callboard.store.contract import RunFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import IntoGroup, KnownName, Waiting
from callboard_service.native.one_run import done_answer, run_answer, waited
from callboard_service.paging import Paged, by_id, page_by_bytes, place_of
from callboard_service.portions import newest_first, of_runs
from callboard_service.problems import bad_query
from callboard_service.wire.run_inputs import (
    NewRunsInput,
    StartInput,
    StopInput,
    read_new_runs,
    read_start,
    read_stop,
)
from callboard_service.wire.runs import RunResource, run_resource
from callboard_service.wire.shapes import Instant, Page, instant
from callboard_service.wire.state_words import StateWord, states_of


class RunsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which runs to list."""

    group: KnownName | None = None
    job: KnownName | None = None
    trigger: KnownName | None = None
    state: Annotated[list[StateWord], msgspec.Meta(description="may come more than once")] = (
        msgspec.field(default_factory=list)
    )
    from_: Annotated[Instant | None, msgspec.Meta(description="created at or after")] = (
        msgspec.field(name="from", default=None)
    )
    until: Annotated[Instant | None, msgspec.Meta(description="created before")] = None
    chain_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_RUN_ID)] | None = None


class RunQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How to look at one run."""

    wait_s: Annotated[
        float,
        msgspec.Meta(description="answer when the run has ended, or after so long", ge=0, le=300),
    ] = 0.0


class OneRun(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters: the path names the run."""


async def start_run(call: Call[Waiting]) -> web.Response:
    group, job = call.query.group, call.name
    new = read_start(call.body(optional=True), group, job)
    try:
        (run,) = await call.board.start_runs([new], idempotency_key=call.key)
    except InvalidInput as error:
        if all(problem.field == "runs[0].job" for problem in error.problems):
            raise NotFound("job", job) from None
        raise error.within("runs[0]") from None
    return await done_answer(call, run, call.query.wait_s, status=201)


async def start_runs(call: Call[IntoGroup]) -> web.Response:
    new = read_new_runs(call.body(), call.query.group or DEFAULT_GROUP)
    runs = await call.board.start_runs(new, idempotency_key=call.key)
    return json_answer(Page(items=[run_resource(run) for run in runs]), status=201)


async def list_runs(call: Call[RunsQuery]) -> web.Response:
    query = call.query
    place = place_of("runs", query)
    try:
        since, until = instant(query.from_, "from"), instant(query.until, "until")
    except InvalidInput as error:
        raise bad_query(error.problems) from None
    wanted = RunFilter(
        group=query.group,
        job=query.job,
        trigger=query.trigger,
        states=states_of(query.state),
        created_from=since,
        created_until=until,
        chain_id=query.chain_id,
        before_id=place[0] if place else None,
    )
    return json_answer(
        await page_by_bytes(
            "runs",
            query,
            newest_first(call.board.list_runs, wanted),
            contents=of_runs,
            shown_as=run_resource,
            place=by_id,
        )
    )


async def get_run(call: Call[RunQuery]) -> web.Response:
    run = await call.board.get_run(call.run_id)
    if call.query.wait_s and not run.has_ended:
        run = await waited(call, run, call.query.wait_s)
    return run_answer(call, run)


async def stop_run(call: Call[RunQuery]) -> web.Response:
    given = read_stop(call.body(optional=True))
    run = await call.board.stop_run(call.run_id, mode=given.mode, grace_s=given.grace_s)
    return await done_answer(call, run, call.query.wait_s)


async def retry_run(call: Call[OneRun]) -> web.Response:
    run = await call.board.retry_run(call.run_id)
    # A parked run is queued again and stays the same one.
    return run_answer(call, run, status=200 if run.id == call.run_id else 201)


async def abandon_run(call: Call[OneRun]) -> web.Response:
    return run_answer(call, await call.board.abandon_run(call.run_id))


_ONE: Final = "/v1/runs/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/jobs/{name}/runs",
        name="start_run",
        summary="Start a run of a job",
        about=(
            "Of a batch job the arguments are its parameters, and the run begins a new instance.",
            "It is refused where there is one with these identifying parameters.",
        ),
        handle=start_run,
        is_repeatable=True,
        query=Waiting,
        body=StartInput,
        body_optional=True,
        answers={201: RunResource},
        problems=(
            "not_found",
            "job_disabled",
            "job_full",
            "run_live",
            "instance_already_exists",
            "run_already_running",
            "unique_key_busy",
            "too_many_queued",
            "invalid_input",
        ),
    ),
    Route(
        method="POST",
        path="/v1/runs",
        name="start_runs",
        summary="Start many runs, all or none, in one commit",
        handle=start_runs,
        is_repeatable=True,
        query=IntoGroup,
        body=NewRunsInput,
        answers={201: Page[RunResource]},
        problems=(
            "job_disabled",
            "job_full",
            "run_live",
            "instance_already_exists",
            "run_already_running",
            "unique_key_busy",
            "too_many_queued",
            "invalid_input",
        ),
    ),
    Route(
        method="GET",
        path="/v1/runs",
        name="list_runs",
        summary="List runs, newest first",
        handle=list_runs,
        query=RunsQuery,
        answers={200: Page[RunResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_run",
        summary="Get a run, when it has ended if wait_s says so",
        handle=get_run,
        query=RunQuery,
        answers={200: RunResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/stop",
        name="stop_run",
        summary="Stop a run",
        about=("A batch run stops at the end of its chunk; a restart goes on behind that.",),
        handle=stop_run,
        query=RunQuery,
        body=StopInput,
        body_optional=True,
        answers={200: RunResource},
        problems=("not_found", "illegal_transition", "run_not_running", "invalid_input"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/retry",
        name="retry_run",
        summary="Try a run again that ended without success; release a parked one",
        handle=retry_run,
        query=OneRun,
        answers={200: RunResource, 201: RunResource},
        problems=(
            "not_found",
            "not_retryable",
            "job_gone",
            "job_disabled",
            "job_full",
            "unique_key_busy",
            "overlap",
            "run_already_running",
            "instance_already_complete",
            "job_not_restartable",
            "run_state_unknown",
            "definition_changed",
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/abandon",
        name="abandon_run",
        summary="Give up a failed or stopped run",
        handle=abandon_run,
        query=OneRun,
        answers={200: RunResource},
        problems=(
            "not_found",
            "illegal_transition",
            "run_already_running",
            "instance_already_complete",
            "run_state_unknown",
        ),
    ),
)
