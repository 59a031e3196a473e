"""GET /v1/jobs/{name}/runs: the runs of one job."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard.store.contract import RunFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import KnownName
from callboard_service.paging import Paged, by_id, page_of, place_of
from callboard_service.wire.runs import RunResource, run_resource
from callboard_service.wire.shapes import Page
from callboard_service.wire.state_words import StateWord, states_of


class JobRunsQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which runs of a job to list; also of one that is deleted."""

    group: KnownName = DEFAULT_GROUP
    state: Annotated[list[StateWord], msgspec.Meta(description="may come more than once")] = (
        msgspec.field(default_factory=list)
    )


async def list_job_runs(call: Call[JobRunsQuery]) -> web.Response:
    query = call.query
    place = place_of("job_runs", query)
    runs = await call.board.list_runs(
        RunFilter(
            group=query.group,
            job=call.name,
            states=states_of(query.state),
            before_id=place[0] if place else None,
            limit=query.limit + 1,
        )
    )
    if not runs:
        await call.board.get_job(query.group, call.name)
    return json_answer(page_of("job_runs", query, runs, shown_as=run_resource, place=by_id))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/jobs/{name}/runs",
        name="list_job_runs",
        summary="List the runs of a job, newest first",
        handle=list_job_runs,
        query=JobRunsQuery,
        answers={200: Page[RunResource]},
        problems=("not_found", "invalid_cursor"),
    ),
)
