"""Answers that come in more forms than JSON: which one the client takes."""

from __future__ import annotations

from typing import Final

from aiohttp import web

TEXT: Final = "text/plain"
SVG: Final = "image/svg+xml"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def wants_text(request: web.Request) -> bool:
    """Whether the client names plain text in Accept, before anything else that it names."""
    return first_accepted(request) == TEXT


def first_accepted(request: web.Request) -> str:
    """The media type that the client names first in Accept; empty where it names none."""
    accepted = ",".join(request.headers.getall("Accept", []))
    return accepted.split(",")[0].partition(";")[0].strip().lower()


def text_answer(text: str, *, kind: str = TEXT) -> web.Response:
    """Plain text, or another kind of text."""
    return web.Response(text=text, content_type=kind, charset="utf-8", headers={"Vary": "Accept"})


def svg_answer(document: str) -> web.Response:
    """A picture; nothing in it is executed."""
    headers = {"Content-Security-Policy": _POLICY, "Vary": "Accept"}
    return web.Response(body=document.encode(), content_type=SVG, headers=headers)
