"""Egress: which addresses a node may connect to on behalf of a job or a webhook (G40, A08).

Whoever defines a job chooses its URL; the node stands where databases, metadata services and other
people's consoles can be reached. So only the public internet is open, on the ports of the web; the
rest has to be allowed by the operator, entry by entry:

    10.1.0.0/16            addresses, on the open ports
    10.1.2.3:8080          one address and one port, whichever that is ([fd00::1]:8080 likewise)
    intranet.example       whatever address the name has, on the open ports
    mail.example:25        whatever address the name has, on that port

The decision is about the very address that is connected to, never about a name alone. An address
that carries another one inside (IPv4-mapped, 6to4, NAT64) is judged by what it carries.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

from callboard.errors import FieldProblem, InvalidInput, invalid

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

OPEN_PORTS: Final = (80, 443)
FIRST_FREE_PORT: Final = 1024
"""From here on every port is open; what listens below speaks something else than HTTP."""
MAX_ENTRIES: Final = 1000

_CLOSED_V4: Final = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared address (carrier-grade NAT)"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a reserved address"),
        ("192.31.196.0/24", "a reserved address"),
        ("192.52.193.0/24", "a reserved address"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("192.175.48.0/24", "a reserved address"),
        ("198.18.0.0/15", "a reserved address"),
        ("198.51.100.0/24", "a reserved address"),
        ("203.0.113.0/24", "a reserved address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
"""IANA's special-purpose addresses; written out, for Python's own table differs by release."""
_CLOSED_V6: Final = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a reserved address"),
        ("3fff::/20", "a reserved address"),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All that IANA has given out for unicast; the rest is reserved."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
"""Where clouds hand out the machine's credentials to whoever asks."""
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class _Entry:
    network: Network | None
    """None: the entry is a name."""
    name: str = ""
    port: int | None = None
    """None: all open ports."""

    def covers(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return self.name == host and address not in _METADATA
        if address in _METADATA and self.network.num_addresses > 1:
            return False  # opened by its own name only, not with the network around it
        return address.version == self.network.version and address in self.network


@dataclass(frozen=True, slots=True)
class Egress:
    """What is allowed besides the public internet; nothing by default."""

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str], field: str = "egress_allow") -> Egress:
        """The guard with these entries allowed.

        Raises:
            InvalidInput: with every entry that cannot be read.
        """
        if isinstance(texts, str):
            raise invalid(field, f"{texts!r} is one text, not several", "write a tuple of texts")
        entries, problems = [], []
        for text in texts:
            entry = _read(text)
            if entry is None:
                reason = f"{text!r} is neither a network, a host nor host:port"
                problems.append(FieldProblem(field, reason, "e.g. 10.1.0.0/16 or intranet:8080"))
            else:
                entries.append(entry)
        if len(entries) > MAX_ENTRIES:
            problems.append(FieldProblem(field, f"has more than {MAX_ENTRIES} entries"))
        if problems:
            raise InvalidInput(*problems)
        return cls(tuple(entries))

    def refusal(self, host: str, port: int, address: Address) -> str | None:
        """Why a connection is refused, and how to allow it; None: it is allowed.

        Args:
            host: as the URL has it; an allowed name counts for the addresses that it leads to.
            address: the one that would be connected to.
        """
        name, judged = plain_host(host), _inner(address)
        if not is_open(port) and not any(
            entry.port == port and entry.covers(name, port, judged) for entry in self.entries
        ):
            allow = _how_to_allow(f"{_bracketed(host)}:{port}")
            return f"port {port} of {host} is closed to jobs: {allow}"
        what = closed_as(judged)
        if what is None or any(entry.covers(name, port, judged) for entry in self.entries):
            return None
        return f"{_told(host, address)} is {what}: {_how_to_allow(str(judged))}"


def is_open(port: int) -> bool:
    """Whether jobs may use the port of any host that they may connect to."""
    return port in OPEN_PORTS or FIRST_FREE_PORT <= port <= 65535


def closed_as(address: Address) -> str | None:
    """What an address is that is not open to jobs; None: it is public. Looks at nothing inside."""
    if address in _METADATA:
        return "a metadata service"
    closed = _CLOSED_V4 if isinstance(address, IPv4Address) else _CLOSED_V6
    for network, what in closed:
        if address in network:
            return what
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return "a reserved address"
    return None


def address_in(host: str) -> Address | None:
    """The address that a host's text is, in any spelling that systems understand; None: a name.

    Beside the usual ones: decimal, octal and hexadecimal numbers in one to four parts
    (`2130706433`, `0177.0.0.1`, `0x7f.1`), which inet_aton and so the system's resolver read.
    """
    bare = plain_host(host)
    try:
        return ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return _numeric_address(bare)


def plain_host(host: str) -> str:
    """A host's text without brackets and final dot, in lower case."""
    return host.strip("[]").rstrip(".").lower()


def _numeric_address(text: str) -> IPv4Address | None:
    parts = text.split(".")
    numbers = [number for part in parts if (number := _number(part)) is not None]
    if not 1 <= len(parts) <= 4 or len(numbers) != len(parts):
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (5 - len(parts)):
        return None
    value = last
    for index, head in enumerate(heads):
        value += head << (8 * (3 - index))
    return IPv4Address(value)


def _number(text: str) -> int | None:
    """As inet_aton reads a part: 0x is hexadecimal, a leading zero octal."""
    if re.fullmatch(r"0x[0-9a-f]{1,8}", text):
        return int(text, 16)
    if re.fullmatch(r"0[0-7]{0,11}", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,9}", text) else None


def _inner(address: Address) -> Address:
    """The address at which packets arrive: the one that is carried inside, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in _NAT64:
        return IPv4Address(number & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or IPv6Address(number)  # without its zone


def _read(text: str) -> _Entry | None:
    bare = text.strip().lower()
    if "/" in bare:
        try:
            return _Entry(ipaddress.ip_network(bare.strip("[]"), strict=False))
        except ValueError:
            return None
    is_v6 = bare.count(":") > 1 and not bare.startswith("[")
    host, port = (bare, None) if is_v6 else _split_port(bare)
    if port is not None and not 1 <= port <= 65535:
        return None
    address = address_in(host) if host else None
    if address is not None:
        return _Entry(ipaddress.ip_network(_inner(address)), port=port)
    name = host.rstrip(".")
    return _Entry(None, name, port) if len(name) <= 253 and _NAME.fullmatch(name) else None


def _split_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if colon and re.fullmatch(r"[0-9]{1,5}", port):
        return host, int(port)
    return text, None


def _told(host: str, address: Address) -> str:
    return str(address) if address_in(host) == address else f"{host} ({address})"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _how_to_allow(entry: str) -> str:
    return f"allow it with {entry!r} in egress_allow (--egress-allow, CALLBOARD_EGRESS_ALLOW)"
