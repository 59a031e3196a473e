"""Webhooks and their messages as rows of a table and as facts of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from callboard_service.cli.text import shorten, show_instant

Resource = Mapping[str, Any]

WEBHOOK_COLUMNS: Final = ("NAME", "GROUP", "EVENTS", "OF", "URL", "STATE")
DELIVERY_COLUMNS: Final = ("ID", "EVENT", "ABOUT", "STATE", "ATTEMPTS", "STATUS", "AT", "ERROR")
WIDEST: Final = 60


def webhook_row(webhook: Resource) -> list[object]:
    return [
        webhook["name"],
        webhook["group"],
        ", ".join(webhook["events"]),
        _of(webhook),
        shorten(webhook["url"], WIDEST),
        _state(webhook),
    ]


def webhook_facts(webhook: Resource, *, utc: bool) -> Iterator[tuple[str, object]]:
    yield "name", webhook["name"]
    yield "group", webhook["group"]
    yield "description", webhook["description"]
    yield "url", webhook["url"]
    yield "events", ", ".join(webhook["events"])
    yield "of", _of(webhook)
    yield "signed by", None if webhook["secret"] is None else webhook["secret"]["$secret"]
    yield "state", _state(webhook)
    yield "version", webhook["version"]
    yield "created", show_instant(webhook["created_at"], utc=utc)
    yield "updated", show_instant(webhook["updated_at"], utc=utc)


def delivery_row(delivery: Resource, *, utc: bool) -> list[object]:
    return [
        delivery["id"],
        delivery["event"],
        _about(delivery["payload"]),
        delivery["state"],
        delivery["attempts"],
        delivery["status"],
        show_instant(delivery["created_at"], utc=utc),
        shorten(delivery["error"] or "", WIDEST),
    ]


def _of(webhook: Resource) -> str:
    parts = [f"{kind} {webhook[kind]}" for kind in ("job", "trigger") if webhook[kind]]
    return ", ".join(parts) or "everything of the group"


def _state(webhook: Resource) -> str:
    return "disabled" if webhook["disabled"] else "open"


def _about(payload: Resource) -> str:
    if "run" in payload:
        return f"run {payload['run']['id']} of {payload['job']}"
    if "slot" in payload:
        return f"{payload['trigger']} {payload['slot']}"
    return ""
