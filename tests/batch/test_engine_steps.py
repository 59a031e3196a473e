"""The imperative form: steps, chunks, contexts, restarts, on a board in memory."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from callboard import Callboard, EnvSecrets, RetryPolicy, Run, current_run
from callboard.batch import AGAIN, BatchJob, Params, StepContext, secret
from callboard.batch.chunk import ChunkNotCommitted
from callboard.domain.batch_step import StepCounts, StepExecution, StepState
from callboard.domain.states import RunState
from callboard.errors import AlreadyExists, InvalidInput, UsageError
from support.batch_boards import begun, exit_code, log_of, over, ran, ran_again, step_of, steps_of


class Broken(Exception):
    """What steps raise here."""


def nine(job: BatchJob) -> Any:
    """A reader of 1 to 9 by key."""

    @job.reader
    async def numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for n in range((after or 0) + 1, 10):
            yield n, n

    return numbers


def copying(job: BatchJob, out: list[Any], *, source: Any = None, size: int = 3) -> Any:
    """A step that writes what it reads, chunk by chunk, and fails at what is in `job.bad`."""
    reader = nine(job) if source is None else source
    bad: set[Any] = set()

    @job.step
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(reader, size=size):
            async with chunk:
                if wrong := bad.intersection(chunk):
                    raise Broken(f"bad item {min(wrong)}")
                out.extend(chunk)

    return bad


# tasklets


async def test_19_a_tasklet_runs_and_job_and_step_complete(board: Callboard) -> None:
    job = BatchJob("one")
    called: list[int] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        called.append(ctx.run_id)

    run = await ran(board, job)
    step = await step_of(board, run)
    assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "COMPLETED")
    assert (step.state, step.exit_code) == (StepState.SUCCEEDED, "COMPLETED")
    assert called == [run.id]
    assert step.ended_at is not None
    assert step.started_at <= step.ended_at


async def test_20_what_a_tasklet_raises_is_in_the_run_and_the_step(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        raise Broken("no stock")

    run = await ran(board, job)
    step = await step_of(board, run)
    assert (run.state, exit_code(run)) == (RunState.FAILED, "FAILED")
    assert run.error is not None
    assert run.error.type.endswith("Broken")
    assert run.error.message == "no stock"
    assert "raise Broken" in (run.error.traceback or "")
    assert step.state is StepState.FAILED
    assert step.exit_message is not None
    assert step.exit_message.endswith("Broken: no stock")


async def test_22_a_job_without_steps_is_noop(board: Callboard) -> None:
    run = await ran(board, BatchJob("none"))
    assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "NOOP")


async def test_23_a_step_s_own_exit_code_is_the_job_s(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        ctx.exit_code = "NOTHING NEW"

    run = await ran(board, job)
    assert (run.state, exit_code(run)) == (RunState.SUCCEEDED, "NOTHING NEW")
    assert (await step_of(board, run)).exit_code == "NOTHING NEW"


async def test_25_a_tasklet_that_says_again_is_called_again(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> object:
        ctx.state["calls"] = ctx.state.get("calls", 0) + 1
        return AGAIN if ctx.state["calls"] < 3 else None

    run = await ran(board, job)
    step = await step_of(board, run)
    assert step.checkpoint.context == {"calls": 3}
    assert step.counts.commits == 3


async def test_a_sync_step_runs_in_a_thread(board: Callboard) -> None:
    job = BatchJob("one")
    threads: list[int] = []

    @job.step
    def only(ctx: StepContext) -> None:
        threads.append(threading.get_ident())
        print("said in a thread")

    run = await ran(board, job)
    assert threads
    assert threads[0] != threading.get_ident()
    assert "said in a thread" in await log_of(board, run)


async def test_a_step_that_returns_something_is_told_so(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only() -> int:
        return 5

    run = await ran(board, job)
    assert run.state is RunState.SUCCEEDED
    assert "returned int, which means nothing" in await log_of(board, run)


async def test_a_step_that_exits_the_interpreter_only_fails(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only() -> None:
        raise SystemExit(3)

    assert (await ran(board, job)).state is RunState.FAILED


# chunks


@pytest.mark.parametrize(
    ("items", "size", "commits"), [(4, 2, 2), (5, 2, 3), (3, 1, 3), (3, 10, 1), (0, 2, 0)]
)
async def test_88_89_b24_counts_are_exact_and_no_empty_chunk_commits(
    board: Callboard, items: int, size: int, commits: int
) -> None:
    job = BatchJob("one")
    out: list[int] = []
    copying(job, out, source=range(items), size=size)
    step = await step_of(board, await ran(board, job))
    assert out == list(range(items))
    assert step.counts == StepCounts(reads=items, writes=items, commits=commits)
    assert step.state is StepState.SUCCEEDED


async def test_91_an_error_before_the_first_commit(board: Callboard) -> None:
    job = BatchJob("one")
    bad = copying(job, [], size=2)
    bad.add(1)
    run = await ran(board, job)
    step = await step_of(board, run)
    assert run.state is RunState.FAILED
    assert step.counts == StepCounts(reads=2, rollbacks=1)


async def test_b07_41_43_106_a_failed_chunk_rolls_back_and_a_restart_begins_with_it(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    out: list[int] = []
    bad = copying(job, out)
    bad.add(5)
    run = await ran(board, job)
    first = await step_of(board, run)
    assert run.state is RunState.FAILED
    assert first.checkpoint.cursor == {"numbers": 3}
    assert first.counts == StepCounts(reads=6, writes=3, commits=1, rollbacks=1)
    bad.clear()
    again = await ran_again(board, run)
    second = await step_of(board, again)
    assert again.state is RunState.SUCCEEDED
    assert again.previous_run_id == run.id
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert second.counts == StepCounts(reads=6, writes=6, commits=2)


async def test_an_error_of_the_reader_fails_its_chunk(board: Callboard) -> None:
    job = BatchJob("one")
    out: list[int] = []

    @job.reader
    async def numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        for n in range((after or 0) + 1, 10):
            if n == 6 and not ctx.run.previous_run_id:
                raise Broken("unreadable")
            yield n, n

    copying(job, out, source=numbers)
    run = await ran(board, job)
    assert (await step_of(board, run)).counts == StepCounts(reads=5, writes=3, commits=1)
    await ran_again(board, run)
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_chunk_that_is_not_entered_is_an_error(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for _ in ctx.chunks([1, 2, 3], size=2):
            pass

    run = await ran(board, job)
    assert run.error is not None
    assert run.error.type.endswith("ChunkNotCommitted")
    assert "was never entered" in run.error.message


async def test_leaving_the_loop_with_an_open_chunk_is_an_error(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for _ in ctx.chunks([1, 2, 3], size=2):
            break

    run = await ran(board, job)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.type.endswith("ChunkNotCommitted")


async def test_swallowing_a_chunk_s_error_is_an_error_at_the_next_turn(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks([1, 2, 3], size=2):
            try:
                async with chunk:
                    raise Broken
            except Broken:
                pass

    run = await ran(board, job)
    assert run.error is not None
    assert "it was rolled back" in run.error.message
    assert (await step_of(board, run)).counts.rollbacks == 1


async def test_a_chunk_that_was_rolled_back_can_be_tried_again(board: Callboard) -> None:
    job = BatchJob("one")
    tries: list[int] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks([1, 2, 3], size=3):
            try:
                async with chunk:
                    ctx.state["sum"] = 100
                    raise Broken
            except Broken:
                assert "sum" not in ctx.state
            async with chunk:
                tries.append(len(chunk))
            with pytest.raises(UsageError):
                async with chunk:
                    pass

    run = await ran(board, job)
    assert run.state is RunState.SUCCEEDED, run.error
    counts = (await step_of(board, run)).counts
    assert counts == StepCounts(reads=3, writes=3, commits=1, rollbacks=1)


async def test_skips_and_filters_by_hand_are_counted_and_kept(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(["a", "", "c", "d"], size=4):
            chunk.skip("", "empty")
            chunk.filter(1)
            async with chunk:
                pass

    run = await ran(board, job)
    step = await step_of(board, run)
    assert step.counts == StepCounts(reads=4, writes=2, filters=1, process_skips=1, commits=1)
    (kept,) = await board.operator.skipped(step_id=step.id)
    assert (kept.item, kept.error_type, kept.error_message) == ("", "Skipped", "empty")


async def test_109_ten_items_all_filtered(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(10), size=4):
            chunk.filter(len(chunk))
            async with chunk:
                pass

    step = await step_of(board, await ran(board, job))
    assert step.counts == StepCounts(reads=10, filters=10, commits=3)


async def test_transactions_of_a_tasklet_commit_its_state(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        if ctx.state:
            return
        async with ctx.transaction() as tx:
            ctx.state["done"] = 1
            tx.count(writes=7)
        ctx.state["done"] = 2
        raise Broken

    run = await ran(board, job)
    step = await step_of(board, run)
    assert step.checkpoint.context == {"done": 1}
    assert step.counts == StepCounts(writes=7, commits=1)
    assert (await ran_again(board, run)).state is RunState.SUCCEEDED


# contexts


async def test_53_a_failed_step_sees_its_state_and_the_job_s_again(board: Callboard) -> None:
    job = BatchJob("two")
    seen: list[tuple[Any, Any]] = []

    @job.step
    async def first(ctx: StepContext) -> None:
        ctx.job_state["from"] = "first"

    @job.step
    async def second(ctx: StepContext) -> None:
        seen.append((dict(ctx.state), dict(ctx.job_state)))
        if not ctx.state:
            ctx.state["at"] = 7
            await ctx.save()
            raise Broken

    run = await ran(board, job)
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert seen == [({}, {"from": "first"}), ({"at": 7}, {"from": "first"})]
    assert [step.name for step in await steps_of(board, again)] == ["second"]


@pytest.mark.parametrize(
    ("value", "said"),
    [({1, 2}, "set"), (float("nan"), "nan"), (object(), "object"), ("x" * 70_000, "65536")],
)
async def test_131_b20_what_cannot_be_kept_is_refused_at_the_put(
    board: Callboard, value: Any, said: str
) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        ctx.state["seen"] = value

    run = await ran(board, job)
    step = await step_of(board, run)
    assert (run.state, step.state) == (RunState.FAILED, StepState.FAILED)
    assert run.error is not None
    assert "state.seen" in run.error.message
    assert said in run.error.message
    assert 'ctx.state["seen"] = value' in (run.error.traceback or "")


async def test_b20_107_what_became_unstorable_in_place_fails_the_chunk_before_its_commit(
    board: Callboard,
) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        ctx.state["seen"] = []
        async for chunk in ctx.chunks([1, 2, 3, 4], size=2):
            async with chunk:
                if chunk[0] == 3:
                    ctx.state["seen"].append({1, 2})

    run = await ran(board, job)
    step = await step_of(board, run)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "state.seen[0]: is a set" in run.error.message
    assert step.counts == StepCounts(reads=4, writes=2, commits=1, rollbacks=1)
    assert step.checkpoint.cursor == {"items": 2}
    assert step.checkpoint.context == {"seen": []}


async def test_b20_a_job_state_that_cannot_be_kept_fails_the_step_at_its_end(
    board: Callboard,
) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        ctx.job_state["seen"] = []
        ctx.job_state["seen"].append(object())

    run = await ran(board, job)
    assert (run.state, (await step_of(board, run)).state) == (RunState.FAILED, StepState.FAILED)
    assert await board.operator.context(run.id) == {}


async def test_b20_a_cursor_that_is_no_json_fails_the_chunk(board: Callboard) -> None:
    job = BatchJob("one")

    @job.reader
    async def pairs(ctx: StepContext, after: Any) -> AsyncIterator[tuple[int, Any]]:
        yield 1, {"a set"}

    copying(job, [], source=pairs)
    run = await ran(board, job)
    assert run.error is not None
    assert "cursor of pairs: is a set" in run.error.message
    assert (await step_of(board, run)).counts == StepCounts(reads=1, rollbacks=1)


# readers


async def test_59_two_named_readers_have_places_of_their_own(board: Callboard) -> None:
    job = BatchJob("one")
    out: list[Any] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks("abc", size=2, name="letters"):
            async with chunk:
                out.extend(chunk)
        async for chunk in ctx.chunks(range(4), size=2, name="numbers"):
            async with chunk:
                if 2 in chunk and not ctx.run.previous_run_id:
                    raise Broken
                out.extend(chunk)

    run = await ran(board, job)
    assert (await step_of(board, run)).checkpoint.cursor == {"letters": 3, "numbers": 2}
    await ran_again(board, run)
    assert out == ["a", "b", "c", 0, 1, 2, 3]


async def test_two_readers_of_one_name_are_refused(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        for _ in range(2):
            async for chunk in ctx.chunks([1], size=2):
                async with chunk:
                    pass

    run = await ran(board, job)
    assert run.error is not None
    assert "give `name`" in run.error.message


async def test_58_without_a_saved_place_a_restart_reads_from_the_beginning(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    left = [1, 2, 3, 4]

    @job.reader(save_state=False)
    async def undone(ctx: StepContext) -> AsyncIterator[int]:
        for item in tuple(left):
            yield item

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(undone, size=2):
            async with chunk:
                if 3 in chunk and not ctx.run.previous_run_id:
                    raise Broken
                for item in chunk:
                    left.remove(item)

    run = await ran(board, job)
    assert (await step_of(board, run)).checkpoint.cursor is None
    again = await ran_again(board, run)
    assert (left, (await step_of(board, again)).counts.reads) == ([], 2)


async def test_b19_a_counting_reader_warns_when_it_goes_on_by_a_count(board: Callboard) -> None:
    job = BatchJob("one")
    bad = copying(job, out := [], source=range(1, 7))
    bad.add(5)
    run = await ran(board, job)
    assert "in the same order" not in await log_of(board, run)
    bad.clear()
    again = await ran_again(board, run)
    assert "goes on behind item 3 by counting" in await log_of(board, again)
    assert out == [1, 2, 3, 4, 5, 6]


async def test_sync_generators_are_read_in_a_thread_a_hop_a_chunk(board: Callboard) -> None:
    job = BatchJob("one")
    threads: list[int] = []
    closed: list[bool] = []

    @job.reader
    def numbers(ctx: StepContext, after: int | None) -> Iterator[tuple[int, int]]:
        try:
            for n in range((after or 0) + 1, 8):
                threads.append(threading.get_ident())
                yield n, n
        finally:
            closed.append(True)

    bad = copying(job, out := [], source=numbers)
    bad.add(4)
    run = await ran(board, job)
    assert closed == [True]
    bad.clear()
    await ran_again(board, run)
    assert out == [1, 2, 3, 4, 5, 6, 7]
    assert threading.get_ident() not in threads


async def test_a_reader_is_given_arguments_by_name(board: Callboard) -> None:
    job = BatchJob("one")

    @job.reader
    async def numbers(ctx: StepContext, after: int | None, *, upto: int) -> AsyncIterator[Any]:
        for n in range((after or 0) + 1, upto + 1):
            yield n, n

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(numbers, size=10, args={"upto": 4}):
            async with chunk:
                ctx.job_state["read"] = list(chunk)

    run = await ran(board, job)
    assert await board.operator.context(run.id) == {"read": [1, 2, 3, 4]}


# restarts


async def test_52_b17_a_step_that_may_runs_again_with_an_empty_context(board: Callboard) -> None:
    job = BatchJob("two")
    seen: list[tuple[str, Any]] = []

    @job.step(allow_start_if_complete=True)
    async def always(ctx: StepContext) -> None:
        seen.append(("always", dict(ctx.state)))
        ctx.state["was"] = 1

    @job.step
    async def once(ctx: StepContext) -> None:
        seen.append(("once", None))

    @job.step
    async def last(ctx: StepContext) -> None:
        if not ctx.run.previous_run_id:
            raise Broken

    run = await ran(board, job)
    again = await ran_again(board, run)
    assert again.state is RunState.SUCCEEDED
    assert seen == [("always", {}), ("once", None), ("always", {})]
    assert "passed over, for an earlier attempt did it: once" in await log_of(board, again)


async def test_55_56_a_start_limit_fails_the_run_by_its_name_and_counts_per_instance(
    board: Callboard,
) -> None:
    job = BatchJob("one")

    @job.step(start_limit=1)
    async def only(ctx: StepContext) -> None:
        if ctx.arguments["n"] == 1:
            raise Broken

    run = await ran(board, job, {"n": 1})
    again = await ran_again(board, run)
    assert again.state is RunState.FAILED
    assert again.error is not None
    assert again.error.type == "START_LIMIT_EXCEEDED"
    assert "only" in again.error.message
    assert await steps_of(board, again) == []
    assert (await ran(board, job, {"n": 2})).state is RunState.SUCCEEDED


async def test_a_restart_after_all_steps_have_succeeded_has_nothing_to_do(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    calls: list[int] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        calls.append(1)
        await board.operator.stop(ctx.run_id)

    run = await ran(board, job)
    assert run.state is RunState.STOPPED
    again = await ran_again(board, run)
    assert (again.state, exit_code(again)) == (RunState.SUCCEEDED, "NOOP")
    assert calls == [1]


async def test_a_sequential_job_ends_with_the_first_step_that_fails(board: Callboard) -> None:
    job = BatchJob("two")

    @job.step
    async def first(ctx: StepContext) -> None:
        raise Broken

    @job.step
    async def second(ctx: StepContext) -> None: ...

    run = await ran(board, job)
    assert [step.name for step in await steps_of(board, run)] == ["first"]


# hooks


async def test_110_before_step_comes_before_the_reader_opens_and_after_step_knows_the_end(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    told: list[Any] = []

    @job.reader
    async def numbers(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[int, int]]:
        told.append("opened")
        yield 1, 1

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(numbers, size=10):
            async with chunk:
                pass

    @only.before
    async def before(ctx: StepContext) -> None:
        told.append("before")

    @only.after
    def after(step: StepExecution) -> str:
        told.append((step.state, step.counts.writes, step.ended_at is not None))
        return "WITH A WORD"

    run = await ran(board, job)
    assert told == ["before", "opened", (StepState.SUCCEEDED, 1, True)]
    assert exit_code(run) == "WITH A WORD"


async def test_112_hooks_that_raise(board: Callboard) -> None:
    job = BatchJob("one")
    told: list[str] = []

    @job.reader
    async def numbers(ctx: StepContext) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            raise Broken("close raises")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(numbers, size=1):
            async with chunk:
                pass
            break

    @only.after
    async def after(step: StepExecution) -> None:
        raise Broken("after raises")

    @job.after
    async def job_after(ctx: Any) -> None:
        told.append(ctx.exit_code)
        raise Broken("after the job raises")

    run = await ran(board, job)
    assert run.state is RunState.SUCCEEDED
    assert told == ["COMPLETED"]
    log = await log_of(board, run)
    assert "close raises" in log
    assert "after raises" in log
    assert "after the job raises" in log


async def test_112_a_before_hook_that_raises_fails_the_step_with_nothing_done(
    board: Callboard,
) -> None:
    job = BatchJob("one")
    out: list[int] = []
    copying(job, out)

    @job.steps[0].before
    async def before(ctx: StepContext) -> None:
        raise Broken

    ended: list[str] = []
    job.after(lambda ctx: ended.append(ctx.exit_code or ""))
    run = await ran(board, job)
    assert (run.state, out, ended) == (RunState.FAILED, [], ["FAILED"])
    assert (await step_of(board, run)).counts == StepCounts()


async def test_a_job_s_before_hook_that_raises_fails_the_run(board: Callboard) -> None:
    job = BatchJob("one")
    copying(job, out := [])

    @job.before
    def before(ctx: Any) -> None:
        raise Broken("not today")

    run = await ran(board, job)
    assert (run.state, out) == (RunState.FAILED, [])
    assert run.error is not None
    assert run.error.message == "not today"


# definitions


EVERYWHERE = BatchJob("everywhere", labels={"team": "a"}, description="Found by its variable.")


def test_other_nodes_find_a_job_by_the_variable_that_it_is_in() -> None:
    assert EVERYWHERE.reference == f"{__name__}:EVERYWHERE"
    assert BatchJob("local").reference == f"{__name__}:local"
    job = EVERYWHERE.to_job({"priority": 3})
    assert (job.name, job.kind, job.labels, job.priority) == (
        "everywhere",
        "batch",
        {"team": "a"},
        3,
    )


def test_fields_that_no_job_has_are_refused() -> None:
    with pytest.raises(UsageError, match="no on_crush"):
        BatchJob("one", on_crush="fail")


def test_names_are_unique_within_a_job() -> None:
    job = BatchJob("one")
    copying(job, [])
    with pytest.raises(AlreadyExists):
        copying(job, [], source=[1])
    with pytest.raises(AlreadyExists):
        nine(job)


def test_a_step_is_still_the_function_that_it_is() -> None:
    job = BatchJob("one")

    @job.step("other name", start_limit=2)
    def double(n: int) -> int:
        """Twice."""
        return 2 * n

    assert double(4) == 8
    assert double.__doc__ == "Twice."
    assert double.spec() == {"name": "other name", "kind": "tasklet", "start_limit": 2}


@pytest.mark.parametrize("rules", [{"start_limit": 0}, {"start_limit": True}])
def test_rules_of_a_step_are_checked(rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        BatchJob("one").step(**rules)(lambda ctx: None)


async def test_a_node_with_other_code_parks_the_run(board: Callboard) -> None:
    job = BatchJob("one")
    copying(job, [])
    await board.define(job)
    job.step("more")(lambda ctx: None)
    run = await over(board, await board.operator.start("one", {}))
    assert run.state is RunState.PARKED
    assert run.error is not None
    assert run.error.type == "DefinitionChanged"
    assert "more" in run.error.message


async def test_an_unknown_database_parks_the_run(board: Callboard) -> None:
    job = BatchJob("one", database="shop")
    copying(job, [])
    run = await ran(board, job)
    assert run.state is RunState.PARKED
    assert run.error is not None
    assert "has no database 'shop'" in run.error.message


async def test_a_handler_that_is_no_batch_job_parks_the_run(board: Callboard) -> None:
    job = BatchJob("one", handler="json:dumps")
    await board.replace_job(job.to_job())
    run = await over(board, await board.operator.start("one", {}))
    assert run.state is RunState.PARKED
    assert run.error is not None
    assert "not a BatchJob" in run.error.message


async def test_a_failed_run_is_retried_from_its_checkpoint_by_the_job_s_policy(
    board: Callboard,
) -> None:
    job = BatchJob("one", retry=RetryPolicy(max_attempts=2, initial_s=0.0))
    bad = copying(job, out := [])
    bad.add(5)
    job.after(lambda ctx: bad.clear())
    first = await ran(board, job)
    (second, _) = await board.operator.runs(1)
    second = await over(board, second)
    assert (first.state, second.state) == (RunState.FAILED, RunState.SUCCEEDED)
    assert (second.attempt, second.previous_run_id) == (2, first.id)
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_what_a_step_calls_finds_its_run(board: Callboard) -> None:
    job = BatchJob("one")
    seen: list[Any] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        seen.append((current_run().run_id == ctx.run_id, current_run().arguments))
        await ctx.in_thread(lambda: seen.append(current_run().run_id == ctx.run_id))

    await ran(board, job, {"n": 1})
    assert seen == [(True, {"n": 1}), True]


async def test_secrets_are_clear_in_the_step_and_masked_in_what_is_kept() -> None:
    class Clear(Params):
        token: str = secret()

    job = BatchJob("one", Clear)
    seen: list[str] = []

    @job.step
    async def only(ctx: StepContext) -> None:
        seen.append(ctx.params.token)
        async for chunk in ctx.chunks([ctx.params.token], size=1):
            chunk.skip(chunk[0], f"bad {chunk[0]}")
            async with chunk:
                pass
        raise Broken(f"refused with {ctx.params.token}")

    environ = EnvSecrets({"CALLBOARD_SECRET_KEY": "hunter2hunter2"})
    async with Callboard("memory:", secrets={"vault": environ}) as board:
        run = await ran(board, job, Clear("vault:KEY").to_json())
        step = await step_of(board, run)
        (kept,) = await board.operator.skipped(step_id=step.id)
        said = f"{run} {step} {kept} {await log_of(board, run)}"
    assert seen == ["hunter2hunter2"]
    assert "refused with" in said
    assert "hunter2" not in said


async def test_progress_tells_count_rate_and_rest(board: Callboard) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(10), size=4, expected=10):
            async with chunk:
                pass

    run = await ran(board, job)
    assert isinstance(run.progress, dict)
    assert (run.progress["done"], run.progress["total"]) == (10, 10)
    assert run.progress["step"] == "only"
    assert run.progress["eta_s"] == 0.0
    assert (await step_of(board, run)).expected == 10


async def test_runs_are_apart(board: Callboard) -> None:
    """Two instances of one job at once (17)."""
    job = BatchJob("one")
    out: dict[Any, list[int]] = {}

    @job.step
    async def only(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(6), size=2):
            async with chunk:
                out.setdefault(ctx.arguments["n"], []).extend(chunk)

    runs: list[Run] = [await begun(board, job, {"n": n}) for n in range(3)]
    assert {(await over(board, run)).state for run in runs} == {RunState.SUCCEEDED}
    assert out == {n: [0, 1, 2, 3, 4, 5] for n in range(3)}


def test_the_error_of_a_chunk_says_what_to_do() -> None:
    assert "enter it" in str(ChunkNotCommitted(1, has_failed=False))
