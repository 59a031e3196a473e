"""Steps whose code does what it should not: the run says so, and nothing else suffers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from callboard import Callboard, EnvSecrets, on_demand
from callboard.batch import BatchJob, Params, Partition, StepContext, identifying, reference, secret
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.errors import Conflict, InvalidInput
from support.batch_boards import over, ran, ran_again, steps_of
from support.postgres_store import connected

Work = Callable[[StepContext], Awaitable[object]]


async def run_of(board: Callboard, work: Work, name: str = "job") -> Run:
    job = BatchJob(name)
    job.step("only")(work)
    return await ran(board, job)


def message(run: Run) -> str:
    assert run.error is not None
    return run.error.message


async def test_a_transaction_that_is_left_open_fails_the_step_and_is_rolled_back(
    pg_board: Callboard, newest_dsn: str
) -> None:
    left: list[Any] = []

    async def work(ctx: StepContext) -> None:
        left.append(ctx.transaction())
        tx = await left[0].__aenter__()
        await tx.execute("insert into line values (1)")

    async with connected(newest_dsn) as connection:
        await connection.execute("create table line (n int)")
        run = await run_of(pg_board, work)
        assert run.state is RunState.FAILED
        assert "with a transaction open, which is rolled back" in message(run)
        idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
        assert await connection.fetchval(f"{idle} and datname = current_database()") == 0
        assert await connection.fetchval("select count(*) from line") == 0


@pytest.mark.parametrize("wrong", [-5, True, 1.5, 2**53])
async def test_what_is_no_number_of_items_is_refused_before_the_commit(
    board: Callboard, wrong: Any
) -> None:
    async def work(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(3), size=3):
            chunk.wrote(wrong)
            async with chunk:
                pass

    run = await run_of(board, work)
    assert f"wrote: {wrong!r} is not a number of items" in message(run)
    (step,) = await steps_of(board, run)
    assert step.counts.commits == 0


async def test_an_error_that_cannot_be_shown_ends_its_step_like_any_other(board: Callboard) -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def work(ctx: StepContext) -> None:
        raise Shy

    run = await run_of(board, work)
    assert run.error is not None
    assert "Shy" in run.error.type
    assert "__str__ raised RuntimeError" in message(run)
    assert run.result["exit_code"] == "FAILED"  # type: ignore[index,call-overload]


async def test_the_traceback_of_a_failed_step_is_of_its_own_code_alone(board: Callboard) -> None:
    async def work(ctx: StepContext) -> None:
        ctx.state["x"] = float("nan")

    run = await run_of(board, work)
    assert run.error is not None
    assert "test_misuse.py" in (run.error.traceback or "")
    assert "callboard/batch/" not in (run.error.traceback or "")


async def test_what_a_step_sets_for_its_session_is_gone_for_the_next_run(
    pg_board: Callboard,
) -> None:
    async def spoil(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            await tx.execute("set search_path = nowhere")
            await tx.execute("set timezone = 'Asia/Tokyo'")
            await tx.execute("create temp table mine (n int)")
            await tx.execute("select pg_advisory_lock(7)")
        await ctx.db.fetch("set search_path = nowhere")

    said: list[Any] = []

    async def look(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            for query in (
                "select current_setting('search_path')",
                "select current_setting('timezone')",
                "select to_regclass('pg_temp.mine')",
                "select count(*) from pg_locks where locktype = 'advisory'",
            ):
                said.append(await tx.fetchval(query))
        said.append(await ctx.db.fetchval("select current_setting('search_path')"))

    assert (await run_of(pg_board, spoil, "spoil")).state is RunState.SUCCEEDED
    assert (await run_of(pg_board, look, "look")).state is RunState.SUCCEEDED
    path, zone, table, locks, of_reads = said
    assert "nowhere" not in (path, of_reads)
    assert (zone != "Asia/Tokyo", table, locks) == (True, None, 0)


def test_a_job_with_parameters_of_no_class_of_them_or_an_unknown_word_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"params: .*derive it from Params"):
        BatchJob("job", params=int)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="on_crash: 'x' is unknown"):
        BatchJob("job", on_crash="x").to_job()


async def test_what_are_no_parameters_at_all_is_refused(board: Callboard) -> None:
    await board.define(BatchJob("job"))
    with pytest.raises(InvalidInput, match="arguments: is a int"):
        await board.operator.start("job", 5)  # type: ignore[arg-type]


async def test_an_instance_goes_on_when_a_parameter_that_identified_nothing_is_gone(
    board: Callboard,
) -> None:
    class Before(Params):
        day: int = identifying()
        note: str = reference(default="")

    class After(Params):
        day: int = identifying()

    async def work(ctx: StepContext) -> None:
        if ctx.params.day == 1 and ctx.run.attempt == 1:
            raise ValueError

    jobs = [BatchJob("job", each, handler=f"code:{each.__name__}") for each in (Before, After)]
    for job in jobs:
        job.step("only")(work)
    failed = await ran(board, jobs[0], {"day": 1})
    await board.define(jobs[1])
    assert (await ran_again(board, failed)).state is RunState.SUCCEEDED


async def test_the_value_of_a_secret_is_kept_nowhere(board_with_secret: Callboard) -> None:
    class Login(Params):
        token: str = secret()

    told: list[str] = []

    async def work(ctx: StepContext) -> None:
        token = ctx.params.token
        for state in (ctx.state, ctx.job_state):
            with pytest.raises(InvalidInput, match="has the value of a secret in it"):
                state["login"] = {"by": [f"token {token}"]}
        ctx.exit_code = f"BY {token}"
        told.append(token)

        async def read(ctx: StepContext, after: object) -> AsyncIterator[tuple[int, str]]:
            yield 1, token

        async for chunk in ctx.chunks(read, size=1):
            with pytest.raises(InvalidInput, match="cursor of read: has the value of a secret"):
                async with chunk:
                    pass

    job = BatchJob("job", Login)
    job.step("only")(work)
    run = await ran(board_with_secret, job, {"token": {"$secret": "env:API"}})
    assert told == ["hunter2"]
    (step,) = await steps_of(board_with_secret, run)
    assert "hunter2" not in repr((step, run))


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"north": {"by": ["token hunter2"]}}, "only.plan.north: "),
        ({"hunter2": {"n": 1}}, "only.plan: "),
        ([{"n": 1}, {"hunter2": 1}], "only.plan.1: "),
    ],
)
async def test_a_plan_with_the_value_of_a_secret_is_refused(
    board_with_secret: Callboard, plan: Any, field: str
) -> None:
    class Login(Params):
        token: str = secret()

    async def work(ctx: StepContext) -> None: ...

    job = BatchJob("job", Login)
    job.add(Partition("only", plan=lambda ctx, grid: plan, step=work))
    run = await ran(board_with_secret, job, {"token": {"$secret": "env:API"}})
    assert run.error is not None
    assert run.error.message.startswith(f"{field}has the value of a secret in it")
    (step,) = await steps_of(board_with_secret, run)
    assert step.plan is None
    assert "hunter2" not in repr((step, run))


async def test_a_plan_without_the_value_of_a_secret_is_kept(board_with_secret: Callboard) -> None:
    class Login(Params):
        token: str = secret()

    async def work(ctx: StepContext) -> None: ...

    job = BatchJob("job", Login)
    job.add(Partition("only", plan=lambda ctx, grid: [{"n": 1}], step=work))
    run = await ran(board_with_secret, job, {"token": {"$secret": "env:API"}})
    assert run.state is RunState.SUCCEEDED, run.error


@pytest.fixture
async def board_with_secret() -> AsyncIterator[Callboard]:
    known = EnvSecrets({"CALLBOARD_SECRET_API": "hunter2"})
    async with Callboard("memory:", secrets={"env": known}) as board:
        yield board


async def test_a_run_that_cannot_begin_says_why_and_shows_no_code_of_ours(board: Callboard) -> None:
    class Before(Params):
        day: int = identifying()

    class After(Params):
        day: str = identifying()

    async def work(ctx: StepContext) -> None:
        raise ValueError

    jobs = [BatchJob("job", each, handler=f"code:{each.__name__}") for each in (Before, After)]
    for job in jobs:
        job.step("only")(work)
    first = await ran(board, jobs[0], {"day": 1})
    await board.define(jobs[1])
    with pytest.raises(Conflict, match="day 1 is not a text"):
        await board.operator.restart(first.id)
    await board.schedule("nightly", on_demand(), "job")
    (fired,) = await board.fire_trigger("default", "nightly")
    run = await over(board, fired)
    assert run.error is not None
    assert (run.error.type, run.error.traceback) == ("INVALID_INPUT", None)
    assert "arguments.day: is missing" in run.error.message


@pytest.mark.parametrize("close", ["close", "terminate"])
async def test_a_chunk_whose_connection_the_step_closes_says_so(
    pg_board: Callboard, close: str
) -> None:
    async def work(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(3), size=3):
            async with chunk as tx:
                ended = getattr(tx.connection, close)()
                if ended is not None:
                    await ended

    run = await run_of(pg_board, work)
    assert "the connection of the chunk was closed before its commit" in message(run)
