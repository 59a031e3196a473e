"""Servers of HTTP on loopback, and names that lead to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.test_utils import TestServer

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Recorder:
    """A server whose answer the test decides, and what it was asked."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.answers: list[web.StreamResponse | Answer] = []
        """In the order of the requests; the last one goes on, and without any it is 204."""
        self.port = 0

    @property
    def paths(self) -> list[str]:
        return [request.raw_path for request in self.requests]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def says(self, *answers: Any, **response: Any) -> None:
        """Answer so from now on; fields of web.Response for one answer for ever."""
        if response:
            answers = (*answers, lambda request: _made(response))
        self.answers = list(answers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if not self.answers:
            return web.Response(status=204)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, web.StreamResponse) else await answer(request)


async def _made(fields: dict[str, Any]) -> web.Response:
    return web.Response(**fields)


@asynccontextmanager
async def recorder(
    host: str = "127.0.0.1", port: int = 0, *, tls: SSLContext | None = None
) -> AsyncIterator[Recorder]:
    """A running one, on that address."""
    found = Recorder()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found._answer)
    server = TestServer(app, host=host, port=port)
    await server.start_server(**({} if tls is None else {"ssl": tls}))
    found.port = server.port or 0
    try:
        yield found
    finally:
        await server.close()


class Names:
    """A resolver whose answers the test decides: a list of addresses for each time it is asked."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name: list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]
