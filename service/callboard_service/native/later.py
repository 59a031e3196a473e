"""Paths of the API that later releases bring: they say so."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from callboard.errors import NotSupportedYet
from callboard_service.call import Call, Route


class AnyQuery(msgspec.Struct, kw_only=True):
    """Whatever the parameters will be."""


async def refuse_for_now(call: Call[AnyQuery]) -> web.Response:
    raise NotSupportedYet("path", f"{call.request.method} {call.request.path}")


_PATHS: Final = (
    ("POST", "/v1/triggers/{name}/pause", "pause_trigger", "Skip its slots until resumed"),
    ("POST", "/v1/triggers/{name}/resume", "resume_trigger", "Fire again"),
    ("POST", "/v1/backfills", "create_backfill", "Run slots of the past"),
    ("GET", "/v1/backfills", "list_backfills", "List backfills"),
    ("GET", "/v1/backfills/{id}", "get_backfill", "Get a backfill"),
    ("POST", "/v1/backfills/{id}/{action}", "change_backfill", "Pause, resume or cancel it"),
    ("GET", "/v1/calendars", "list_calendars", "List calendars"),
    ("GET", "/v1/calendars/{name}", "get_calendar", "Get a calendar"),
    ("PUT", "/v1/calendars/{name}", "put_calendar", "Create or replace a calendar"),
    ("DELETE", "/v1/calendars/{name}", "delete_calendar", "Delete a calendar"),
)

ROUTES: Final = tuple(
    Route(
        method=method,
        path=path,
        name=name,
        summary=summary,
        handle=refuse_for_now,
        query=AnyQuery,
        problems=("not_supported_yet",),
        is_later=True,
    )
    for method, path, name, summary in _PATHS
)
