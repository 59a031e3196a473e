"""From a host's name to the addresses that the egress guard lets through.

A name is resolved once, every address is judged, and only what passed is connected to: there is no
second look at the name, so an answer that changes in between (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from callboard.domain.egress import Address, Egress, address_in
from callboard.domain.http_exchange import HttpRefused, HttpUnreachable

Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, as texts; raises OSError."""


async def checked_addresses(
    egress: Egress, host: str, port: int, lookup: Lookup
) -> tuple[Address, ...]:
    """The addresses of a host that may be connected to, in the order of preference; one or more.

    Raises:
        HttpRefused: every address is closed to jobs; it says which, and how to allow it.
        HttpUnreachable: the name has no address.
    """
    found = await _addresses(host, port, lookup)
    refusals = [egress.refusal(host, port, address) for address in found]
    passed = [address for address, refusal in zip(found, refusals, strict=True) if refusal is None]
    if not passed:
        raise HttpRefused(next(refusal for refusal in refusals if refusal is not None))
    return tuple(dict.fromkeys(passed))


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """The system's own resolver, in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


async def _addresses(host: str, port: int, lookup: Lookup) -> list[Address]:
    literal = address_in(host)
    if literal is not None:
        return [literal]
    try:
        found = [ipaddress.ip_address(text) for text in await lookup(host, port)]
    except (OSError, UnicodeError) as error:
        raise HttpUnreachable(f"the name {host} cannot be resolved: {error}") from error
    if not found:
        raise HttpUnreachable(f"the name {host} has no address")
    return found
