"""GET /v1/jobs/{name}/runs: the runs of one job."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP
from callboard.store.contract import RunFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import KnownName
from callboard_service.paging import Paged, by_id, page_by_bytes, place_of
from callboard_service.portions import newest_first, of_runs
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
    wanted = RunFilter(
        group=query.group,
        job=call.name,
        states=states_of(query.state),
        before_id=place[0] if place else None,
    )
    page = await page_by_bytes(
        "job_runs",
        query,
        newest_first(call.board.list_runs, wanted),
        contents=of_runs,
        shown_as=run_resource,
        place=by_id,
    )
    if not page.items:
        await call.board.get_job(query.group, call.name)
    return json_answer(page)


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
