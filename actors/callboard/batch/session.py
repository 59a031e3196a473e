"""Session: what all steps of one run on this node share."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import Any

from callboard.batch.activity import Activity
from callboard.batch.journal import Journal
from callboard.batch.mirror import Mirror
from callboard.batch.outages import Patience
from callboard.batch.state import State
from callboard.clock import Clock
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_step import StepCounts, StepExecution
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.runners.context import StopFlag
from callboard.runners.log import RunLog
from callboard.store.contract_chunks import ChunkLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    run: Run
    epoch: int
    instance_id: int
    arguments: JsonObject
    """Its parameters, canonical, with the values of secrets."""
    params: Any
    """The same as an object of the job's class; as they are when it has none."""
    journal: Journal
    line: ChunkLine
    """Where chunks commit."""
    mirror: ChunkLine | None
    """The board's own, when that is another one."""
    patience: Patience
    history: BatchHistory
    """What the instance had done when the run began here; partitions are not among its steps."""
    stop: StopFlag
    """Set on the loop's thread."""
    leaving: StopFlag = field(default_factory=StopFlag)
    """Set when the board closes: the run goes on elsewhere, from its next boundary on."""
    activity: Activity = field(default_factory=Activity)
    """Whether the run needs its place."""
    job_state: State
    """The job's context as the steps that have ended left it."""
    output: RunLog
    log: logging.Logger
    clock: Clock
    rng: Random
    in_thread: Callable[..., Awaitable[Any]]

    @property
    def is_stopping(self) -> bool:
        return self.stop.is_set()

    async def known_counts(self, step: StepExecution) -> Mapping[int, StepCounts]:
        """What the board knows that the executions have counted whose work this one goes on with,
        by their ids; nothing, where they were counted by the board itself."""
        if self.mirror is None or step.first_id == step.id:
            return {}
        return await self.journal.counts_before(step)

    def mirror_of(self, step: StepExecution) -> Mirror | None:
        """What keeps the board's record of the step, where its chunks commit elsewhere."""
        return None if self.mirror is None else Mirror(self.mirror, step, epoch=self.epoch)


class JobContext:
    """What deciders and the hooks around a whole job are given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.job_state = session.job_state
        """The job's context. What a hook changes is stored with the next step's end."""
        self.exit_code: str | None = None
        """The run's, when it is about to end."""
        self.error: BaseException | None = None
        """What made it fail."""
        self.last: StepExecution | None = None
        """Of a decider: the step that ended last in this run; None: none has."""

    @property
    def run(self) -> Run:
        return self._session.run

    @property
    def run_id(self) -> int:
        return self._session.run.id

    @property
    def instance_id(self) -> int:
        return self._session.instance_id

    @property
    def arguments(self) -> JsonObject:
        return self._session.arguments

    @property
    def params(self) -> Any:
        return self._session.params

    @property
    def log(self) -> logging.Logger:
        return self._session.log

    @property
    def stopping(self) -> bool:
        return self._session.is_stopping
