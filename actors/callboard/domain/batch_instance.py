"""Batch instances: a job with its identifying parameters, and the runs of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callboard.domain.batch_step import EXECUTING, Move, StepExecution
from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP


class InstanceState(StrEnum):
    """How far an instance is: what its last run says."""

    LIVE = "live"
    """A run of it has not ended."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It failed, or timed out."""
    STOPPED = "stopped"
    ABANDONED = "abandoned"

    @property
    def is_closed(self) -> bool:
        """Whether no run of it can follow."""
        return self in (InstanceState.SUCCEEDED, InstanceState.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInstance:
    """At most one live run, at most one success. Its identity is stored once, and never made
    again from its parameters."""

    id: int = 0
    group: str = DEFAULT_GROUP
    job: str
    """By name: the instances of a job that is deleted and made anew are still its own."""
    key: str
    """See `batch_identity`."""
    parameters: JsonObject
    """The identifying ones, in canonical JSON values."""
    state: InstanceState = InstanceState.LIVE
    live_run_id: int | None = None
    last_run_id: int = 0
    created_at: datetime | None = None
    ended_at: datetime | None = None
    """When its last run ended; None: one is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """What a run of an instance has beside what every run has."""

    run_id: int
    instance_id: int
    arguments: JsonObject
    """All of its parameters, canonical; the run's own arguments say the same."""
    references: tuple[str, ...] = ()
    """Names of those that do not identify, of a job that declares no parameters."""
    context: JsonObject = field(default_factory=dict)
    """The job's context: of the run before it when it begins, stored at the end of each step."""
    exit_code: str = EXECUTING
    exit_message: str | None = None
    definition: JsonObject = field(default_factory=dict)
    """Steps and flow of the job when the run was created."""
    mapped: JsonObject | None = None
    """Steps that were given other names, or dropped (null), when it was restarted."""
    begun_at: datetime | None = None
    recovered_at: datetime | None = None
    recovery: str | None = None
    """Why it was recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunRun:
    """A run that has begun on its node."""

    instance: BatchInstance
    run: BatchRun
    is_first: bool
    """Whether the instance has done nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchHistory:
    """All that an instance has done, or as much of it as somebody has asked for."""

    instance: BatchInstance
    runs: tuple[BatchRun, ...] = ()
    """Oldest first."""
    steps: tuple[StepExecution, ...] = ()
    """By id, that is oldest first."""
    moves: tuple[Move, ...] = ()

    def move(self, node: str, visit: int) -> Move | None:
        for move in self.moves:
            if move.node == node and move.visit == visit:
                return move
        return None
