"""Where a script is: a path of the node, or a URL of a kind whose host nobody can choose freely."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

HTTP: Final = ("http", "https")
"""Fetched by the guarded client."""
FILE: Final = "file"
STORAGES: Final = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory")
"""Fetched by fsspec. Those with a host in their URL (ftp, sftp, webdav ...) would lead past the
egress guard."""
SCHEMES: Final = (FILE, *HTTP, *STORAGES)
MAX_CHARACTERS: Final = 4_096
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://)?")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME: Final = 100


def location_problem(location: str) -> tuple[str, str] | None:
    """The reason and the fix, when no script can be there; None: one can."""
    if not 1 <= len(location) <= MAX_CHARACTERS or not location.isprintable():
        return f"is not 1 to {MAX_CHARACTERS} printable characters", "write a path or a URL"
    if "::" in location:
        return "is a chain of URLs", "name one file by a plain path or URL"
    scheme = scheme_of(location)
    if scheme is not None and scheme not in SCHEMES:
        return f"{scheme!r} is not a scheme for scripts", f"a path, or {', '.join(SCHEMES)}"
    if scheme == FILE and urlsplit(location).netloc not in ("", "localhost"):
        return "names another machine", "write file:/path"
    return None


def scheme_of(location: str) -> str | None:
    """In lower case; None: it is a path."""
    match = _SCHEME.match(location)
    return match[1].lower() if match else None


def path_of(location: str) -> str:
    """The path of a `file:` URL."""
    return unquote(urlsplit(location).path)


def shown_location(location: str) -> str:
    """For messages: without the credentials that a URL may hold."""
    if scheme_of(location) is None:
        return location
    parts = urlsplit(location)
    host = parts.netloc.rpartition("@")[2] if parts.username is not None else parts.netloc
    return parts._replace(netloc=host, query="", fragment="").geturl()


def file_name_of(location: str) -> str:
    """A harmless name for a copy of the script, with the original one's suffix."""
    path = location if scheme_of(location) is None else urlsplit(location).path
    name = _NOT_IN_NAMES.sub("_", path.rstrip("/").rpartition("/")[2])[-_MAX_NAME:]
    return name.lstrip("-.") or "script"
