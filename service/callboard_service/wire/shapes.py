"""Types that several wire forms share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec

from callboard.domain.instant import instant_from_text
from callboard.domain.names import NAME, name_problem, wide_name_problem
from callboard.errors import InvalidInput

T = TypeVar("T")

Instant: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description="RFC 3339 with an offset; microseconds are kept",
        examples=["2026-11-20T01:00:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
"""An instant in a request; `instant` reads it, so that its fault is told in our words."""

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant in an answer."""

Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description="1 to 255 letters, digits and _ . : - , the first a letter or digit",
        extra_json_schema={"pattern": f"^{NAME.pattern}$"},
    ),
]
"""A name in a request; the domain checks it."""

KnownName: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description="a name that there is already; imported things may have freer names",
        min_length=1,
        max_length=255,
    ),
]
"""The name of another thing in a request; the domain checks it."""

JsonMap: TypeAlias = dict[str, Any]
"""Any JSON object."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A part of a list."""

    items: list[T]
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="`cursor` of the next part; null: this is the last")
    ] = None


def instant(text: str | None, field: str) -> datetime | None:
    """The instant that a request names; None for None.

    Raises:
        InvalidInput: on `field`.
    """
    return None if text is None else instant_from_text(text, field)


def check_known_name(name: str | None, field: str) -> None:
    """Raise InvalidInput where a given name can be nobody's."""
    problem = None if name is None else wide_name_problem(name, field)
    if problem is not None:
        raise InvalidInput(problem)


def check_new_names(**names: str | None) -> None:
    """Raise InvalidInput for names, by field, that only imported things may have."""
    problems = [
        problem
        for field, name in names.items()
        if name is not None
        and (problem := name_problem(name, field)) is not None
        and wide_name_problem(name, field) is None  # otherwise the domain says so
    ]
    if problems:
        raise InvalidInput(*problems)
