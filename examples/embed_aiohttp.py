"""A web application of your own with Callboard inside: one process, one event loop, one pool.

    python examples/embed_aiohttp.py

Your routes start work and answer at once; Callboard's own API is mounted below /callboard/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from callboard import Callboard, every, job
from callboard_service.app import build_app
from callboard_service.settings import Settings

BOARD = web.AppKey("board", Callboard)


@job(timeout_s=60)
async def send_report(to: str) -> dict[str, str]:
    return {"sent_to": to}


async def order_report(request: web.Request) -> web.Response:
    run = await request.app[BOARD].start(send_report, {"to": request.match_info["to"]})
    return web.json_response({"run": run.id}, status=202)


async def with_board(app: web.Application) -> AsyncIterator[None]:
    async with app[BOARD] as board:
        await board.define(send_report)
        await board.schedule("daily-report", every(days=1), send_report, {"to": "ops@example.org"})
        yield


def make_app(dsn: str = "memory:") -> web.Application:
    """The host's application; the board opens and closes with it."""
    app = web.Application()
    app[BOARD] = Callboard(dsn)
    app.cleanup_ctx.append(with_board)
    app.router.add_post("/reports/{to}", order_report)
    app.add_subapp("/callboard/", build_app(app[BOARD], Settings()))
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8080)
