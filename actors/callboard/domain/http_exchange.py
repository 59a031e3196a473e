"""What goes out by HTTP, what comes back, and why nothing came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from callboard.errors import CallboardError

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in their order; a name may come more than once."""

TIMEOUT_S: Final = 30.0
MAX_BODY_BYTES: Final = 65_536
MAX_REDIRECTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, to be made by the guarded client."""

    method: str
    url: str
    """http or https, percent-encoded: it is sent as it stands."""
    headers: Headers = ()
    body: bytes | None = None
    timeout_s: float = TIMEOUT_S
    """Seconds for all of it: names, connections, redirects, the body."""
    max_bytes: int = MAX_BODY_BYTES
    """Bytes of the answer's body, decompressed, that are kept."""
    redirects: int = 0
    """How many redirects are followed; the answer is the first one that is none, or the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer of the last server that was asked."""

    status: int
    url: str
    """Where it came from, after the redirects."""
    headers: Headers
    body: bytes
    is_cut: bool
    """Whether the body is longer than what was kept."""

    def header(self, name: str) -> str | None:
        """The first value of a header; None: there is none."""
        return header_of(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One server that was asked on the way."""

    method: str
    url: str
    status: int
    seconds: float


class HttpFailure(CallboardError):
    """No answer came; the class says why."""


class HttpRefused(HttpFailure):
    """It was not sent: the egress guard, or the protocol's rules, forbid it."""


class HttpTimeout(HttpFailure):
    """The time was over."""

    retryable = True


class HttpUnreachable(HttpFailure):
    """The name, the connection, TLS or the other side's HTTP failed."""

    retryable = True


def shown_url(url: str) -> str:
    """The URL for logs and messages: without its query, where keys and names of people are."""
    start, mark, _ = url.partition("?")
    return f"{start}?..." if mark else start


def header_of(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header; names are compared without case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
