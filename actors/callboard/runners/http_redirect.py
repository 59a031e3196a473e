"""The request that a redirect asks for, and what does not go along with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from yarl import URL

from callboard.domain.http_exchange import HttpRefused, Request, shown_url

_NOT_SECRET: Final = frozenset(
    {"accept", "accept-language", "content-type", "traceparent", "user-agent"}
)
"""Headers that may go along to another origin; any other one may be a credential."""


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that a redirect asks for.

    As browsers do: 303 turns everything but HEAD into GET, 301 and 302 turn POST into GET, 307 and
    308 repeat what was sent. Headers that may be credentials do not go to another origin, other
    than from http to https on the same host and the usual ports.

    Raises:
        HttpRefused: from https to http, to another scheme, or to something that is no URL.
    """
    here = read_url(request.url)
    try:
        there = here.join(URL(location)).with_fragment(None)
    except ValueError as error:
        raise HttpRefused(f"a redirect to {location[:200]!r}, which is no URL: {error}") from None
    if there.scheme not in ("http", "https") or not there.raw_host:
        raise HttpRefused(f"a redirect to {location[:200]!r}, which is not HTTP")
    if here.scheme == "https" and there.scheme == "http":
        shown = shown_url(str(there))
        raise HttpRefused(f"a redirect from https to {shown}, where anybody could read along")
    if there.user or there.password:
        there = there.with_user(None)
    is_dropped = (status == 303 and request.method != "HEAD") or (
        status in (301, 302) and request.method == "POST"
    )
    headers = request.headers
    if not _is_same_party(here, there):
        headers = tuple(pair for pair in headers if pair[0].lower() in _NOT_SECRET)
    if is_dropped:
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    return replace(
        request,
        url=str(there),
        method="GET" if is_dropped else request.method,
        body=None if is_dropped else request.body,
        headers=headers,
    )


def read_url(text: str) -> URL:
    """A URL of http or https, as it stands. Raises HttpRefused for anything else."""
    try:
        url = URL(text, encoded=True)
        if url.scheme in ("http", "https") and url.raw_host and url.port:
            return url
    except ValueError:
        pass
    raise HttpRefused(f"{text[:200]!r} is not a URL of http or https")


def _is_same_party(here: URL, there: URL) -> bool:
    if here.raw_host != there.raw_host:
        return False
    if (here.scheme, here.port) == (there.scheme, there.port):
        return True
    return (here.scheme, here.port, there.scheme, there.port) == ("http", 80, "https", 443)
