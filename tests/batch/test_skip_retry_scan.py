"""What a declarative step does about errors: skips, tries again, scans, fails."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.batch.chunk_step import ChunkStep
from callboard.batch.context import StepContext
from callboard.batch.retrying import Retry
from callboard.batch.scanning import Batch, Passed
from callboard.batch.skipping import (
    Skip,
    SkipLimitExceeded,
    Unreadable,
    skipped_item,
    text_of,
)
from callboard.batch.step import Interrupted
from callboard.domain.batch_step import SkippedItem, StepCounts, StepState
from callboard.errors import BugError, InvalidInput, StoreUnavailable
from callboard.testing import VirtualClock
from support.batch_steps import Line, execute
from support.boards import meanwhile


class BadOrder(Exception):
    pass


class WorseOrder(BadOrder):
    pass


async def put(items: list[Any], tx: Any) -> None:
    for item in items:
        tx.connection.append(item)


def a_step(items: Any, **more: Any) -> ChunkStep:
    return ChunkStep("step", **{"read": items, "write": put, "size": 3, **more})


class Reader:
    """An iterator that goes on behind an error, as those of files do."""

    def __init__(self, items: Any, bad: set[Any]) -> None:
        self._items = iter(items)
        self._bad = bad

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        if item in self._bad:
            raise BadOrder(f"item {item}")
        return item


class Writer:
    """Refuses some items, in the middle of its work, and remembers how it was called."""

    def __init__(self, *bad: Any, error: type[Exception] = BadOrder, times: int = 1000) -> None:
        self.calls: list[list[Any]] = []
        self._bad = set(bad)
        self._error = error
        self._times = times

    async def __call__(self, items: list[Any], tx: Any) -> None:
        self.calls.append(items)
        for item in items:
            if item in self._bad and self._times:
                self._times -= 1
                raise self._error(f"item {item}")
            tx.connection.append(item)


def refuse(*bad: Any, error: type[Exception] = BadOrder) -> Callable[[Any], Any]:
    async def process(item: Any) -> Any:
        if item in bad:
            raise error(f"item {item}")
        return item

    return process


# skips of reads


async def test_92_a_read_that_fails_is_skipped_without_a_rollback() -> None:
    line = Line()
    end = await execute(a_step(Reader(range(1, 6), {2}), skip=Skip(BadOrder)), line)
    assert line.rows == [1, 3, 4, 5]
    assert end.counts == StepCounts(reads=4, writes=4, commits=2, read_skips=1)
    assert [(each.phase, each.error_message) for each in line.skipped] == [("read", "item 2")]


async def test_a_skipped_read_takes_up_a_place_in_its_chunk() -> None:
    line, writer = Line(), Writer()
    await execute(a_step(Reader(range(1, 6), {2}), write=writer, skip=Skip(BadOrder)), line)
    assert writer.calls == [[1, 3], [4, 5]]


async def test_a_source_of_nothing_but_bad_items_commits_their_skips() -> None:
    line = Line()
    end = await execute(a_step(Reader(range(4), {0, 1, 2, 3}), skip=Skip(BadOrder)), line)
    assert end.counts == StepCounts(commits=2, read_skips=4)
    assert len(line.skipped) == 4


async def test_a_generator_says_what_it_could_not_read() -> None:
    async def orders(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[Any, int]]:
        for item in range(after or 0, 5):
            bad = item == 1
            yield (Unreadable(BadOrder("torn"), item="1;?") if bad else item), item + 1

    line = Line()
    end = await execute(a_step(orders, skip=Skip(BadOrder)), line)
    assert line.rows == [0, 2, 3, 4]
    assert (end.counts.reads, end.counts.read_skips, line.cursor) == (4, 1, 5)
    assert [each.item for each in line.skipped] == ["1;?"]


async def test_a_generator_that_raises_has_ended_and_is_not_taken_for_complete() -> None:
    def orders() -> Iterator[int]:
        yield 1
        raise BadOrder("torn")

    end = await execute(a_step(orders, skip=Skip(BadOrder)))
    assert isinstance(end.error, BadOrder)
    assert "yield (Unreadable(error), cursor)" in end.error.__notes__[0]


async def test_a_generator_that_raises_is_not_asked_again_and_again() -> None:
    def orders() -> Iterator[int]:
        yield 1
        raise BadOrder("torn")

    end = await execute(a_step(orders, retry=Retry(attempts=9, backoff="none")))
    assert isinstance(end.error, BadOrder)
    assert end.counts.retries == 1


async def test_a_read_that_has_gone_on_behind_its_error_is_not_tried_again() -> None:
    """Another attempt would read the next item, and nobody would know of the bad one."""

    async def orders(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[Any, int]]:
        for item in range(after or 0, 4):
            yield (Unreadable(BadOrder("torn")) if item == 2 else item), item + 1

    line = Line()
    both = {"skip": Skip(BadOrder), "retry": Retry(backoff="none")}
    end = await execute(a_step(orders, **both), line)
    assert line.rows == [0, 1, 3]
    assert (end.counts.read_skips, end.counts.retries) == (1, 0)


async def test_a_restart_passes_over_what_was_skipped_by_counting() -> None:
    line = Line()

    def step(write: Any) -> ChunkStep:
        return a_step(Reader(range(9), {1, 4}), write=write, skip=Skip(BadOrder))

    end = await execute(step(Writer(6, error=ValueError)), line)
    assert isinstance(end.error, ValueError)
    assert (line.rows, line.cursor) == ([0, 2, 3, 5], 4)
    await execute(step(put), line)
    assert line.rows == [0, 2, 3, 5, 6, 7, 8]


async def test_an_item_that_is_bad_at_its_second_attempt_is_not_lost() -> None:
    class Flaky(Reader):
        def __next__(self) -> Any:
            if self._bad:
                error = BadOrder(self._bad.pop())
                error.cursor = None if self._bad else 7  # type: ignore[attr-defined]
                raise error
            return next(self._items)

    line = Line()
    both = {"skip": Skip(BadOrder), "retry": Retry(backoff="none")}
    end = await execute(a_step(Flaky(range(3), {1, 2}), **both), line)
    assert (end.counts.retries, end.counts.read_skips) == (1, 1)


async def test_a_read_without_a_skip_fails_the_step() -> None:
    end = await execute(a_step(Reader(range(1, 6), {5}), size=2))
    assert isinstance(end.error, BadOrder)
    assert end.counts == StepCounts(reads=4, writes=4, commits=2, rollbacks=1)


# skips of processing


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_skip_in_the_processor_does_not_roll_back(concurrency: int) -> None:
    line, called = Line(), list[int]()

    async def process(item: int) -> int:
        called.append(item)
        return await refuse(2, 4)(item)  # type: ignore[no-any-return]

    step = a_step(range(1, 6), process=process, skip=Skip(BadOrder), concurrency=concurrency)
    end = await execute(step, line)
    assert line.rows == [1, 3, 5]
    assert end.counts == StepCounts(reads=5, writes=3, commits=2, process_skips=2)
    assert sorted(called) == [1, 2, 3, 4, 5]


async def test_items_that_plain_functions_refuse_are_skipped() -> None:
    line, threads = Line(), list[int]()

    def process(item: int) -> float:
        threads.append(item)
        return 12 / item

    end = await execute(a_step(range(-1, 4), process=process, skip=Skip(ZeroDivisionError)), line)
    assert line.rows == [-12, 12, 6, 4]
    assert end.counts.process_skips == 1
    assert threads == [-1, 0, 1, 2, 3]


# skips of writes


async def test_94_b10_of_a_chunk_that_cannot_be_written_the_bad_item_is_quarantined() -> None:
    line = Line()
    end = await execute(
        a_step(range(1, 6), size=2, write=Writer(4), skip=Skip(BadOrder, limit=1)), line
    )
    assert line.rows == [1, 2, 3, 5]
    assert end.counts.write_skips == 1
    assert line.skipped == [
        SkippedItem(
            phase="write",
            item_hash=hashlib.sha256(b"4").hexdigest(),
            item="4",
            error_type=f"{__name__}.BadOrder",
            error_message="item 4",
        )
    ]


async def test_b10_the_second_bad_item_fails_the_step() -> None:
    line = Line()
    end = await execute(a_step(range(1, 7), write=Writer(2, 6), skip=Skip(BadOrder, limit=1)), line)
    assert isinstance(end.error, SkipLimitExceeded)
    assert str(end.error).startswith("an item more than the 1 that may be skipped (write): ")
    assert line.rows == [1, 3, 4, 5]
    assert len(line.skipped) == 1


async def test_95_a_scan_writes_one_by_one_and_each_good_row_once() -> None:
    line, writer = Line(), Writer(2, 3)
    end = await execute(a_step([1, 2, 3], write=writer, skip=Skip(BadOrder)), line)
    assert writer.calls == [[1, 2, 3], [1], [2], [3]]
    assert line.rows == [1]
    assert end.counts == StepCounts(reads=3, writes=1, commits=3, rollbacks=3, write_skips=2)


async def test_b11_what_was_processed_is_not_processed_again_by_a_scan() -> None:
    called: list[int] = []

    async def process(item: int) -> int:
        called.append(item)
        return item

    await execute(a_step(range(6), process=process, write=Writer(4), skip=Skip(BadOrder)))
    assert called == [0, 1, 2, 3, 4, 5]


async def test_a_scan_has_a_checkpoint_behind_each_item() -> None:
    line = Line()
    step = a_step(range(1, 6), size=5, write=Writer(3), skip=Skip(BadOrder))
    await execute(step, line)
    assert [each.cursor["items"] for each in line.checkpoints] == [1, 2, 3, 4, 5]  # type: ignore[index,call-overload]


async def test_a_restart_in_the_middle_of_a_scan_goes_on_behind_the_last_item_written() -> None:
    line = Line()

    def crash(rows: list[Any]) -> None:
        if rows == [4]:
            raise BugError("the node dies here")

    line.at_commit = crash
    end = await execute(a_step(range(1, 6), size=5, write=Writer(2), skip=Skip(BadOrder)), line)
    assert isinstance(end.error, BugError)
    assert (line.rows, line.cursor) == ([1, 3], 3)
    line.at_commit = lambda rows: None
    end = await execute(a_step(range(1, 6), size=5, write=Writer(2), skip=Skip(BadOrder)), line)
    assert line.rows == [1, 3, 4, 5]
    assert end.counts == StepCounts(reads=2, writes=2, commits=1)


async def test_a_stop_ends_a_scan_between_two_items() -> None:
    line = Line()

    async def write(items: list[int], tx: Any) -> None:
        if len(items) > 1:
            raise BadOrder
        if items == [2]:
            line.stop.set()
        await put(items, tx)

    end = await execute(a_step(range(1, 6), size=5, write=write, skip=Skip(BadOrder)), line)
    assert end.state is StepState.STOPPED
    assert (line.rows, line.cursor) == ([1, 2], 2)


async def test_what_was_filtered_and_skipped_before_is_counted_once_by_a_scan() -> None:
    line = Line()
    end = await execute(
        a_step(
            Reader(range(1, 10), {2, 9}),
            size=10,
            process=lambda item: refuse(4)(item) if item != 6 else None,
            write=Writer(7),
            skip=Skip(BadOrder),
        ),
        line,
    )
    assert line.rows == [1, 3, 5, 8]
    counts = end.counts
    assert (counts.reads, counts.writes, counts.filters) == (7, 4, 1)
    assert (counts.read_skips, counts.process_skips, counts.write_skips) == (2, 1, 1)
    assert [each.phase for each in line.skipped] == ["read", "process", "write", "read"]


async def test_a_chunk_of_one_bad_item_is_not_written_a_second_time() -> None:
    line, writer = Line(), Writer(2)
    end = await execute(a_step([1, 2, 3], size=1, write=writer, skip=Skip(BadOrder)), line)
    assert writer.calls == [[1], [2], [3]]
    assert (end.counts.write_skips, line.rows) == (1, [1, 3])


async def test_an_item_that_fails_at_the_commit_is_skipped() -> None:
    line = Line()

    def check(rows: list[Any]) -> None:
        if 2 in rows:
            raise BadOrder("deferred constraint")

    line.at_commit = check
    end = await execute(a_step(range(1, 6), skip=Skip(BadOrder)), line)
    assert (line.rows, end.counts.write_skips) == ([1, 3, 4, 5], 1)


# limits, and what is never skipped


async def test_97_reads_processes_and_writes_share_one_limit() -> None:
    line = Line()
    step = a_step(
        Reader(range(1, 7), {1}),
        size=2,
        process=refuse(3),
        write=Writer(5),
        skip=Skip(BadOrder, limit=2),
    )
    end = await execute(step, line)
    assert isinstance(end.error, SkipLimitExceeded)
    assert (end.error.phase, end.error.limit) == ("write", 2)
    assert isinstance(end.error.__cause__, BadOrder)
    assert (end.counts.read_skips, end.counts.process_skips, end.counts.write_skips) == (1, 1, 0)


async def test_each_execution_has_the_whole_limit() -> None:
    line = Line()
    await execute(a_step(range(1, 10), process=refuse(1, 4), skip=Skip(BadOrder, limit=1)), line)
    end = await execute(
        a_step(range(1, 10), process=refuse(1, 4), skip=Skip(BadOrder, limit=1)), line
    )
    assert end.state is StepState.SUCCEEDED
    assert len(line.skipped) == 2


@pytest.mark.parametrize("phase", ["read", "process", "write"])
async def test_98_an_error_that_is_not_skippable_fails_at_once(phase: str) -> None:
    line, writer = Line(), Writer(*([2] if phase == "write" else []), error=ValueError)
    read: Any = [1, 2, 3]
    if phase == "read":
        read = (item if item != 2 else int("x") for item in [1, 2, 3])
    process = refuse(2, error=ValueError) if phase == "process" else None
    step = a_step(read, process=process, write=writer, skip=Skip(BadOrder, limit=9))
    end = await execute(step, line)
    assert type(end.error) is ValueError
    assert line.rows == line.skipped == []
    assert len(writer.calls) == (phase == "write")


@pytest.mark.parametrize(
    ("error", "is_skipped"),
    [
        (BadOrder("x"), True),
        (WorseOrder("x"), False),  # named as never
        (ValueError("x"), False),
        (ExceptionGroup("x", [BadOrder("x"), BadOrder("y")]), True),
        (ExceptionGroup("x", [BadOrder("x"), ValueError("y")]), False),
        (Interrupted("x"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_a_skip_covers_the_types_it_names(error: BaseException, is_skipped: bool) -> None:
    assert Skip(BadOrder, never=(WorseOrder,)).covers(error) is is_skipped


@pytest.mark.parametrize("fatal", [MemoryError(), StoreUnavailable("x"), BugError("x")])
def test_fatal_errors_are_neither_skipped_nor_tried_again(fatal: Exception) -> None:
    assert not Skip(Exception).covers(fatal)
    assert Retry(Exception, backoff="none").delay_s(fatal, 1, Random(1)) is None
    assert Retry(backoff="none").delay_s(fatal, 1, Random(1)) is None


def test_an_error_is_skipped_for_what_it_was_raised_from_and_for_nothing_else() -> None:
    caused, met = ValueError("x"), ValueError("y")
    caused.__cause__ = BadOrder("x")
    met.__context__ = BadOrder("raised while that was handled")
    assert Skip(BadOrder).covers(caused)
    assert not Skip(BadOrder).covers(met)
    caused.__cause__.__cause__ = caused  # in a circle
    assert not Skip(KeyError).covers(caused)


# retries


async def test_a_write_is_tried_again_in_a_transaction_of_its_own() -> None:
    line, writer = Line(), Writer(2, times=2)
    end = await execute(
        a_step([1, 2, 3], write=writer, retry=Retry(BadOrder, attempts=3, backoff="none")), line
    )
    assert writer.calls == [[1, 2, 3]] * 3
    assert line.rows == [1, 2, 3]
    assert end.counts == StepCounts(reads=3, writes=3, commits=1, retries=2)


async def test_103_when_the_attempts_are_used_up_the_step_fails_with_one_rollback() -> None:
    line, writer = Line(), Writer(2)
    step = a_step([1, 2, 3, 4], write=writer, retry=Retry(attempts=3, backoff="none"))
    end = await execute(step, line)
    assert isinstance(end.error, BadOrder)
    assert len(writer.calls) == 3
    assert end.counts == StepCounts(reads=3, rollbacks=1, retries=2)


async def test_104_an_error_that_a_retry_does_not_name_is_called_once() -> None:
    writer = Writer(2, error=ValueError)
    end = await execute(a_step([1, 2, 3], write=writer, retry=Retry(BadOrder, backoff="none")))
    assert isinstance(end.error, ValueError)
    assert (len(writer.calls), end.counts.retries) == (1, 0)


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_a_process_is_tried_again_for_its_item_alone(concurrency: int) -> None:
    line, called, failures = Line(), list[int](), iter([1, 1])

    def process(item: int) -> int:
        called.append(item)
        if item == 2 and next(failures, None):
            raise BadOrder
        return item

    step = a_step(
        range(1, 4),
        process=process,
        retry=Retry(attempts=3, backoff="none"),
        concurrency=concurrency,
    )
    end = await execute(step, line)
    assert (line.rows, end.counts.retries) == ([1, 2, 3], 2)
    assert sorted(called) == [1, 2, 2, 2, 3]


async def test_a_read_is_tried_again() -> None:
    class Flaky(Reader):
        def __next__(self) -> Any:
            if self._bad:
                raise BadOrder(self._bad.pop())
            return next(self._items)

    line = Line()
    end = await execute(a_step(Flaky(range(3), {1, 2}), retry=Retry(backoff="none")), line)
    assert (line.rows, end.counts.retries, end.counts.rollbacks) == ([0, 1, 2], 2, 0)


async def test_what_no_attempt_could_do_is_skipped() -> None:
    line, writer = Line(), Writer(2)
    step = a_step(
        [1, 2, 3], write=writer, skip=Skip(BadOrder), retry=Retry(attempts=2, backoff="none")
    )
    end = await execute(step, line)
    assert writer.calls == [[1, 2, 3], [1, 2, 3], [1], [2], [2], [3]]
    assert line.rows == [1, 3]
    assert (end.counts.retries, end.counts.write_skips, end.counts.rollbacks) == (2, 1, 2)


async def test_a_commit_that_fails_is_tried_again() -> None:
    line, failures = Line(), iter([BadOrder("serialization failure")])

    def check(rows: list[Any]) -> None:
        for failure in failures:
            raise failure

    line.at_commit = check
    end = await execute(a_step([1, 2], retry=Retry(BadOrder, backoff="none")), line)
    assert (line.rows, end.counts.retries, end.counts.rollbacks) == ([1, 2], 1, 0)


async def test_a_commit_that_was_lost_is_tried_again_without_any_retry() -> None:
    line, failures = Line(), iter([StoreUnavailable("gone"), StoreUnavailable("gone")])

    def check(rows: list[Any]) -> None:
        for failure in failures:
            raise failure

    line.at_commit = check
    end = await execute(a_step([1, 2]), line)
    assert (line.rows, end.counts.retries, end.counts.rollbacks) == ([1, 2], 2, 0)


async def test_the_waits_grow_and_nothing_is_open_meanwhile() -> None:
    clock, line, began = VirtualClock(), Line(), list[float]()

    async def write(items: list[int], tx: Any) -> None:
        began.append(clock.monotonic())
        if len(began) < 5:
            raise BadOrder

    retry = Retry(attempts=5, backoff="exp:1..5", jitter=False)
    end = await meanwhile(clock, execute(a_step([1], write=write, retry=retry), line, clock=clock))
    assert end.state is StepState.SUCCEEDED
    assert began == [0, 1, 3, 7, 12]


@pytest.mark.parametrize(
    "given",
    [{"write": Writer(1)}, {"process": refuse(1)}, {"process": refuse(1), "concurrency": 2}],
)
async def test_a_stop_cuts_a_wait_short_and_gives_the_chunk_up(given: dict[str, Any]) -> None:
    clock, line = VirtualClock(), Line()
    clock.call_at(10, line.stop.set)
    retry = Retry(attempts=5, backoff="fixed:1000", jitter=False)
    step = a_step([1, 2], retry=retry, **given)
    end = await meanwhile(clock, execute(step, line, clock=clock))
    assert end.state is StepState.STOPPED
    assert clock.monotonic() == 10
    assert end.counts == StepCounts(reads=2, rollbacks=1)
    assert line.checkpoints == []


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        ("none", [0, 0, 0]),
        ("fixed:0.5", [0.5, 0.5, 0.5]),
        ("exp:0.1..0.3", [0.1, 0.2, 0.3]),
        ("exp:2..2", [2, 2, 2]),
    ],
)
def test_backoffs_say_how_long_to_wait(backoff: str, waits: list[float]) -> None:
    retry = Retry(attempts=4, backoff=backoff, jitter=False)
    given = [retry.delay_s(BadOrder(), attempt, Random(1)) for attempt in (1, 2, 3, 4)]
    assert given == pytest.approx([*waits, None])


def test_jitter_spreads_the_waits_below_that() -> None:
    retry, rng = Retry(attempts=9, backoff="fixed:8"), Random(1)
    waits = [retry.delay_s(BadOrder(), 1, rng) or 0 for _ in range(100)]
    assert 0 <= min(waits) < 1
    assert 7 < max(waits) <= 8


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Skip(), "skip.types: is empty"),
        (lambda: Skip("BadOrder"), "skip.types: has 'BadOrder', which is no exception class"),
        (lambda: Skip(KeyboardInterrupt), "skip.types: has <class 'KeyboardInterrupt'>"),
        (lambda: Skip(BadOrder, limit=-1), "skip.limit: is -1, not a count"),
        (lambda: Skip(BadOrder, limit=None), "skip.limit: is None"),
        (lambda: Skip(BadOrder, never=("x",)), "skip.never: has 'x'"),
        (lambda: Retry(5), "retry.types: has 5"),
        (lambda: Retry(attempts=0), "retry.attempts: is 0, outside 1 to 1000"),
        (lambda: Retry(attempts=True), "retry.attempts: is True"),
        (lambda: Retry(backoff="exp:1"), "retry.backoff: is 'exp:1', which is no backoff"),
        (lambda: Retry(backoff="exp:5..1"), "the first wait is longer than the longest"),
        (lambda: Retry(backoff="exp:0..1"), "twice nothing is nothing"),
        (lambda: Retry(backoff="fixed:-1"), "which is no backoff"),
        (lambda: Retry(backoff="fixed:4000"), "no wait is longer than 3600 seconds"),
        (lambda: Retry(backoff=0.5), r"retry.backoff: is 0.5, .*write 'none', 'fixed:0.5' or 'exp"),
    ],
)
def test_wrong_policies_say_what_is_wrong(make: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make()


# what is kept of an item


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("a;b", "a;b"),
        ({"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
        ((1, "x"), '[1,"x"]'),
        (2**70, str(2**70)),
        ({1, 2}, '"{1, 2}"'),
        (None, "null"),
    ],
)
def test_an_item_is_kept_as_text(item: object, text: str) -> None:
    assert text_of(item) == text


def test_an_item_is_cut_and_storable_and_its_hash_is_of_the_whole() -> None:
    item = "\x00" + "ä" * 5000
    kept = skipped_item("write", item, BadOrder("nul \x00"))
    assert kept.item_hash == hashlib.sha256(item.encode()).hexdigest()
    assert "\x00" not in kept.item + kept.error_message
    assert len(kept.item) < 2200


def test_an_item_that_cannot_be_shown_is_kept_all_the_same() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise ValueError

        __str__ = __repr__

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    kept = skipped_item("process", Shy(), Mute())
    assert kept.item == "(a Shy that cannot be shown: ValueError)"
    assert kept.error_message == "(a Mute that cannot be shown: ValueError)"


# the plan of a scan

RESULTS = st.lists(st.sampled_from(["out", "dropped", "passed"]), min_size=1, max_size=12)


@given(kinds=RESULTS.filter(lambda kinds: "out" in kinds))
def test_the_parts_of_a_scan_are_the_batch_with_one_output_each(kinds: list[str]) -> None:
    passed = Passed(skipped_item("read", 0, BadOrder()), 0, BadOrder())
    results = [{"out": n, "dropped": None, "passed": passed}[k] for n, k in enumerate(kinds)]
    batch = Batch(range(len(kinds)), results, [n + 1 for n in range(len(kinds))])
    parts = list(batch.parts())
    assert [each for part in parts for each in part.items] == [*batch.items]
    assert [len(part.outputs) for part in parts] == [1] * len(batch.outputs)
    assert parts[-1].cursor == batch.cursor
    assert sum(part.filters for part in parts) == batch.filters == kinds.count("dropped")
    for part in parts:
        assert part.output_item == part.outputs[0]
        assert part.passing(passed).outputs == []
        assert len(part.passing(passed).passed) == len(part.passed) + 1


@settings(max_examples=40)
@given(
    bad_reads=st.sets(st.integers(0, 11)),
    bad_items=st.sets(st.integers(0, 11)),
    dropped=st.sets(st.integers(0, 11)),
    bad_writes=st.sets(st.integers(0, 11)),
    size=st.integers(1, 5),
    concurrency=st.sampled_from([1, 3]),
)
async def test_every_item_is_written_filtered_or_quarantined_once(
    bad_reads: set[int],
    bad_items: set[int],
    dropped: set[int],
    bad_writes: set[int],
    size: int,
    concurrency: int,
) -> None:
    line = Line()
    refused = refuse(*bad_items)
    step = a_step(
        Reader(range(12), bad_reads),
        size=size,
        process=lambda item: None if item in dropped else refused(item),
        write=Writer(*bad_writes),
        skip=Skip(BadOrder, limit=99),
        concurrency=concurrency,
    )
    end = await execute(step, line)
    counts = end.counts
    assert end.state is StepState.SUCCEEDED
    filtered = dropped - bad_reads
    gone = bad_reads | filtered | bad_items | bad_writes
    assert line.rows == [item for item in range(12) if item not in gone]
    assert counts.filters == len(filtered)
    assert counts.skips == len(line.skipped) == 12 - len(filtered) - len(line.rows)
    assert counts.reads == 12 - len(bad_reads)
    assert counts.writes == len(line.rows)
