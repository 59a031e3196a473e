"""ETag, If-Match and If-None-Match: nobody overwrites what he has not seen."""

from __future__ import annotations

import hashlib
import re
from typing import Final, TypeAlias

from aiohttp import web

from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.queue import Queue
from callboard.domain.trigger import Trigger
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow
from callboard.errors import StaleVersion
from callboard_service.problems import Refusal

Versioned: TypeAlias = Job | Trigger | Calendar | Queue | Webhook | Workflow
"""What is changed by version."""
_TAG: Final = re.compile(r'\s*(?:(W/)?"([^"]*)"|([^\s",]+))\s*(?:,|$)')


def version_tag(thing: Versioned) -> str:
    """The ETag of a definition: identity and version. The passing of slots does not change it."""
    return f'"{thing.id}-{thing.version}"'


def content_tag(body: bytes) -> str:
    """The ETag of a thing without versions."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def expected_version(request: web.Request, kind: str, present: Versioned | None) -> int | None:
    """The version that If-Match holds the change to; None: no matter which.

    Raises:
        Refusal: stale_version, when there is no such thing.
        StaleVersion: If-Match names another version.
    """
    tags = request.headers.getall("If-Match", [])
    if not tags:
        return None
    if present is None:
        raise Refusal("stale_version", f"If-Match was sent, but there is no such {kind}")
    if any(tag.strip() == "*" for tag in tags):
        return present.version
    if version_tag(present) in _strong_tags(tags):
        return present.version
    raise StaleVersion(kind, present.name, expected=_version_in(tags), present=present.version)


def check_unchanged(request: web.Request, tag: str) -> None:
    """Refuse a change by a client that has seen a thing without versions (If-Match) as it was.

    Raises:
        Refusal: stale_version.
    """
    tags = request.headers.getall("If-Match", [])
    if tags and not any(each.strip() == "*" for each in tags) and tag not in _strong_tags(tags):
        raise Refusal("stale_version", "it has changed since the client saw it: If-Match")


def check_absent(request: web.Request, present: Versioned | None) -> None:
    """Refuse a PUT that wants to create (`If-None-Match: *`) where there is something."""
    tags = request.headers.getall("If-None-Match", [])
    if present is not None and any(tag.strip() == "*" for tag in tags):
        raise Refusal("stale_version", f"{present.name!r} exists, against If-None-Match: *")


def is_unchanged(request: web.Request, tag: str) -> bool:
    """Whether the client has this content already (If-None-Match)."""
    tags = request.headers.getall("If-None-Match", [])
    return any(each.strip() == "*" for each in tags) or tag in _all_tags(tags)


def _strong_tags(values: list[str]) -> set[str]:
    return {
        f'"{quoted or bare}"'
        for value in values
        for weak, quoted, bare in _TAG.findall(value)
        if not weak
    }


def _all_tags(values: list[str]) -> set[str]:
    return {f'"{quoted or bare}"' for v in values for _, quoted, bare in _TAG.findall(v)}


def _version_in(values: list[str]) -> int:
    """The version of the first tag that looks like one of ours, for the message; otherwise 0."""
    for value in values:
        if match := re.search(r'"?\d+-(\d{1,18})"?', value):
            return int(match[1])
    return 0
