"""A run: one attempt to execute a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from callboard.domain.instant import utc_instant
from callboard.domain.json import Json, JsonObject, check_json
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.states import ENDED, RunState
from callboard.errors import invalid

MAX_RUN_ID: Final = 2**53 - 1
"""Ids stay exact in a double, which is what JSON readers in browsers have."""
MAX_KEY: Final = 255
"""Characters of a unique_key."""
HELD: Final = datetime.max.replace(tzinfo=UTC)
"""due_at of a run that waits until earlier runs of its trigger have ended."""


class StopMode(StrEnum):
    """How hard a run is stopped."""

    COOPERATIVE = "cooperative"
    """The handler is asked, and killed when its grace is over (where that is possible)."""
    KILL = "kill"
    """No asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run did not succeed, or waits for an operator."""

    type: str
    message: str
    traceback: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What is asked for when a run is to be created; the rest is the store's."""

    job: str
    group: str = DEFAULT_GROUP
    arguments: JsonObject = field(default_factory=dict)
    """Laid over the job's default arguments, key by key."""
    due_at: datetime | None = None
    """Not before this instant; None: at once."""
    unique_key: str | None = None
    """At most one live run of the job carries the same key."""
    trigger_id: int | None = None
    trigger: str | None = None
    slot: datetime | None = None
    attempt: int = 1
    previous_run_id: int | None = None
    chain_id: int | None = None
    """First run of the chain of retries; None: the new run begins one."""
    trace_id: str = ""
    """32 lower-case hex digits (W3C trace context)."""

    def __post_init__(self) -> None:
        key = self.unique_key
        if key is not None and not (1 <= len(key) <= MAX_KEY and key.isprintable()):
            reason = f"is not a key of 1 to {MAX_KEY} printable characters"
            raise invalid("unique_key", reason, "null: no key")
        if self.due_at is not None:
            utc_instant(self.due_at, "due_at")
        check_json(self.arguments, "arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stored run."""

    id: int
    job: str
    group: str
    job_id: int
    trigger: str | None = None
    trigger_id: int | None = None
    slot: datetime | None = None
    state: RunState = RunState.QUEUED
    attempt: int = 1
    previous_run_id: int | None = None
    chain_id: int
    arguments: JsonObject = field(default_factory=dict)
    result: Json = None
    error: RunError | None = None
    progress: Json = None
    node: str | None = None
    """Name of the node that holds it or ran it."""
    epoch: int | None = None
    """The holder's epoch; every write of a held run must name it."""
    crashes: int = 0
    """How often a node died under it."""
    unique_key: str | None = None
    stop_mode: StopMode | None = None
    stop_grace_s: float | None = None
    trace_id: str
    created_at: datetime
    due_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_held(self) -> bool:
        """Whether it waits for the end of earlier runs of its trigger."""
        return self.state is RunState.QUEUED and self.due_at == HELD


def merge_arguments(defaults: JsonObject, given: JsonObject) -> Mapping[str, Json]:
    """A run's arguments: the given ones laid over the job's defaults, key by key."""
    return {**defaults, **given}
