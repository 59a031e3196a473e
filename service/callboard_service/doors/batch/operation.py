"""One operation of the door: where it is, and what does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
from aiohttp import web

from callboard.domain.names import DEFAULT_GROUP, wide_name_problem
from callboard_service.body import header_text
from callboard_service.call import Call, NoQuery
from callboard_service.problems import bad_header

GROUP: Final = "Callboard-Group"
"""Header that names whose jobs a request is about; the query belongs to the job's parameters. Where
it comes, what has an id is found only in that group."""
MAX_GROUP: Final = 255

Kind: TypeAlias = Literal["run", "instance", "step"]
Handle: TypeAlias = Callable[[Call[Any]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One endpoint of the door."""

    method: str
    path: str
    name: str
    """Of JobOperator's method, as far as it has one; unique."""
    handle: Handle
    query: type[msgspec.Struct] | None = NoQuery
    """Type of the query; None: it holds a job's parameters."""
    of: Kind | None = None
    """What the path's `{id}` is of; None: it has none."""
    is_repeatable: bool = False
    """For a POST: whether its handler gives what a key has started, however often it is called."""

    @property
    def route(self) -> str:
        """Name of its route in the application."""
        return route_of(self.name)


def route_of(name: str) -> str:
    """Name of the route of the operation of that name."""
    return f"batch.{name}"


def group_of(request: web.Request) -> str:
    """The group that a request is about, `default` where it names none.

    Raises:
        Refusal: invalid_header.
    """
    group = header_text(request, GROUP, most=MAX_GROUP)
    if group is None:
        return DEFAULT_GROUP
    if (problem := wide_name_problem(group, GROUP)) is not None:
        raise bad_header(GROUP, problem.reason, problem.fix)
    return group
