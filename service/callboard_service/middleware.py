"""Around every request: the guards, problems for exceptions, one log line, figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from callboard.clock import Clock
from callboard_service.call import OPERATION
from callboard_service.metrics import Metrics
from callboard_service.problems import answer_to
from callboard_service.security import Guard

logger = logging.getLogger(__name__)

Answer = Callable[[Exception], web.Response]

_NO_ROUTE: Final = "(none)"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def make_middleware(
    guard: Guard,
    metrics: Metrics,
    clock: Clock,
    open_handlers: Collection[Any],
    answers: Mapping[Any, Answer],
) -> Middleware:
    """The middleware of one application.

    Args:
        open_handlers: handlers that need no token.
        answers: what answers an exception, by handler, where it is not a problem.
    """

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = clock.monotonic()
        try:
            guard.check_page(request)
            if guard.is_preflight(request):
                response: web.StreamResponse = web.Response(status=204)
            else:
                if request.match_info.handler not in open_handlers:
                    guard.check_token(request)
                response = await _respond(request, handler)
        except Exception as error:  # noqa: BLE001 - the table ends with "everything else"
            response = answers.get(request.match_info.handler, answer_to)(error)
        _note(metrics, request, response, clock.monotonic() - begun)
        return response

    return around


def make_finish(guard: Guard) -> Any:
    """The signal receiver that gives every answer, streams included, its last headers."""

    async def finish(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(guard.shared_headers(request))
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")

    return finish


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        if request.method != "OPTIONS":
            raise
        allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        return web.Response(status=204, headers={"Allow": allowed})


def _note(
    metrics: Metrics, request: web.Request, response: web.StreamResponse, took_s: float
) -> None:
    resource = request.match_info.route.resource
    route = request.get(OPERATION) or (resource.canonical if resource is not None else _NO_ROUTE)
    method = request.method if request.method in _METHODS else "other"
    is_stream = not isinstance(response, web.Response)
    metrics.observe_request(method, route, response.status, None if is_stream else took_s)
    logger.info(
        "request",
        extra={
            "event": "http.request",
            "method": method,
            "path": request.path,
            "route": route,
            "status": response.status,
            "duration_s": round(took_s, 6),
            "remote": request.remote,
            "is_stream": is_stream,
        },
    )
