"""Queues as rows of a table and as facts of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from callboard_service.cli.text import shorten, show_instant

Resource = Mapping[str, Any]

QUEUE_COLUMNS: Final = ("NAME", "GROUP", "CAPACITY", "RATE", "STATE", "DESCRIPTION", "UPDATED")
WIDEST: Final = 60


def queue_row(queue: Resource, *, utc: bool) -> list[object]:
    return [
        queue["name"], queue["group"], queue["capacity"], _rate(queue), _state(queue),
        shorten(queue["description"], WIDEST), show_instant(queue["updated_at"], utc=utc),
    ]  # fmt: skip


def queue_facts(queue: Resource, *, utc: bool) -> Iterator[tuple[str, object]]:
    yield "name", queue["name"]
    yield "group", queue["group"]
    yield "description", queue["description"]
    yield "state", _state(queue)
    yield "capacity", queue["capacity"]
    yield "rate", _rate(queue)
    if "queued" in queue:
        yield "queued", queue["queued"]
        yield "running", queue["running"]
    yield "version", queue["version"]
    yield "created", show_instant(queue["created_at"], utc=utc)
    yield "updated", show_instant(queue["updated_at"], utc=utc)


def _state(queue: Resource) -> str:
    return "paused" if queue["paused"] else "open"


def _rate(queue: Resource) -> str | None:
    rate = queue["rate_limit"]
    return None if rate is None else f"{rate['runs']} in {rate['per_s']:g} s"
