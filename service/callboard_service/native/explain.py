"""/v1/triggers/{name}/explain: why a trigger did, will or did not fire at an instant."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.instant import instant_from_text
from callboard.errors import InvalidInput
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.groups import InGroup
from callboard_service.problems import bad_query
from callboard_service.wire.explain import ExplanationResource, explanation_resource
from callboard_service.wire.shapes import Instant


class ExplainQuery(InGroup, kw_only=True, forbid_unknown_fields=True):
    """The instant that is asked about."""

    at: Annotated[Instant, msgspec.Meta(examples=["2026-11-20T01:00:00Z"])]


async def explain_slot(call: Call[ExplainQuery]) -> web.Response:
    query = call.query
    try:
        at = instant_from_text(query.at, "at")
    except InvalidInput as error:
        raise bad_query(error.problems) from None
    explanation = await call.board.explain_slot(query.group, call.name, at)
    return json_answer(explanation_resource(explanation))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/triggers/{name}/explain",
        name="explain_slot",
        summary="Say what became of a slot, or why an instant is none",
        handle=explain_slot,
        query=ExplainQuery,
        answers={200: ExplanationResource},
        problems=("not_found",),
    ),
)
