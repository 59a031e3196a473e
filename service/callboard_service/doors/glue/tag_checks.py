"""What tags may be, beyond the service model's limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callboard.domain.json import check_json
from callboard_service.doors.glue.faults import invalid_input

MAX_TAGS: Final = 50
"""Of one resource."""


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidInputException for tags that nobody may give.

    Raises:
        InvalidInput: one that cannot be stored.
    """
    check_json(tags, "Tags")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid_input(f"The tag key {key!r} is reserved: it begins with aws:")


def check_number(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raise InvalidInputException where tags became too many; who had more may keep them."""
    if len(after) > max(MAX_TAGS, len(before)):
        raise invalid_input(f"A resource can have at most {MAX_TAGS} tags, not {len(after)}.")
