"""One request, as its handler gets it, and the route that leads to the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web

from callboard.board import Callboard
from callboard.clock import Clock
from callboard.domain.names import DEFAULT_GROUP, wide_name_problem
from callboard.domain.run import MAX_RUN_ID
from callboard.errors import NotFound
from callboard_service.body import parse_body
from callboard_service.metrics import Metrics
from callboard_service.settings import Settings
from callboard_service.streams import Streams
from callboard_service.wire.text import encode_json

Q = TypeVar("Q", bound=msgspec.Struct)

JSON_TYPE: Final = "application/json"
# aiohttp before 3.14 has names alone.
OPERATION: Final[Any] = getattr(web, "RequestKey", lambda name, _: name)("operation", str)
"""Item of a request: what its route is called in figures and logs, where a path says too little."""


class NoQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every handler of one application works with."""

    board: Callboard
    settings: Settings
    clock: Clock
    streams: Streams
    metrics: Metrics
    routes: tuple[Route[Any], ...]
    """All endpoints, for the pages about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q]):
    """A request whose query is understood and whose body is read."""

    request: web.Request
    service: Service
    query: Q
    data: bytes = b""
    """The body."""
    key: str | None = None
    """The Idempotency-Key within its scope."""

    @property
    def board(self) -> Callboard:
        return self.service.board

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @property
    def name(self) -> str:
        """The path's `{name}`.

        Raises:
            NotFound: nothing can have such a name.
        """
        name = self.request.match_info["name"]
        if wide_name_problem(name, "name") is not None:
            raise NotFound("thing of the name", name[:80].encode("ascii", "replace").decode())
        return name

    @property
    def run_id(self) -> int:
        """The path's `{id}` of a run.

        Raises:
            NotFound: no run can have such an id.
        """
        return self.id_of("run")

    def id_of(self, kind: str) -> int:
        """The path's `{id}`.

        Raises:
            NotFound: nothing can have such an id.
        """
        text = self.request.match_info["id"]
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise NotFound(kind, text[:80].encode("ascii", "replace").decode())
        if not 1 <= int(text) <= MAX_RUN_ID:
            raise NotFound(kind, text)
        return int(text)

    def body(self, *, optional: bool = False) -> Any:
        """The JSON value of the body."""
        return parse_body(self.request, self.data, optional=optional)

    def url(self, route: str, group: str = DEFAULT_GROUP, **parts: str) -> str:
        """Where another route of the application is, wherever that is mounted."""
        url = self.request.app.router[route].url_for(**parts)
        return str(url if group == DEFAULT_GROUP else url.with_query(group=group))


Handler = Callable[[Call[Q]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Q]):
    """One endpoint: what the router, the handler and the document of the API know of it."""

    method: str
    path: str
    name: str
    """Its operation's name, snake_case, unique."""
    summary: str
    about: tuple[str, ...] = ()
    """More statements about it; what is in backquotes is code."""
    handle: Handler[Q]
    query: type[Q]
    body: Any = None
    """Type of the body; None: none is read."""
    body_optional: bool = False
    answers: Mapping[int, Any] = field(default_factory=dict)
    """Type of the answer by status; None: no body."""
    problems: tuple[str, ...] = ()
    """Codes that it may answer, besides those that every route may."""
    media: str = JSON_TYPE
    also: tuple[str, ...] = ()
    """Further media of its answer, for clients that name one in Accept; as text."""
    is_repeatable: bool = False
    """For a POST: whether its handler gives what a key has started, however often it is called."""
    is_open: bool = False
    """Whether it needs no token."""
    head: bool = True
    """For a GET: whether HEAD is answered too."""


def json_answer(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer with a wire value."""
    return web.Response(
        body=encode_json(value),
        status=status,
        headers={**(headers or {}), "Content-Type": JSON_TYPE},
    )
