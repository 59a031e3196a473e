"""Commits whose answer is lost, and outages around them: the stored checkpoint is the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from callboard import Callboard
from callboard.batch import BatchJob, Chunk, StepContext
from callboard.domain.batch_step import Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.states import RunState
from callboard.errors import StoreUnavailable
from callboard.store.contract_chunks import ChunkLine, ChunkTransaction
from support.batch_boards import ran, ran_again, step_of


class Storm:
    """A chunk line whose connection breaks."""

    def __init__(self, line: ChunkLine, *, at: int, has_landed: bool, outages: int = 0) -> None:
        """Args:
        at: number of the transaction whose commit is not answered.
        has_landed: whether it came through.
        outages: calls that are refused behind it.
        """
        self._line = line
        self._at = at
        self._has_landed = has_landed
        self._outages = outages
        self._left = 0
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[ChunkTransaction]:
        self._refuse()
        self.begun += 1
        is_lost = self.begun == self._at
        try:
            async with self._line.begin(step, epoch=epoch) as transaction:
                yield transaction
                if is_lost and not self._has_landed:
                    raise StoreUnavailable("broken before the commit")
        finally:
            if is_lost:
                self._left = self._outages
        if is_lost:
            raise StoreUnavailable("broken behind the commit")

    async def find(self, step: StepExecution) -> Checkpoint | None:
        self._refuse()
        return await self._line.find(step)

    def _refuse(self) -> None:
        if self._left:
            self._left -= 1
            raise StoreUnavailable("away")


class Slow:
    """A chunk line of which the second commit is answered by nobody."""

    def __init__(self, line: ChunkLine, *, has_landed: bool) -> None:
        self._line = line
        self._has_landed = has_landed
        self._begun = 0
        self.commits = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[ChunkTransaction]:
        self._begun += 1
        is_slow = self._begun == 2
        async with self._line.begin(step, epoch=epoch) as transaction:
            yield transaction
            if is_slow and not self._has_landed:
                await self._hang()
        if is_slow:
            await self._hang()

    async def _hang(self) -> None:
        self.commits.set()
        await asyncio.Event().wait()


def summing(job: BatchJob) -> list[int]:
    out: list[int] = []

    @job.step
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(6), size=2):
            async with chunk:
                ctx.state["sum"] = ctx.state.get("sum", 0) + sum(chunk)
            out.extend(chunk)

    return out


@pytest.mark.parametrize("outages", [0, 2])
async def test_b09_a_commit_that_came_through_unanswered_counts_and_the_step_goes_on(
    board: Callboard, outages: int
) -> None:
    board._databases._own = Storm(board._store.chunk_line(), at=2, has_landed=True, outages=outages)
    job = BatchJob("one")
    out = summing(job)
    run = await ran(board, job)
    step = await step_of(board, run)
    assert run.state is RunState.SUCCEEDED, run.error
    assert out == [0, 1, 2, 3, 4, 5]
    assert step.counts == StepCounts(reads=6, writes=6, commits=3)
    assert step.checkpoint.context == {"sum": 15}


@pytest.mark.parametrize("outages", [0, 2])
async def test_b08_b09_a_commit_that_did_not_fails_the_step_which_goes_on_before_it(
    board: Callboard, outages: int
) -> None:
    storm = Storm(board._store.chunk_line(), at=2, has_landed=False, outages=outages)
    board._databases._own = storm
    job = BatchJob("one")
    out = summing(job)
    run = await ran(board, job)
    step = await step_of(board, run)
    assert (run.state, step.state) == (RunState.FAILED, StepState.FAILED)
    assert run.error is not None
    assert run.error.type.endswith("StoreUnavailable")
    assert step.counts == StepCounts(reads=4, writes=2, commits=1, rollbacks=1)
    assert (step.checkpoint.context, step.checkpoint.cursor) == ({"sum": 1}, {"items": 2})
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert (await step_of(board, again)).checkpoint.context == {"sum": 15}
    assert out == [0, 1, 2, 3, 4, 5]


async def test_a_database_that_is_away_before_a_chunk_is_waited_for(board: Callboard) -> None:
    storm = Storm(board._store.chunk_line(), at=0, has_landed=True)
    board._databases._own = storm
    storm._left = 2
    job = BatchJob("one")
    summing(job)
    assert (await ran(board, job)).state is RunState.SUCCEEDED
    assert storm.begun == 3


async def test_a_lost_answer_of_a_run_that_is_gone_ends_it_without_a_word(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    line = board._store.chunk_line()

    class Recovered(Storm):
        async def find(self, step: StepExecution) -> Checkpoint | None:
            await board.operator.recover(step.run_id, reason="tried", force=True)
            return await super().find(step)

    board._databases._own = Recovered(line, at=2, has_landed=True)
    out = summing(job)
    run = await ran(board, job)
    assert run.state is RunState.FAILED
    assert out == [0, 1]
    step = await step_of(board, run)
    assert step.checkpoint.cursor == {"items": 4}
    await ran_again(board, run)
    assert out == [0, 1, 4, 5]


@pytest.mark.parametrize("verb", ["begin_step", "end_step"])
async def test_a_lost_answer_of_the_journal_is_asked_for_again(
    board: Callboard, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callboard.batch_journal import BatchJournal

    real = getattr(BatchJournal, verb)
    calls: list[int] = []

    async def unanswered(*args: Any, **more: Any) -> Any:
        answer = await real(*args, **more)
        calls.append(1)
        if len(calls) == 1:
            raise StoreUnavailable("no answer")
        return answer

    monkeypatch.setattr(BatchJournal, verb, unanswered)
    job = BatchJob("one")
    out = summing(job)
    run = await ran(board, job)
    assert run.state is RunState.SUCCEEDED
    assert (len(calls), out) == (2, [0, 1, 2, 3, 4, 5])
    assert (await step_of(board, run)).counts.commits == 3


@pytest.mark.parametrize("has_landed", [True, False])
async def test_a_commit_that_the_step_has_cancelled_is_the_last_one_and_counts_if_it_is_in(
    board: Callboard, has_landed: bool
) -> None:
    slow = Slow(board._store.chunk_line(), has_landed=has_landed)
    board._databases._own = slow
    job = BatchJob("one")
    is_first = True

    @job.step
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(6), size=2):
            if chunk.number == 2 and is_first:
                await cancelled_in_the_commit(chunk, slow)
            async with chunk:
                ctx.state["sum"] = ctx.state.get("sum", 0) + sum(chunk)

    run = await ran(board, job)
    step = await step_of(board, run)
    assert run.error is not None
    assert "was cancelled" in run.error.message
    done = 2 if has_landed else 1
    assert step.counts.commits == done
    assert (step.counts.writes, step.counts.rollbacks) == (2 * done, 2 - done)
    assert step.checkpoint.cursor == {"items": 2 * done}
    is_first = False
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert (await step_of(board, again)).counts.writes == 6 - 2 * done


async def cancelled_in_the_commit(chunk: Chunk, slow: Slow) -> None:
    """As `asyncio.timeout` around a chunk does it."""

    async def enter() -> None:
        async with chunk:
            pass

    task = asyncio.ensure_future(enter())
    await slow.commits.wait()
    task.cancel()
    await asyncio.wait([task])
