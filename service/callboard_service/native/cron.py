"""/v1/cron/preview: what a cron text means, before anything is stored."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from callboard.errors import InvalidInput
from callboard_service.call import Call, Route, json_answer
from callboard_service.problems import bad_query
from callboard_service.wire.shapes import Instant, instant
from callboard_service.wire.slots import (
    MOST_PREVIEWED,
    CronPreview,
    CronTranslation,
    preview_cron,
    translate_cron,
)


class PreviewQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The text and the place that it is meant for."""

    expression: Annotated[str, msgspec.Meta(examples=["0 2 * * *"])]
    dialect: str = "vixie"
    zone: Annotated[str, msgspec.Meta(examples=["Europe/Prague"])] = "UTC"
    gap: Annotated[
        Literal["run", "skip"] | None, msgspec.Meta(description="default: by the expression")
    ] = None
    fold: Annotated[
        Literal["first", "both"] | None, msgspec.Meta(description="default: by the expression")
    ] = None
    hash_key: Annotated[
        str | None, msgspec.Meta(description="what H is hashed from: group/name of the trigger")
    ] = None
    from_: Annotated[
        Instant | None, msgspec.Meta(description="slots strictly after it; default: now")
    ] = msgspec.field(name="from", default=None)
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_PREVIEWED)] = 10


async def get_preview(call: Call[PreviewQuery]) -> web.Response:
    query = call.query
    try:
        after = instant(query.from_, "from") or call.board.present()
    except InvalidInput as error:
        raise bad_query(error.problems) from None
    return json_answer(
        preview_cron(
            expression=query.expression,
            dialect=query.dialect,
            zone=query.zone,
            gap=query.gap,
            fold=query.fold,
            hash_key=query.hash_key,
            after=after,
            count=query.count,
        )
    )


class TranslateQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The text, its dialect and the wanted one."""

    expression: Annotated[str, msgspec.Meta(examples=["30 9 * * mon-fri"])]
    source: str = "vixie"
    target: Annotated[str, msgspec.Meta(examples=["aws"])]
    hash_key: str = ""


async def get_translation(call: Call[TranslateQuery]) -> web.Response:
    query = call.query
    return json_answer(
        translate_cron(query.expression, query.source, query.target, hash_key=query.hash_key)
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/cron/preview",
        name="preview_cron",
        summary="Say what a cron text means and when its next slots are",
        handle=get_preview,
        query=PreviewQuery,
        answers={200: CronPreview},
        problems=("invalid_input",),
    ),
    Route(
        method="GET",
        path="/v1/cron/translate",
        name="translate_cron",
        summary="Write a cron text in another dialect, or say why its slots would change",
        handle=get_translation,
        query=TranslateQuery,
        answers={200: CronTranslation},
        problems=("invalid_input",),
    ),
)
