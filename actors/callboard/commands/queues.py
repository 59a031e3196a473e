"""Changes of queues."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.queue import Queue
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateQueue(Command[Queue]):
    """Store a new queue. Refused: AlreadyExists."""

    queue: Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceQueue(Command[tuple[Queue, bool]]):
    """Create the queue, or replace the one of its name; whether it was created.

    What runs already goes on, also where the new capacity is smaller. An equal definition changes
    nothing. Refused: StaleVersion.
    """

    queue: Queue
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseQueue(Command[Queue]):
    """Let none of its runs begin until it is resumed; a paused one is left as it is.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeQueue(Command[Queue]):
    """Let its runs begin again; one that is not paused is left as it is.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteQueue(Command[None]):
    """Refused: NotFound, StaleVersion, Conflict queue_in_use while a job names it."""

    group: str
    name: str
    expected_version: int | None = None
