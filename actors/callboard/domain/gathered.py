"""What an event trigger has gathered for its next slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callboard.domain.instant import instant_from_text, instant_to_text
from callboard.domain.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Events that were told and belong to no slot yet."""

    events: int
    """How many, at least one."""
    due_at: datetime
    """The slot of the batch: the end of its window, or when it became full."""


def gathered_to_json(gathered: Gathered) -> dict[str, Json]:
    """As it is stored."""
    return {"events": gathered.events, "due_at": instant_to_text(gathered.due_at)}


def gathered_from_json(document: Mapping[str, Any]) -> Gathered:
    """Raises KeyError, TypeError, InvalidInput for what is none."""
    return Gathered(
        events=document["events"], due_at=instant_from_text(document["due_at"], "due_at")
    )
