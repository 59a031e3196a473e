"""Changes of batch instances and what is read of them.

A run of a batch job is started by StartRuns like any other: its arguments are its parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun, BegunRun
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import (
    NO_MOVE,
    Move,
    SkippedItem,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNextInstance(Command[Run]):
    """Start a run of a new instance: the parameters of the last one's last run, incremented.

    Refused: NotFound; InvalidInput at arguments; Conflict no_incrementer, job_disabled.
    """

    group: str
    job: str
    arguments: JsonObject = field(default_factory=dict)
    """Other values for parameters that do not identify."""
    by_code: JsonObject | None = None
    """What the job's code says, see `batch_increment.by_code`; None: it was not asked. Refused with
    last_instance_changed when that was about what is not the last instance any more."""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRun(Command[Run]):
    """A new run of the instance of a run, which goes on where its last run got to.

    Refused: NotFound (run, job); Conflict not_batch, run_already_running,
    instance_already_complete, job_not_restartable, run_state_unknown, definition_changed,
    job_disabled.
    """

    run_id: int
    steps: JsonObject = field(default_factory=dict)
    """Present names of steps that have others in the instance's history; null drops one."""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverRun(Command[Run]):
    """Declare a run that nobody works on any more failed, so that it can be restarted.

    One that has ended is answered as it is. Refused: NotFound; Conflict not_batch,
    run_already_running (its lease has not ended, and it is not forced), run_state_unknown.
    """

    run_id: int
    reason: str = ""
    force: bool = False
    """Although its lease has not ended: whoever holds it can write nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteInstance(Command[None]):
    """Forget an instance and all it has done. Refused: NotFound, Conflict run_already_running."""

    instance_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginBatchRun(Command[BegunRun]):
    """See batch/journal.py, as of the five that follow. Refused: Conflict run_not_held and the
    refusals named there. What the instance has done is read behind it, in pages."""

    run_id: int
    epoch: int
    definition: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginStep(Command[StepExecution]):
    run_id: int
    epoch: int
    name: str
    visit: int
    start_limit: int | None = None
    manager_id: int | None = None
    is_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPlan(Command[None]):
    step_id: int
    plan: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepExpected(Command[None]):
    step_id: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStep(Command[None]):
    run_id: int
    epoch: int
    step_id: int
    state: StepState
    exit_code: str
    exit_message: str | None
    context: JsonObject
    counts: StepCounts
    job_context: JsonObject
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMoves(Command[None]):
    run_id: int
    epoch: int
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstance(Command[BatchInstance | None]):
    instance_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstances(Command[list[BatchInstance]]):
    """One page of a job's, newest first."""

    group: str
    job: str
    limit: int = 100
    before_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBatchRuns(Command[dict[int, BatchRun]]):
    """By run id; those that are no batch runs, or have not begun and have no instance yet, are
    left out."""

    run_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatchRuns(Command[list[BatchRun]]):
    """All of an instance, oldest first; none where there is no such instance."""

    instance_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBatchHistory(Command[BatchHistory | None]):
    instance_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStep(Command[StepExecution | None]):
    step_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSteps(Command[list[StepExecution]]):
    """One page of a run's, partitions among them, by id."""

    run_id: int
    limit: int = 100
    after: int = 0
    """Id of the last one of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsBefore(Command[dict[int, StepCounts]]):
    """What the executions have counted whose work an execution of a step goes on with, by their
    ids."""

    step_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstanceSteps(Command[list[StepExecution]]):
    """One page of an instance's, without partitions, by id."""

    instance_id: int
    limit: int = 100
    after: int = 0
    """Id of the last one of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartitions(Command[list[PartitionRecord]]):
    """One page of a step's on a visit, by name, backwards, each as it was executed last."""

    instance_id: int
    step: str
    visit: int
    limit: int = 100
    before: str = ""
    """Name of the last one of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMoves(Command[list[Move]]):
    """One page of an instance's, by node and visit."""

    instance_id: int
    limit: int = 100
    after: tuple[str, int] = NO_MOVE
    """Node and visit of the last one of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSkippedItems(Command[list[SkippedItem]]):
    """Of a step execution, or of all of a run; in the order in which they were stored."""

    run_id: int | None = None
    step_id: int | None = None
    limit: int = 100
    after: int = 0
    """Id of the last one of the page before."""
