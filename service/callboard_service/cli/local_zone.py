"""The name of the zone in which this machine's users, and its cron, live."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from callboard.domain.zone import zone
from callboard.errors import InvalidInput

LINK: Final = Path("/etc/localtime")
FILE: Final = Path("/etc/timezone")
FALLBACK: Final = "UTC"


def local_zone(environ: Mapping[str, str], *, link: Path = LINK, file: Path = FILE) -> str:
    """The first that names a known zone: TZ, the link /etc/localtime, /etc/timezone; else UTC."""
    for name in _candidates(environ, link, file):
        try:
            zone(name)
        except InvalidInput:
            continue
        return name
    return FALLBACK


def _candidates(environ: Mapping[str, str], link: Path, file: Path) -> Iterator[str]:
    yield environ.get("TZ", "").removeprefix(":")
    _, found, name = os.path.realpath(link).partition("/zoneinfo/")
    if found:
        yield name
    try:
        yield file.read_text("utf-8").strip()
    except (OSError, ValueError):
        pass
