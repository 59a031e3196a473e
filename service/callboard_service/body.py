"""The body of a request: its bytes, within bounds, and the JSON in them."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from callboard_service.problems import Refusal, bad_header
from callboard_service.wire.text import parse_json

MAX_BODY: Final = 2**20
"""Bytes."""
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"


async def read_body(request: web.Request) -> bytes:
    """The body, at most MAX_BODY bytes; read once, wherever the application is mounted.

    Raises:
        Refusal: too_large, unsupported_media_type, malformed_request.
    """
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal("unsupported_media_type", "a compressed body is not taken")
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > MAX_BODY:
                raise _too_large()
            chunks.append(chunk)
    except (BadHttpMessage, web.RequestPayloadError) as error:
        raise Refusal("malformed_request", f"the body cannot be read: {error}") from None
    return b"".join(chunks)


def parse_body(request: web.Request, data: bytes, *, optional: bool) -> Any:
    """The JSON value of a body; an empty object for none where that is allowed.

    Raises:
        Refusal: unsupported_media_type.
        MalformedJson: it is not JSON.
    """
    if not data and optional:
        return {}
    _check_type(request)
    return parse_json(data)


def _check_type(request: web.Request) -> None:
    # Browsers send forms and plain text across sites without asking, but not JSON.
    taken = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    if "Content-Type" not in request.headers or request.content_type not in taken:
        given = request.headers.get("Content-Type", "none")
        detail = f"the content type is {given[:80]}, not {' or '.join(taken)}"
        raise Refusal("unsupported_media_type", detail, headers={"Accept": ", ".join(taken)})
    if (request.charset or "utf-8").lower().replace("_", "-") not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal("unsupported_media_type", f"the charset is {request.charset}, not utf-8")


def _too_large() -> Refusal:
    # What is left of the body is not read, so the connection cannot be used again.
    return Refusal(
        "too_large", f"the body has more than {MAX_BODY} bytes", headers={"Connection": "close"}
    )


def header_text(request: web.Request, name: str, *, most: int) -> str | None:
    """A header's visible ASCII text of 1 to `most` characters; None when it is not there.

    Raises:
        Refusal: invalid_header, also when it comes twice.
    """
    values = request.headers.getall(name, [])
    if not values:
        return None
    text = values[0]
    if len(values) > 1:
        raise bad_header(name, "comes more than once")
    if not (1 <= len(text) <= most and text.isascii() and text.isprintable()):
        raise bad_header(name, f"is not a text of 1 to {most} visible ASCII characters")
    return text
