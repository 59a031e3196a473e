"""The aiohttp application of a board: stands alone, or mounted in a host's application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from callboard.board import Callboard
from callboard.clock import Clock, SystemClock
from callboard.domain.names import DEFAULT_GROUP
from callboard_service.body import read_body
from callboard_service.call import Call, Route, Service
from callboard_service.doors.batch.door import BatchDoor
from callboard_service.doors.glue.door import PATHS as GLUE_PATHS
from callboard_service.doors.glue.door import GlueDoor
from callboard_service.idempotency import once
from callboard_service.metrics import Metrics, probing_loop
from callboard_service.middleware import Answer, make_finish, make_middleware
from callboard_service.query import query_of
from callboard_service.routes import ROUTES
from callboard_service.security import Guard
from callboard_service.settings import Settings
from callboard_service.streams import Streams
from callboard_service.tasks import beside
from callboard_service.watcher import watch

SERVICE: Final = web.AppKey("callboard_service", Service)


def build_app(
    board: Callboard, settings: Settings | None = None, clock: Clock | None = None
) -> web.Application:
    """The application for a board, which stays the caller's to open and to close.

    Mounted by `host.add_subapp("/callboard/", build_app(board, settings))` it brings its guards
    and problems along and touches nothing else of the host's.

    Args:
        settings: those about the network's ends; `dsn`, `port`, `handlers` are not looked at.
    """
    settings = settings or Settings()
    clock = clock or SystemClock()
    service = Service(
        board=board,
        settings=settings,
        clock=clock,
        streams=Streams(settings.max_streams),
        metrics=Metrics(),
        routes=ROUTES,
    )
    guard = Guard(settings)
    handlers = {route.name: _handler(service, route) for route in ROUTES}
    opened = {handlers[route.name] for route in ROUTES if route.is_open}
    door = GlueDoor(service) if settings.glue else None
    answers: dict[_Plain, Answer] = {} if door is None else {door.handle: door.refuse}
    opened |= answers.keys()
    batch = BatchDoor(service) if settings.batch_door else None
    if batch is not None:
        answers |= dict.fromkeys(batch.handlers, batch.refuse)
    around = make_middleware(guard, service.metrics, clock, opened, answers)
    app = web.Application(middlewares=[around])
    app[SERVICE] = service
    app.on_response_prepare.append(make_finish(guard))
    app.on_shutdown.append(_end_streams)
    app.cleanup_ctx.append(_observed)
    for route in ROUTES:
        _register(app, route, handlers[route.name])
    if door is not None:
        for path in GLUE_PATHS:
            app.router.add_post(path, door.handle)
    if batch is not None:
        batch.register(app)
    return app


def _register(app: web.Application, route: Route[Any], handler: _Plain) -> None:
    if route.method == "GET":
        app.router.add_get(route.path, handler, name=route.name, allow_head=route.head)
    else:
        app.router.add_route(route.method, route.path, handler, name=route.name)


_Plain = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _handler(service: Service, route: Route[Any]) -> _Plain:
    # How the service is has to be told under load, too.
    is_of_board = route.path.startswith("/v1/")

    async def handle(request: web.Request) -> web.StreamResponse:
        if is_of_board:
            service.board.check_room()
        query = query_of(request, route.query)
        data = await read_body(request) if request.can_read_body else b""

        async def do(key: str | None) -> web.StreamResponse:
            call = Call(request=request, service=service, query=query, data=data, key=key)
            return await route.handle(call)

        if route.method != "POST":
            return await do(None)
        group = getattr(query, "group", None) or DEFAULT_GROUP
        now, again = service.clock.now(), route.is_repeatable
        return await once(service.board, request, group, data, now, do, is_repeatable=again)

    return handle


async def _end_streams(app: web.Application) -> None:
    app[SERVICE].streams.close()


async def _observed(app: web.Application) -> AsyncIterator[None]:
    service = app[SERVICE]
    with probing_loop(service.metrics, service.clock):
        async with beside(watch(service.board, service.metrics, service.clock)):
            yield
