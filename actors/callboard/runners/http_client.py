"""GuardedClient: HTTP for those whose URLs are somebody else's words; the one importer of aiohttp.

    where to      every address is judged by the egress guard right before it is connected to, that
                  of a redirect too; the socket is opened to a judged address or not at all
    redirects     a few; never from https to http; what the caller sent along stays with its origin
    not used      proxies and credentials of the environment, cookies, connections of earlier calls
    bounds        one time for all of it; the body is read up to a limit, after decompression

Needs the extra `http`. A client is opened for a few calls of one owner and closed again: it keeps
the addresses that it has judged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from callboard.clock import Clock
from callboard.domain.egress import Address, Egress
from callboard.domain.http_exchange import (
    Hop,
    HttpFailure,
    HttpRefused,
    HttpTimeout,
    HttpUnreachable,
    Reply,
    Request,
    shown_url,
)
from callboard.runners.egress import Lookup, checked_addresses, system_lookup
from callboard.runners.http_redirect import read_url, redirected

CHUNK_BYTES: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class GuardedClient:
    """`async with GuardedClient(egress, clock=clock) as client: reply = await client.send(...)`."""

    def __init__(
        self,
        egress: Egress,
        *,
        clock: Clock,
        lookup: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Args:
        clock: measures how long each hop took.
        lookup: from names to addresses.
        tls: whom to trust; None: those whom the system trusts.
        """
        self._egress = egress
        self._clock = clock
        self._lookup = lookup
        self._tls = tls
        self._passed = _PassedAddresses()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._passed,
            use_dns_cache=False,
            force_close=True,
            socket_factory=self._passed.open_socket,
            ssl=self._tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, request: Request, *, on_hop: Callable[[Hop], object] = lambda hop: None
    ) -> Reply:
        """The answer, whatever its status.

        Args:
            on_hop: told of every server that answered.
        Raises:
            HttpRefused: an address is closed to jobs, or a redirect breaks the rules above.
            HttpTimeout: there was no whole answer within `request.timeout_s`.
            HttpUnreachable: the name, the connection, TLS or the other side's HTTP failed.
        """
        try:
            async with asyncio.timeout(request.timeout_s) as limit:
                return await self._follow(request, on_hop)
        except TimeoutError:
            if limit.expired():
                reason = f"no answer in {request.timeout_s:g} s"
                raise HttpTimeout(f"{_shown(request)}: {reason}") from None
            raise

    async def _follow(self, request: Request, on_hop: Callable[[Hop], object]) -> Reply:
        left = request.redirects
        while True:
            began = self._clock.monotonic()
            reply = await self._hop(request)
            took = self._clock.monotonic() - began
            on_hop(Hop(method=request.method, url=request.url, status=reply.status, seconds=took))
            location = reply.header("Location")
            if reply.status not in _REDIRECTS or location is None or not request.redirects:
                return reply
            if not left:
                last = shown_url(location)[:200]
                raise HttpRefused(f"more than {request.redirects} redirects, the last to {last}")
            left -= 1
            request = redirected(request, reply.status, location)

    async def _hop(self, request: Request) -> Reply:
        if self._session is None:
            raise RuntimeError("the client is not open: use it by `async with`")
        url = read_url(request.url)
        host, port = url.raw_host or "", url.port or 0
        self._passed.add(
            host, port, await checked_addresses(self._egress, host, port, self._lookup)
        )
        try:
            async with self._session.request(
                request.method,
                url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                skip_auto_headers=("Content-Type", "User-Agent"),
            ) as response:
                body, is_cut = await _read_body(response, request.max_bytes)
                headers = tuple((name, value) for name, value in response.headers.items())
                return Reply(
                    status=response.status,
                    url=request.url,
                    headers=headers,
                    body=body,
                    is_cut=is_cut,
                )
        except HttpFailure:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HttpUnreachable(f"{_shown(request)}: {_words(error)}") from error


class _PassedAddresses(AbstractResolver):
    """What the guard has let through; the connector knows no other addresses."""

    def __init__(self) -> None:
        self._by_host: dict[tuple[str, int], tuple[Address, ...]] = {}

    def add(self, host: str, port: int, addresses: tuple[Address, ...]) -> None:
        self._by_host[host, port] = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._by_host.get((host, port), ())
        ]

    async def close(self) -> None:
        """It holds nothing."""

    def open_socket(self, address_info: Any) -> socket.socket:
        """The socket of a connection, for the very address that it will be connected to.

        Raises:
            HttpRefused: the guard has not let that address through, however it came here.
        """
        family, kind, protocol, _, sockaddr = address_info
        address, port = _without_zone(sockaddr[0]), sockaddr[1]
        if not any(
            port == known and address in map(_without_zone, addresses)
            for (_, known), addresses in self._by_host.items()
        ):
            raise HttpRefused(f"{address} was not looked at before it was connected to")
        return socket.socket(family, kind, protocol)


def _without_zone(address: Address | str) -> Address:
    return ipaddress.ip_address(str(address).partition("%")[0])


async def _read_body(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    parts, size = [], 0
    async for part in response.content.iter_chunked(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > limit:
            response.close()  # what is still to come is not waited for
            return b"".join(parts)[:limit], True
    return b"".join(parts), False


def _shown(request: Request) -> str:
    return f"{request.method} {shown_url(request.url)}"


def _words(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return f"{said} ({type(error).__name__})" if isinstance(error, aiohttp.ClientError) else said
