"""The server that the contract's http jobs ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from callboard.domain.job import Job
from runners.contract_work import succeed
from support.http_servers import recorder


@asynccontextmanager
async def contract_server() -> AsyncIterator[int]:
    """Its port; `/ready` leads to an answer that does not come."""
    async with recorder() as server:
        server.says(_answer)
        yield server.port


def moved(job: Job, port: int) -> Job:
    """The same job, for the server on that port."""
    url = str(job.spec["url"]).replace("http://127.0.0.1/", f"http://127.0.0.1:{port}/")
    return replace(job, spec={**job.spec, "url": url})


async def _answer(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/succeed":
            return web.json_response(succeed())
        case "/fail":
            return web.Response(status=409, text="no stock")
        case "/ready":
            return web.Response(status=302, headers={"Location": "/never"})
    await asyncio.Event().wait()
    raise AssertionError("nobody waits so long")
