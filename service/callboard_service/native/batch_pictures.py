"""/v1/runs/{id}/picture: the steps and partitions of a batch run over time."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard_service.batch_picture.lanes import Timeline, timeline_of
from callboard_service.batch_picture.svg import svg_picture
from callboard_service.batch_picture.text import text_picture
from callboard_service.call import Call, Route
from callboard_service.media import SVG, TEXT, svg_answer, text_answer, wants_text
from callboard_service.problems import Refusal


class PictureQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is in the picture."""

    instance: Annotated[
        bool, msgspec.Meta(description="all runs of the instance, not this one alone")
    ] = False
    columns: Annotated[
        int, msgspec.Meta(ge=60, le=400, description="width of a picture in text")
    ] = 120


async def get_picture(call: Call[PictureQuery]) -> web.Response:
    timeline = await _timeline(call)
    if wants_text(call.request):
        return text_answer(text_picture(timeline, call.query.columns))
    return svg_answer(svg_picture(timeline))


async def _timeline(call: Call[PictureQuery]) -> Timeline:
    board, run_id = call.board, call.run_id
    batch = await board.operator.batch_run(run_id)
    if batch is None:
        raise Refusal("not_found", f"run {run_id} has not begun: there is nothing to draw")
    history = await board.operator.history(batch.instance_id)
    runs = await board.get_runs([each.run_id for each in history.runs])
    only = None if call.query.instance else run_id
    return timeline_of(history, runs, now=board.present(), run_id=only)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/runs/{id}/picture",
        name="get_picture",
        summary="Draw the steps and partitions of a batch run over time, as SVG or in text",
        handle=get_picture,
        query=PictureQuery,
        answers={200: str},
        media=SVG,
        also=(TEXT,),
        problems=("not_found", "not_batch"),
    ),
)
