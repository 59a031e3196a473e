"""Which version of a definition a change was decided on, and which one it makes."""

from __future__ import annotations

from typing import Protocol, TypeVar

from callboard.domain.amend import amended
from callboard.domain.job import Job
from callboard.domain.queue import Queue
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow
from callboard.errors import StaleVersion

D = TypeVar("D", Job, Queue, Webhook, Workflow)


class Versioned(Protocol):
    """A job, a trigger, a calendar, a queue and their like."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...


def check_version(kind: str, present: Versioned, expected: int | None) -> None:
    """Raise StaleVersion where a version is expected that is not the present one."""
    if expected is not None and expected != present.version:
        raise StaleVersion(kind, present.name, expected=expected, present=present.version)


def as_successor(wanted: D, present: D) -> D:
    """The wanted definition with the identity of the present one, which it is to replace."""
    return amended(
        wanted,
        id=present.id,
        version=present.version,
        created_at=present.created_at,
        updated_at=present.updated_at,
    )
