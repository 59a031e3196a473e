"""Queues on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from callboard.domain.limits import MAX_RUNS, RateLimit
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.queue import MOST_COUNTED, Queue, QueueCounts
from callboard_service.wire.fields import read_value
from callboard_service.wire.jobs import RateLimitForm
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.shapes import Moment, Name

_STAND_IN: Final = {"name": "x"}
COUNTS: Final = ("queued", "running")
"""Fields of a QueueStatus that are only read."""


class QueueInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a queue: jobs of its group join it by naming it."""

    name: Name
    group: Name | None = None
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    capacity: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MAX_RUNS)] | None,
        msgspec.Meta(description="its runs that may be on nodes at once; null: any number"),
    ] = None
    rate_limit: RateLimitForm | None = None
    paused: Annotated[
        bool, msgspec.Meta(description="its runs wait; those that run already go on")
    ] = False


class QueueResource(msgspec.Struct, kw_only=True):
    """A stored queue."""

    name: str
    group: str
    description: str
    capacity: int | None
    rate_limit: RateLimitForm | None
    paused: bool
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


class QueueStatus(QueueResource, kw_only=True):
    """A stored queue, and what is in it now."""

    queued: Annotated[
        int,
        msgspec.Meta(
            description=f"runs that wait, also for their time; counted up to {MOST_COUNTED}"
        ),
    ]
    running: Annotated[int, msgspec.Meta(description="runs on nodes, stopping ones among them")]


def read_queue(raw: object) -> Queue:
    """The queue that a request describes.

    Raises:
        InvalidInput
    """
    return read_value(raw, QueueInput, _queue_of, stand_in=_STAND_IN)


def patched_queue(queue: Queue, patch: dict[str, Any]) -> object:
    """The request that `queue` would be after a merge patch."""
    rate = queue.rate_limit
    document = {
        "name": queue.name,
        "group": queue.group,
        "description": queue.description,
        "capacity": queue.capacity,
        "rate_limit": None if rate is None else {"runs": rate.runs, "per_s": rate.per_s},
        "paused": queue.paused,
    }
    return merge_patch(document, patch)


def queue_resource(queue: Queue) -> QueueResource:
    """The wire form of a stored queue."""
    return QueueResource(**_fields(queue))


def queue_status(queue: Queue, counts: QueueCounts) -> QueueStatus:
    """The same with what is in it."""
    return QueueStatus(**_fields(queue), queued=counts.queued, running=counts.running)


def _fields(queue: Queue) -> dict[str, Any]:
    rate = queue.rate_limit
    return {
        "name": queue.name,
        "group": queue.group,
        "description": queue.description,
        "capacity": queue.capacity,
        "rate_limit": None if rate is None else RateLimitForm(runs=rate.runs, per_s=rate.per_s),
        "paused": queue.paused,
        "version": queue.version,
        "created_at": queue.created_at,
        "updated_at": queue.updated_at,
    }


def _queue_of(given: QueueInput) -> Queue:
    rate = given.rate_limit
    return Queue(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        description=given.description,
        capacity=given.capacity,
        rate_limit=None if rate is None else RateLimit(runs=rate.runs, per_s=rate.per_s),
        paused=given.paused,
    )
