"""PatientJournal: a journal that waits for the database.

Its calls may be repeated: the answer to one that was made twice is that of the first.
"""

from __future__ import annotations

from typing import Any

from callboard.batch.journal import Journal
from callboard.batch.outages import Patience
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import Move, StepCounts, StepExecution, StepState
from callboard.domain.json import JsonObject
from callboard.domain.run import Run


class PatientJournal:
    """As Journal, but StoreUnavailable does not come out."""

    def __init__(self, journal: Journal, patience: Patience) -> None:
        self._journal = journal
        self._ask = patience.ask

    async def begin_run(self, run: Run, definition: JsonObject) -> BatchHistory:
        return await self._ask(lambda: self._journal.begin_run(run, definition))

    async def begin_step(self, run: Run, name: str, visit: int, **how: Any) -> StepExecution:
        return await self._ask(lambda: self._journal.begin_step(run, name, visit, **how))

    async def partitions(self, step: StepExecution) -> list[PartitionRecord]:
        return await self._ask(lambda: self._journal.partitions(step))

    async def counts_before(self, step: StepExecution) -> dict[int, StepCounts]:
        return await self._ask(lambda: self._journal.counts_before(step))

    async def keep_plan(self, step: StepExecution, plan: tuple[JsonObject, ...]) -> None:
        await self._ask(lambda: self._journal.keep_plan(step, plan))

    async def keep_expected(self, step: StepExecution, expected: int) -> None:
        await self._ask(lambda: self._journal.keep_expected(step, expected))

    async def end_step(
        self, run: Run, step: StepExecution, state: StepState, exit_code: str, **how: Any
    ) -> None:
        await self._ask(lambda: self._journal.end_step(run, step, state, exit_code, **how))

    async def record_moves(self, run: Run, moves: tuple[Move, ...]) -> None:
        await self._ask(lambda: self._journal.record_moves(run, moves))

    async def start_child(
        self, run: Run, step: StepExecution, job: str, arguments: JsonObject, **how: Any
    ) -> int:
        return await self._ask(lambda: self._journal.start_child(run, step, job, arguments, **how))

    async def wait_child(self, run_id: int) -> Run:
        return await self._ask(lambda: self._journal.wait_child(run_id))

    async def stop_child(self, run_id: int) -> None:
        await self._ask(lambda: self._journal.stop_child(run_id))
