"""Who may speak to the service: the token, and the guards against foreign web pages.

| guard | refuses |
| --- | --- |
| Host | on loopback, a name that is not this machine's (DNS rebinding) |
| Origin | a page of another origin, WebSockets included; `null` too |
| token | every request without it, but /healthz and /readyz (probes cannot know it) |
| content type | a body that is not JSON: what a form can send across sites (in body.py) |

The token comes as `Authorization: Bearer`, or from a browser's WebSocket as a subprotocol (see
sinks.py). It is never taken from the URL, which ends up in logs and histories. The
doors know their callers otherwise (doors/glue/callers.py).
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from callboard_service.problems import Refusal
from callboard_service.settings import Settings, is_loopback
from callboard_service.sinks import token_of_protocol

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="callboard"'}
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Callboard-Group"
)
_EXPOSED: Final = "ETag, Location, Retry-After, Idempotent-Replayed"


class Guard:
    """The checks of one application."""

    def __init__(self, settings: Settings) -> None:
        self._token = None if settings.token is None else settings.token.encode()
        self._origins = frozenset(_normal(each) for each in settings.allowed_origins)
        self._hosts = frozenset(each.lower() for each in settings.allowed_hosts)
        self._checks_host = settings.is_on_loopback and "*" not in self._hosts

    def check_page(self, request: web.Request) -> None:
        """Refuse what a foreign web page sends.

        Raises:
            Refusal: foreign_host, foreign_origin.
        """
        host = request.headers.get("Host", "")
        if self._checks_host and not self._is_ours(host):
            raise Refusal("foreign_host", f"{host[:100]!a} is not a name of this service")
        for origin in request.headers.getall("Origin", []):
            if not self._is_allowed(origin, host):
                raise Refusal("foreign_origin", f"pages of {origin[:100]!a} may not use it")

    def check_token(self, request: web.Request) -> None:
        """Refuse a request without the token.

        Raises:
            Refusal: unauthorized.
        """
        if self._token is None:
            return
        given = _bearer(request) or token_of_protocol(request)
        if given is None:
            raise Refusal("unauthorized", "the request has no bearer token", headers=CHALLENGE)
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token):
            raise Refusal("unauthorized", "the token is not the service's", headers=CHALLENGE)

    def is_preflight(self, request: web.Request) -> bool:
        """Whether a browser asks if a page of an allowed origin may send something."""
        return (
            request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
            and bool(self.shared_headers(request))
        )

    def shared_headers(self, request: web.Request) -> dict[str, str]:
        """What lets a page of an allowed origin read the answer; empty for everybody else."""
        origin = request.headers.get("Origin")
        if origin is None or _normal(origin) not in self._origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }

    def _is_ours(self, host: str) -> bool:
        name = _host_name(host)
        return is_loopback(name) or name in self._hosts or host.lower() in self._hosts

    def _is_allowed(self, origin: str, host: str) -> bool:
        if _normal(origin) in self._origins:
            return True
        # Behind a proxy that ends TLS the scheme differs; host and port do not.
        scheme, _, place = origin.lower().partition("://")
        default = {"http": ":80", "https": ":443"}.get(scheme)
        if default is None or not host:
            return False
        return place.removesuffix(default) == host.lower().removesuffix(default)


def _bearer(request: web.Request) -> str | None:
    values = request.headers.getall("Authorization", [])
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _normal(origin: str) -> str:
    return origin.lower().rstrip("/")
