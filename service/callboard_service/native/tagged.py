"""Answers with a thing that has no versions: its ETag is made from its content."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from callboard_service.call import JSON_TYPE, Call
from callboard_service.preconditions import content_tag, is_unchanged
from callboard_service.wire.text import encode_json


def tagged_answer(
    call: Call[Any], resource: object, *, status: int = 200, location: str | None = None
) -> web.Response:
    """The answer with its ETag; 304 for a client that has this content already."""
    body = encode_json(resource)
    headers = {"ETag": content_tag(body)}
    if location is not None:
        headers["Location"] = location
    elif call.request.method in ("GET", "HEAD") and is_unchanged(call.request, headers["ETag"]):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = JSON_TYPE
    return web.Response(body=body, status=status, headers=headers)
