"""Steps of a batch run as they were executed, and what they counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import reduce
from types import MappingProxyType
from typing import Final

from callboard.domain.json import Json, JsonObject


class StepState(StrEnum):
    """What became of one execution of a step."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    ABANDONED = "abandoned"
    """The flow went on behind a failed or stopped one: a restart does not run it again."""


STEP_TRANSITIONS: Final = MappingProxyType(
    {
        StepState.RUNNING: frozenset(
            {StepState.SUCCEEDED, StepState.FAILED, StepState.STOPPED, StepState.ABANDONED}
        ),
        StepState.SUCCEEDED: frozenset[StepState](),
        StepState.FAILED: frozenset({StepState.ABANDONED}),
        StepState.STOPPED: frozenset({StepState.ABANDONED}),
        StepState.ABANDONED: frozenset[StepState](),
    }
)

PASSED: Final = frozenset({StepState.SUCCEEDED, StepState.ABANDONED})
"""States of steps that a restart passes over."""

COMPLETED: Final = "COMPLETED"
FAILED: Final = "FAILED"
STOPPED: Final = "STOPPED"
NOOP: Final = "NOOP"
EXECUTING: Final = "EXECUTING"
"""Exit codes that the engine gives; any other text is the user's."""
LOST: Final = "LOST"
"""Exit code of a step whose node died under it, or lost its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCounts:
    """What one execution of a step has done; of committed chunks alone, but for reads, rollbacks
    and retries."""

    reads: int = 0
    """Items, those of chunks that were rolled back among them."""
    writes: int = 0
    filters: int = 0
    """Items that the processor dropped on purpose."""
    commits: int = 0
    rollbacks: int = 0
    read_skips: int = 0
    process_skips: int = 0
    write_skips: int = 0
    retries: int = 0

    @property
    def skips(self) -> int:
        return self.read_skips + self.process_skips + self.write_skips

    @property
    def written(self) -> int:
        """`writes`, as the code of a step may say it."""
        return self.writes

    @property
    def skipped(self) -> int:
        """`skips`, likewise."""
        return self.skips

    def plus(self, other: StepCounts) -> StepCounts:
        return StepCounts(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in COUNTS}
        )

    def beyond(self, other: StepCounts) -> StepCounts:
        """By how much each is above the other's; none of them is negative."""
        names = [each.name for each in COUNTS]
        return StepCounts(
            **{name: max(0, getattr(self, name) - getattr(other, name)) for name in names}
        )


COUNTS: Final = fields(StepCounts)


def sum_of(counts: Iterable[StepCounts]) -> StepCounts:
    each, *others = [*counts] or [StepCounts()]
    return reduce(StepCounts.plus, others, each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What commits with a chunk's own output."""

    cursor: Json = None
    """Where the reader goes on: the cursor of the last item of the last committed chunk; None: at
    the beginning."""
    context: JsonObject = field(default_factory=dict)
    """The step's context."""
    counts: StepCounts = StepCounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExecution:
    """One attempt to execute one step of one run, or one partition of it.

    Its id, which no other execution has, is the fence of its writes: nothing of it is stored any
    more when it is not running.
    """

    id: int
    instance_id: int
    run_id: int
    manager_id: int | None = None
    """The execution of the partitioned step that this is one partition of."""
    first_id: int = 0
    """The first of the executions whose work this one goes on with; its own id, it began afresh."""
    name: str
    """Of the step in its job; of a partition `step:partition`."""
    visit: int = 1
    """How often the flow has come to the step, this time included; only loops come twice."""
    state: StepState = StepState.RUNNING
    exit_code: str = EXECUTING
    exit_message: str | None = None
    checkpoint: Checkpoint = Checkpoint()
    plan: tuple[JsonObject, ...] | None = None
    """Of a partitioned step: `{"name": ..., "inputs": {...}}` for each partition, made once."""
    expected: int | None = None
    """Items that it will read in all, as far as somebody said so."""
    started_at: datetime
    committed_at: datetime | None = None
    """Its last commit."""
    ended_at: datetime | None = None

    @property
    def counts(self) -> StepCounts:
        return self.checkpoint.counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedItem:
    """An item that was passed over, as it is kept for people."""

    phase: str
    """read, process or write."""
    item_hash: str
    """SHA-256 of the item's text, in hexadecimal."""
    item: str
    """Its text, cut."""
    error_type: str
    error_message: str
    id: int = 0
    """Of all that were stored before it, it is the highest."""
    step_id: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How the flow left a step, a split or a decider: recorded, and taken again by a restart."""

    node: str
    visit: int = 1
    code: str
    """The exit code, or the decision, by which it was chosen."""
    target: JsonObject
    """`{"to": node}`, `{"end": code}`, `{"fail": code}` or `{"stop": node to resume at | null}`."""
    run_id: int = 0
    at: datetime | None = None


NO_MOVE: Final = ("", 0)
"""Before the node and visit of any move."""
