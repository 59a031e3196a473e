"""Wishes and kinds of failures of handlers in threads and processes, and timeouts of those who
wait: on PostgreSQL, by its clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance import wishing_work
from acceptance.boards import real_board
from callboard import Callboard, RetryPolicy, Run, RunState
from callboard.domain.job import Jitter
from callboard.store.contract import RunFilter

TWICE = RetryPolicy(max_attempts=2, initial_s=0.1, jitter=Jitter.NONE, fatal=("ConnectionError",))


@pytest.fixture(params=["thread", "process"])
def isolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def runs_of(board: Callboard, job: str) -> list[Run]:
    return (await board.list_runs(RunFilter(job=job)))[::-1]


async def test_handlers_are_given_their_wishes(
    postgres_dsn: str, isolation: str, tmp_path: Path
) -> None:
    async with real_board(postgres_dsn) as board:
        given = {"isolation": isolation, "retry": TWICE}
        for handler in (
            wishing_work.snooze_once,
            wishing_work.retry_once,
            wishing_work.cancel,
            wishing_work.unavailable,
        ):
            await board.define(handler, **given)
        snoozed = await board.start("snooze_once", {"mark": str(tmp_path / "a")})
        retried = await board.start("retry_once", {"mark": str(tmp_path / "b")})
        cancelled = await board.start("cancel")
        failed = await board.start("unavailable")

        run = await snoozed.wait(20)
        assert (run.state, run.attempt, run.result) == (RunState.SUCCEEDED, 1, "rested")
        assert [line.text for line in await board.read_log(run.id)] == [
            "snoozed for 0.2 s: not now"
        ]
        await retried.wait(20)
        first, second = await runs_of(board, "retry_once")
        assert (first.state, second.previous_run_id) == (RunState.FAILED, first.id)
        assert (await board.wait_run(second.id, timeout_s=20)).result == "there"
        run = await cancelled.wait(20)
        assert run.error is not None
        assert (run.state, run.error.message) == (RunState.STOPPED, "withdrawn")
        run = await failed.wait(20)
        assert run.state is RunState.FAILED
        assert len(await runs_of(board, "unavailable")) == 1


async def test_runs_that_wait_for_too_long_are_told_in_time(postgres_dsn: str) -> None:
    async with real_board(postgres_dsn, executes=False, poll_s=600.0) as board:
        await board.define(wishing_work.cancel, queue_timeout_s=0.3)
        run = await (await board.start("cancel")).wait(20)
        assert run.error is not None
        assert (run.state, run.error.type) == (RunState.TIMED_OUT, "QueueTimeout")
        assert run.ended_at is not None
        assert (run.ended_at - run.created_at).total_seconds() >= 0.3
