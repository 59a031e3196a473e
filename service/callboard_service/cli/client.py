"""The API's client: requests, pages, and the WebSockets that `follow` reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure, Refused, Unreachable, problem_of

CONNECT_S: Final = 10.0
ANSWER_S: Final = 60.0
PAGE: Final = 1000
PING_S: Final = 20.0
"""How often a WebSocket is asked whether somebody is still there."""
Query = Mapping[str, str | Sequence[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer."""

    status: int
    body: bytes
    etag: str | None

    @property
    def value(self) -> Any:
        """The JSON value; None for an empty body."""
        return json.loads(self.body) if self.body else None


class ApiClient:
    """`async with` it; every call raises Refused or Unreachable."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Raises CliFailure when `url` is not one of a server."""
        self.url = _checked(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
        self._http = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def get(self, path: str, query: Query | None = None) -> Answer:
        return await self.request("GET", path, query=query)

    async def post(
        self,
        path: str,
        body: object = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self.request("POST", path, body=body, query=query, headers=headers)

    async def create(
        self, kind: str, document: Mapping[str, Any], group: str | None, *, replace: bool
    ) -> Answer:
        """Create a job, a trigger ..., or put it in the place of one of the same name.

        Args:
            kind: the plural, as it is in paths.
        """
        name, own_group = document.get("name"), document.get("group")
        if not (replace and isinstance(name, str) and name):
            return await self.post(path_of(kind), document, {"group": group})
        query = {"group": group or (own_group if isinstance(own_group, str) else None)}
        return await self.request("PUT", path_of(kind, name), query=query, body=document)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to one request; a `body` goes as JSON, bytes of it as they are."""
        try:
            async with self._session.request(
                method,
                self._target(path, query),
                data=_encoded(body),
                headers={**_media(method, body), **(headers or {})},
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(self.url, _reason(error)) from None
        if response.status >= 300:
            raise Refused(response.status, problem_of(response.status, content))
        return Answer(status=response.status, body=content, etag=response.headers.get("ETag"))

    async def list(self, path: str, query: Query, limit: int | None) -> dict[str, Any]:
        """Pages as one: `limit` items at the most, all of them for None."""
        items: list[Any] = []
        cursor = query.get("cursor")
        while True:
            wanted = PAGE if limit is None else min(PAGE, limit - len(items))
            asked = {**query, "limit": str(wanted), "cursor": cursor}
            page = (await self.get(path, asked)).value
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or (limit is not None and len(items) >= limit):
                return {"items": items, "next_cursor": cursor}

    @asynccontextmanager
    async def socket(
        self, path: str, query: Query
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket of the API."""
        target = self._target(path, query)
        try:
            socket = await self._session.ws_connect(
                target,
                max_msg_size=0,
                heartbeat=PING_S,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise await self._refusal(path, query, error.status) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(self.url, _reason(error)) from None
        try:
            yield socket
        finally:
            await socket.close()

    async def _refusal(self, path: str, query: Query, status: int) -> CliFailure:
        """Why a handshake was refused: its answer has no body here, a plain request's has."""
        try:
            await self.request("GET", path, query=query)
        except Refused as refused:
            if refused.status == status:
                return refused
        return Refused(status, problem_of(status, b""))

    @property
    def _session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "the client is not open"
        return self._http

    def _target(self, path: str, query: Query | None) -> URL:
        pairs = [
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, values in (query or {}).items()
            if values is not None
            for value in ([values] if isinstance(values, str) else values)
        ]
        # Names are quoted already, and yarl would unquote what it thinks harmless.
        return URL(f"{self.url}{path}{'?' + '&'.join(pairs) if pairs else ''}", encoded=True)


def path_of(*parts: str | int) -> str:
    """The path under /v1 whose segments are the given names."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def idempotency_headers(key: str | None) -> dict[str, str]:
    """What makes a repeated request with this key be done once; None: nothing does."""
    return {} if key is None else {"Idempotency-Key": key}


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise CliFailure(
            ExitCode.USAGE, f"--url: {url!r} is not a server's", "e.g. http://127.0.0.1:8321"
        )
    return url.rstrip("/")


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return json.dumps(body).encode()


def _media(method: str, body: object) -> dict[str, str]:
    if body is None:
        return {}
    media = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return {"Content-Type": media}


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or str(error)
    return str(error) or type(error).__name__
