"""When listeners are called, and what their errors do."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.batch.chunk_step import ChunkStep
from callboard.batch.context import StepContext
from callboard.batch.listeners import HOOKS, Listener, Listeners
from callboard.batch.retrying import Retry
from callboard.batch.skipping import Skip, SkipLimitExceeded
from callboard.domain.batch_step import SkippedItem, StepCounts, StepExecution, StepState
from callboard.errors import InvalidInput
from support.batch_steps import Line, execute


class BadOrder(Exception):
    pass


def watching(called: list[str]) -> Listener:
    """A listener that overrides everything, and writes down what is called."""

    def hook(name: str) -> Any:
        def watch(self: Listener, *args: Any) -> None:
            called.append(name)

        return watch

    kind = type("Watching", (Listener,), {name: hook(name) for name in HOOKS})
    watching: Listener = kind()
    return watching


async def put(items: list[Any], tx: Any) -> None:
    for item in items:
        if item == 5:
            raise BadOrder
        tx.connection.append(item)


def a_step(items: Any, *listeners: Listener, **more: Any) -> ChunkStep:
    given = {"read": items, "write": put, "size": 2, "listeners": listeners, **more}
    return ChunkStep("step", **given)


async def test_110_the_order_of_the_hooks_of_one_chunk() -> None:
    called: list[str] = []

    def read() -> Any:
        called.append("opened")
        return iter([1])

    line = Line(at_commit=lambda rows: called.append("commit"))
    await execute(a_step(read, watching(called), process=lambda item: item), line)
    assert called == [
        *("before_step", "opened", "before_chunk"),
        *("before_read", "after_read", "before_read"),
        *("before_process", "after_process"),
        *("before_write", "after_write", "commit"),
        *("after_chunk", "after_step"),
    ]


async def test_the_order_of_the_hooks_of_a_failing_chunk() -> None:
    called: list[str] = []
    end = await execute(a_step([5, 6], watching(called)))
    assert end.state is StepState.FAILED
    assert called[-4:] == ["before_write", "on_write_error", "on_chunk_error", "after_step"]


async def test_the_order_of_the_hooks_of_retries_and_skips() -> None:
    called: list[str] = []

    class Few(Listener):
        def on_write_error(self, ctx: Any, items: Any, error: Any) -> None:
            called.append(f"error {items}")

        def on_retry(self, ctx: Any, phase: str, attempt: int, error: Any) -> None:
            called.append(f"retry {phase} {attempt}")

        async def on_skip(
            self, ctx: StepContext, skipped: SkippedItem, item: Any, error: Any, tx: Any
        ) -> None:
            called.append(f"skip {skipped.phase} {item} {type(error).__name__}")

    line = Line(at_commit=lambda rows: called.append(f"commit {rows}"))
    retry = Retry(attempts=2, backoff="none")
    await execute(a_step([4, 5], Few(), skip=Skip(BadOrder), retry=retry), line)
    assert called == [
        *("error [4, 5]", "retry write 1", "error [4, 5]", "commit [4]"),
        *("error [5]", "retry write 1", "error [5]", "skip write 5 BadOrder", "commit []"),
    ]


async def test_100_the_skip_listener_writes_in_the_transaction_that_skips() -> None:
    class Quarantine(Listener):
        async def on_skip(
            self, ctx: StepContext, skipped: SkippedItem, item: Any, error: Any, tx: Any
        ) -> None:
            tx.connection.append(f"bad {item}")

    line, failures = Line(), iter([RuntimeError("the commit failed")])

    def fail_once(rows: list[Any]) -> None:
        if "bad 5" in rows:
            for failure in failures:
                raise failure

    line.at_commit = fail_once
    step = a_step([4, 5, 6], Quarantine(), skip=Skip(BadOrder), retry=Retry(backoff="none"))
    end = await execute(step, line)
    assert line.rows == [4, "bad 5", 6]
    assert end.counts.write_skips == len(line.skipped) == 1


@pytest.mark.parametrize("phase", ["process", "write"])
async def test_101_a_skip_listener_that_raises_fails_the_step(phase: str) -> None:
    class Broken(Listener):
        def on_skip(self, *args: Any) -> None:
            raise BadOrder("of the listener, and so not skipped")

    def process(item: int) -> int:
        if phase == "process":
            raise BadOrder
        return item

    line = Line()
    end = await execute(a_step([5], Broken(), process=process, skip=Skip(BadOrder)), line)
    assert str(end.error) == "of the listener, and so not skipped"
    assert line.skipped == []
    assert end.counts.skips == 0


@pytest.mark.parametrize(
    "name",
    [name for name in HOOKS if name.startswith("before_") or name == "on_retry"]
    + ["after_read", "after_process", "after_write"],
)
async def test_112_a_hook_that_raises_fails_the_step_with_nothing_committed(name: str) -> None:
    def broken(self: Listener, *args: Any) -> None:
        raise BadOrder("of the listener, and so not skipped")

    flaky = iter([1])

    def process(item: int) -> int:
        if next(flaky, None):
            raise ValueError("once")
        return item

    listener = type("Broken", (Listener,), {name: broken})()
    line = Line()
    step = a_step(
        [1, 2],
        listener,
        process=process,
        skip=Skip(BadOrder),
        retry=Retry(ValueError, backoff="none"),
    )
    end = await execute(step, line)
    assert str(end.error) == "of the listener, and so not skipped"
    assert (end.counts.commits, line.checkpoints) == (0, [])


@pytest.mark.parametrize("name", ["after_step", "on_write_error", "on_chunk_error"])
async def test_hooks_behind_an_error_are_only_logged(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Listener, *args: Any) -> None:
        raise RuntimeError("of the listener")

    end = await execute(a_step([5], type("Broken", (Listener,), {name: broken})()))
    assert isinstance(end.error, BadOrder)
    assert "a listener failed, which changes nothing" in caplog.text


async def test_112_what_after_step_raises_leaves_the_step_completed() -> None:
    class Broken(Listener):
        def after_step(self, ctx: StepContext, step: StepExecution) -> None:
            raise RuntimeError

    end = await execute(a_step([1], Broken()))
    assert (end.state, end.exit_code) == (StepState.SUCCEEDED, "COMPLETED")


async def test_b04_a_stop_that_is_asked_for_behind_a_chunk_lets_no_other_begin() -> None:
    line = Line()

    class Stop(Listener):
        def after_chunk(self, ctx: StepContext) -> None:
            line.stop.set()

    end = await execute(a_step([1, 2, 3, 4], Stop()), line)
    assert end.state is StepState.STOPPED
    assert line.rows == [1, 2]


async def test_what_after_chunk_raises_fails_the_step_behind_its_commit() -> None:
    called: list[str] = []

    class Broken(Listener):
        def after_chunk(self, ctx: StepContext) -> None:
            raise RuntimeError

        def on_chunk_error(self, ctx: StepContext, error: BaseException) -> None:
            called.append("error")

    end = await execute(a_step([1, 2, 3, 4], Broken()))
    assert end.state is StepState.FAILED
    assert end.counts == StepCounts(reads=2, writes=2, commits=1)
    assert called == []


async def test_after_step_may_give_another_exit_code_which_the_next_one_sees() -> None:
    seen: list[str] = []

    class Flag(Listener):
        async def after_step(self, ctx: StepContext, step: StepExecution) -> str | None:
            seen.append(step.exit_code)
            assert step.ended_at is not None
            return "COMPLETED WITH SKIPS" if step.counts.skips else None

    step = a_step([4, 5], Flag(), Flag(), skip=Skip(BadOrder))
    end = await execute(step)
    assert (end.state, end.exit_code) == (StepState.SUCCEEDED, "COMPLETED WITH SKIPS")
    assert seen == ["COMPLETED", "COMPLETED WITH SKIPS"]
    assert (await execute(a_step([4], Flag()))).exit_code == "COMPLETED"


async def test_a_listener_hears_of_a_step_that_failed_or_was_stopped() -> None:
    seen: list[tuple[str, str, StepCounts]] = []

    class Look(Listener):
        def after_step(self, ctx: StepContext, step: StepExecution) -> str:
            seen.append((step.state, step.exit_code, step.counts))
            return "MINE"

    line = Line()
    assert (await execute(a_step([1, 2, 5], Look()), line)).exit_code == "MINE"
    line.stop.set()
    assert (await execute(a_step([1, 2, 5], Look()), line)).state is StepState.STOPPED
    assert seen == [
        ("failed", "FAILED", StepCounts(reads=3, writes=2, commits=1, rollbacks=1)),
        ("stopped", "STOPPED", StepCounts()),
    ]


async def test_the_steps_own_hooks_come_first() -> None:
    called: list[str] = []
    step = a_step([1], watching(called))
    step.before(lambda ctx: called.append("before"))
    step.after(lambda end: called.append("after"))
    await execute(step)
    assert called[:2] == ["before", "before_step"]
    assert called[-2:] == ["after", "after_step"]


@pytest.mark.parametrize("code", ["", 5, "x" * 256])
async def test_an_exit_code_that_is_none_is_ignored(code: Any) -> None:
    class Odd(Listener):
        def after_step(self, ctx: StepContext, step: StepExecution) -> Any:
            return code

    assert (await execute(a_step([1], Odd()))).exit_code == "COMPLETED"


def test_only_what_a_listener_overrides_is_called() -> None:
    class Skips(Listener):
        def on_skip(self, *args: Any) -> None: ...

    listeners = Listeners([Skips(), Listener()])
    assert [name for name in HOOKS if listeners.has(name)] == ["on_skip"]


def test_a_hook_that_nobody_calls_is_refused() -> None:
    class Mistyped(Listener):
        def on_skipped(self) -> None: ...

    with pytest.raises(InvalidInput, match=r"listeners\[0\]: has the method on_skipped, which"):
        Listeners([Mistyped()])
    with pytest.raises(InvalidInput, match=r"listeners\[1\]: is <class .*, no Listener"):
        Listeners([Listener(), Listener])  # type: ignore[list-item]


async def test_a_limit_that_is_exceeded_is_told_to_the_chunks_listeners() -> None:
    errors: list[BaseException] = []

    class Look(Listener):
        def on_chunk_error(self, ctx: StepContext, error: BaseException) -> None:
            errors.append(error)

    await execute(a_step([5], Look(), skip=Skip(BadOrder, limit=0)))
    assert [type(error) for error in errors] == [SkipLimitExceeded]
