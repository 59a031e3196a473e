"""ScriptSource: the content of a script, from wherever its job says that it is.

    path, file:        read on the node
    http, https        by the guarded client, so only where the egress guard lets it go
    s3, gs, az ...     by fsspec, with the node's own credentials

Bounded in size and time; what blocks is done in a thread.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from callboard.clock import Clock
from callboard.domain.egress import Egress
from callboard.domain.http_exchange import HttpFailure, Request
from callboard.domain.script_location import (
    FILE,
    HTTP,
    location_problem,
    path_of,
    scheme_of,
    shown_location,
)
from callboard.runners.file_threads import FileThreads
from callboard.runners.regular_file import read_regular

MAX_BYTES: Final = 10_485_760
FETCH_S: Final = 60.0
"""Seconds that fetching one may take."""
REDIRECTS: Final = 5
_OK: Final = 200


class CannotFetch(Exception):
    """There is no script; the message says why."""


class MissingExtra(Exception):
    """What is needed to fetch it is not installed here; the message says what."""


@dataclass(frozen=True, slots=True)
class ScriptSource:
    """Fetches scripts."""

    clock: Clock
    egress: Egress
    threads: FileThreads

    async def fetch(self, location: str, digest: str | None = None) -> bytes:
        """Its content.

        Args:
            digest: SHA-256 in hexadecimal digits that it must have.
        Raises:
            CannotFetch: it is not there, too large, or another one.
            MissingExtra
        """
        problem = location_problem(location)
        if problem is not None:
            raise CannotFetch(f"its location {problem[0]}: {problem[1]}")
        shown = shown_location(location)
        content = await self._content(location, shown)
        if len(content) > MAX_BYTES:
            raise CannotFetch(f"{shown}: has more than {MAX_BYTES} bytes, the limit of a script")
        found = sha256(content).hexdigest()
        if digest is not None and found != digest.lower():
            raise CannotFetch(f"{shown}: its SHA-256 is {found}, not the one of the job")
        return content

    async def _content(self, location: str, shown: str) -> bytes:
        scheme = scheme_of(location)
        try:
            if scheme in HTTP:
                return await self._by_http(location, shown)
            if scheme is None or scheme == FILE:
                path = location if scheme is None else path_of(location)
                return await self.threads.call(lambda: read_regular(path, MAX_BYTES + 1))
            return await self.threads.call(lambda: _read_storage(location))
        except OSError as error:
            raise CannotFetch(f"{shown}: {error.strerror or error}") from error
        except ImportError as error:
            # fsspec names the package of the scheme itself; it is none of callboard's extras.
            is_named = str(error).startswith("Install ")
            extra = "http" if scheme in HTTP else "scripts"
            words = f"{shown}: this node lacks what fetches it: " + (
                str(error) if is_named else f"install callboard[{extra}] ({error})"
            )
            raise MissingExtra(words) from error

    async def _by_http(self, location: str, shown: str) -> bytes:
        from callboard.runners.http_client import GuardedClient

        request = Request(
            method="GET",
            url=location,
            timeout_s=FETCH_S,
            max_bytes=MAX_BYTES + 1,
            redirects=REDIRECTS,
        )
        try:
            async with GuardedClient(self.egress, clock=self.clock) as client:
                reply = await client.send(request)
        except HttpFailure as error:
            raise CannotFetch(str(error)) from error
        if reply.status != _OK:
            raise CannotFetch(f"{shown}: the answer is {reply.status}, not {_OK}")
        return reply.body


def _read_storage(location: str) -> bytes:
    fsspec: Any = importlib.import_module("fsspec")
    try:
        with fsspec.open(location, "rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
            return content
    except (OSError, ImportError):
        raise
    except Exception as error:  # each storage has exceptions of its own
        raise OSError(f"{type(error).__name__}: {error}") from error
