"""/v1/runs/{id}/picture: the steps and partitions of a batch run over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.operations.computing import computed
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
    if wants_text(call.request):
        columns = call.query.columns
        return text_answer(await _drawn(call, lambda timeline: text_picture(timeline, columns)))
    return svg_answer(await _drawn(call, svg_picture))


async def _drawn(call: Call[PictureQuery], draw: Callable[[Timeline], str]) -> str:
    board, run_id = call.board, call.run_id
    batch = await board.operator.batch_run(run_id)
    if batch is None:
        raise Refusal("not_found", f"run {run_id} has not begun: there is nothing to draw")
    history = await board.operator.history(batch.instance_id)
    runs = await board.get_runs([each.run_id for each in history.runs])
    only, now = None if call.query.instance else run_id, board.present()
    return await computed(
        len(history.steps), lambda: draw(timeline_of(history, runs, now=now, run_id=only))
    )


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
