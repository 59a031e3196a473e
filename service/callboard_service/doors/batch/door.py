"""The door itself: from a request to an operation, and its answer back.

1. The service's guards let it in: token, host, origin (security.py).
2. The header `Callboard-Group` says whose jobs it is about (operation.py), and hides what others
   have (belonging.py).
3. The query is understood, or is left to the job's parameters; the body is read, at most 1 MiB.
4. A POST that comes again with its Idempotency-Key is done once.
5. The operation asks the board's operator; what is raised becomes a problem (faults.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias

from aiohttp import web

from callboard_service.body import read_body
from callboard_service.call import Call, NoQuery, Service
from callboard_service.doors.batch.belonging import check_group
from callboard_service.doors.batch.faults import refuse
from callboard_service.doors.batch.operation import Operation, group_of
from callboard_service.doors.batch.operations import OPERATIONS
from callboard_service.idempotency import once
from callboard_service.query import query_of

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BatchDoor:
    """The door of one application."""

    def __init__(self, service: Service, operations: Sequence[Operation] = OPERATIONS) -> None:
        self._service = service
        self._handlers = [(each, self._handler(each)) for each in operations]

    @property
    def handlers(self) -> Iterator[Handler]:
        """What answers requests; what they raise is for `refuse`."""
        return (handler for _, handler in self._handlers)

    @staticmethod
    def refuse(error: Exception) -> web.Response:
        """The answer for what was raised here or on the way here."""
        return refuse(error)

    def register(self, app: web.Application) -> None:
        """Give the application the door's routes."""
        for operation, handler in self._handlers:
            if operation.method == "GET":
                app.router.add_get(operation.path, handler, name=operation.route)
            else:
                app.router.add_route(
                    operation.method, operation.path, handler, name=operation.route
                )

    def _handler(self, operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(operation, request)

        return handle

    async def _answer(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        service = self._service
        service.board.check_room()
        group = group_of(request)
        query = NoQuery() if operation.query is None else query_of(request, operation.query)
        data = await read_body(request) if request.can_read_body else b""

        async def do(key: str | None) -> web.StreamResponse:
            call = Call(request=request, service=service, query=query, data=data, key=key)
            if operation.of is not None:
                await check_group(call, operation.of)
            return await operation.handle(call)

        if operation.method != "POST":
            return await do(None)
        # A job's parameters may be in the query, so another query is another request.
        whole = b"\n".join((request.rel_url.raw_query_string.encode(), data))
        now, again = service.clock.now(), operation.is_repeatable
        return await once(service.board, request, group, whole, now, do, is_repeatable=again)
