"""What is read about the service: the API page, its document, the problems, the figures."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard.board import installed_version
from callboard_service import metrics
from callboard_service.call import Call, NoQuery, Route, json_answer
from callboard_service.openapi import openapi_document
from callboard_service.page import api_page, problem_page
from callboard_service.problem_codes import PROBLEM_CODES
from callboard_service.problems import Refusal
from callboard_service.wire.shapes import JsonMap

HTML: Final = "text/html"
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


async def get_page(call: Call[NoQuery]) -> web.Response:
    return _html(api_page(call.service.routes, installed_version()))


async def get_document(call: Call[NoQuery]) -> web.Response:
    return json_answer(openapi_document(call.service.routes, installed_version()))


async def get_problem(call: Call[NoQuery]) -> web.Response:
    code = PROBLEM_CODES.get(call.request.match_info["code"])
    if code is None:
        raise Refusal("not_found", "there is no such problem")
    return _html(problem_page(code))


async def get_metrics(call: Call[NoQuery]) -> web.Response:
    service = call.service
    body = await service.metrics.exposition(service.board, service.streams.count)
    return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})


def _html(text: str) -> web.Response:
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type=HTML, charset="utf-8", headers=headers)


ROUTES: Final = (
    Route(
        method="GET",
        path="/metrics",
        name="get_metrics",
        summary="Get the figures for Prometheus",
        handle=get_metrics,
        query=NoQuery,
        answers={200: str},
        media="text/plain",
    ),
    Route(
        method="GET",
        path="/openapi.json",
        name="get_document",
        summary="Get this API as an OpenAPI 3.1 document",
        handle=get_document,
        query=NoQuery,
        answers={200: JsonMap},
    ),
    Route(
        method="GET",
        path="/problems/{code}",
        name="get_problem",
        summary="Read what a problem's code means",
        handle=get_problem,
        query=NoQuery,
        answers={200: str},
        problems=("not_found",),
        media=HTML,
    ),
    Route(
        method="GET",
        path="/",
        name="get_page",
        summary="Read about the API",
        handle=get_page,
        query=NoQuery,
        answers={200: str},
        media=HTML,
    ),
)
