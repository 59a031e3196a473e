"""/v1/runs/release and /v1/runs/retry: many runs at once."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard_service.call import Call, NoQuery, Route, json_answer
from callboard_service.wire.bulk_runs import (
    BulkRunsResource,
    ReleaseInput,
    RetryInput,
    bulk_runs_resource,
    read_release,
    read_retry,
)


async def release_runs(call: Call[NoQuery]) -> web.Response:
    given, filter = read_release(call.body(optional=True))
    done = await call.board.release_runs(filter, error_type=given.error_type, dry_run=given.dry_run)
    return json_answer(bulk_runs_resource(done, dry_run=given.dry_run))


async def retry_runs(call: Call[NoQuery]) -> web.Response:
    given, filter = read_retry(call.body())
    done = await call.board.retry_runs(filter, error_type=given.error_type, dry_run=given.dry_run)
    return json_answer(bulk_runs_resource(done, dry_run=given.dry_run))


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/runs/release",
        name="release_runs",
        summary="Queue parked runs again, all that a filter names",
        about=(
            "A run is parked when the node that claims it lacks its handler: `UnknownHandler`.",
            "Or when its arguments do not fit the handler any more: `ArgumentMismatch`.",
            "Or by its job's `on_crash`, or when too many nodes died under it.",
            "Release runs at the end of a deploy, when all nodes know the handlers.",
        ),
        handle=release_runs,
        query=NoQuery,
        body=ReleaseInput,
        body_optional=True,
        answers={200: BulkRunsResource},
        problems=("invalid_input",),
    ),
    Route(
        method="POST",
        path="/v1/runs/retry",
        name="retry_runs",
        summary="Try ended runs without success again, all that a filter names",
        about=("Those that another attempt follows already are passed over.",),
        handle=retry_runs,
        query=NoQuery,
        body=RetryInput,
        answers={200: BulkRunsResource},
        problems=("invalid_input",),
    ),
)
