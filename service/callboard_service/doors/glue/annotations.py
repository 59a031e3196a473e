"""What the door keeps with jobs, triggers, runs and workflows, and the board does not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from callboard.domain.json import JsonObject

GLUE: Final = "glue"
"""Annotations of this name are the door's."""


def kept(annotations: JsonObject) -> Mapping[str, Any]:
    """The door's own; empty where there is none, or somebody else has written something there."""
    own = annotations.get(GLUE)
    return cast("Mapping[str, Any]", own) if isinstance(own, Mapping) else {}
