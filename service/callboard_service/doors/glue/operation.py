"""One call of the Glue API, as its operation gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from callboard.board import Callboard
from callboard.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class GlueCall:
    """A request that the service model has found right."""

    board: Callboard
    group: str
    """Whose things it is about: the access key id, or `default`."""
    request: Mapping[str, Any]
    """Its members by name, deeply without null and without members that the model does not know.
    Timestamps are numbers, seconds since the epoch."""
    clock: Clock
    account: str
    """The AWS account that ARNs name."""
    operation: str
    """`CreateJob`."""
    key: str | None = None
    """What the SDK's repetitions of the call have, too: for `start_runs(idempotency_key=)`."""


Operation: TypeAlias = Callable[[GlueCall], Awaitable[Mapping[str, Any]]]
"""Gives the members of the answer by name: datetimes become seconds since the epoch, members that
are None are left out, deeply. Faults are raised as GlueFault, or as the library's own errors."""
