"""A calendar: a named set of instants that triggers leave out, or keep to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A definition, and, once stored, its identity and version."""

    name: str
    group: str = DEFAULT_GROUP
    description: str = ""
    definition: JsonObject
    """`{"kind": "weekly" | "dates" | "annual" | "ical" | "ranges", ...}`."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
