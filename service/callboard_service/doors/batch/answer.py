"""Answers to whoever began an execution."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from callboard.domain.run import Run
from callboard_service.call import Call, json_answer
from callboard_service.doors.batch.operation import route_of
from callboard_service.media import text_answer, wants_text


def begun_answer(call: Call[Any], run: Run, words: str, document: object) -> web.Response:
    """The document of the execution with its place; the words for whoever asks for text."""
    if wants_text(call.request):
        return words_answer(call, run, words, status=202)
    return json_answer(document, status=202, headers=_place(call, run))


def words_answer(call: Call[Any], run: Run, words: str, *, status: int) -> web.Response:
    """The words alone, with the place of the execution."""
    response = text_answer(words)
    response.set_status(status)
    response.headers.update(_place(call, run))
    return response


def _place(call: Call[Any], run: Run) -> dict[str, str]:
    return {"Location": call.url(route_of("getExecution"), id=str(run.id))}
