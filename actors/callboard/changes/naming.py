"""Names in a refusal: the first ones, for there may be many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NAMED: Final = 3


def first_of(names: Sequence[str], most: int = NAMED) -> str:
    """The first names, and a mark where there are more of them."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
