"""stdout, stderr and logging of handlers are their run's log; all else passes unchanged."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from callboard.runners.capture import Capture
from callboard.runners.context import RunContext, current
from callboard.runners.log import RunLog
from callboard.runners.routed_logging import RunLogHandler
from callboard.runners.routed_stream import RoutedStream
from callboard.store.contract import LogLine
from callboard.testing import VirtualClock
from runners.rig import TRACE_ID, Rig, eventually

InRun: TypeAlias = Callable[[Callable[[], object]], list[LogLine]]

logger = logging.getLogger("shop.loader")


@pytest.fixture
def capture() -> Iterator[Capture]:
    capture = Capture()
    capture.open()
    yield capture
    capture.close()


def log_of(work: Callable[[], object]) -> list[LogLine]:
    """What `work` leaves in the log of its run."""
    lines: list[LogLine] = []
    log = RunLog(1, clock=VirtualClock(), emit=lambda chunk: lines.extend(chunk.lines))
    context = RunContext(run_id=1, job="a-job", group="default", trace_id=TRACE_ID, output=log)
    token = current.set(context)
    try:
        work()
    finally:
        current.reset(token)
        log.close()
    return lines


@pytest.fixture
def in_run(capture: Capture) -> InRun:
    """log_of with `capture`, renewed because pytest has replaced the streams since its opening."""

    def in_run(work: Callable[[], object]) -> list[LogLine]:
        capture.renew()
        return log_of(work)

    return in_run


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def test_prints_of_a_coroutine_handler_are_its_log(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    async def load() -> None:
        print("out")
        await asyncio.sleep(0)
        print("err", file=sys.stderr)

    _, attempt = await rig.call(load)
    assert (attempt.texts("stdout"), attempt.texts("stderr")) == (["out"], ["err"])
    assert capsys.readouterr().out == ""


async def test_prints_of_a_thread_are_its_log(rig: Rig) -> None:
    _, attempt = await rig.call(lambda: print("out"))
    assert attempt.texts("stdout") == ["out"]


async def test_runs_beside_each_other_do_not_mix(rig: Rig) -> None:
    async def load(word: str) -> None:
        for _ in range(10):
            print(word)
            await asyncio.sleep(0)

    rig.registry.register("load", load)
    attempts = [rig.begin_call(load, word=word) for word in ("one", "two")]
    for attempt in attempts:
        await attempt.outcome()
    assert [attempt.texts() for attempt in attempts] == [["one"] * 10, ["two"] * 10]


async def test_what_an_import_prints_is_in_the_log(rig: Rig) -> None:
    from runners.rig import python_job

    sys.modules.pop("this", None)
    _, attempt = await rig.execute(python_job("this:d.get"))
    assert attempt.texts("stdout")[0].startswith("The Zen of Python")


def test_outside_of_runs_output_passes(
    capture: Capture, capsys: pytest.CaptureFixture[str]
) -> None:
    capture.renew()
    print("hello")
    assert capsys.readouterr().out == "hello\n"


def test_bytes_written_to_the_buffer_are_captured(in_run: InRun) -> None:
    lines = in_run(lambda: sys.stdout.buffer.write("čau\n".encode()))
    assert texts(lines) == ["čau"]


def test_a_run_is_no_terminal_and_cannot_close_the_streams(in_run: InRun) -> None:
    seen: list[bool] = []

    def load() -> None:
        seen.append(sys.stdout.isatty())
        sys.stdout.close()

    in_run(load)
    assert seen == [False]
    assert not sys.stdout.closed


def test_echo_prints_to_the_original_too(capsys: pytest.CaptureFixture[str]) -> None:
    capture = Capture(echo=True)
    capture.open()
    try:
        assert texts(log_of(lambda: print("twice"))) == ["twice"]
    finally:
        capture.close()
    assert capsys.readouterr().out == "twice\n"


def test_after_the_run_its_leftovers_print_to_the_original(
    in_run: InRun, capsys: pytest.CaptureFixture[str]
) -> None:
    def close_and_print() -> None:
        context = current.get()
        assert context is not None
        context.output.close()
        print("from beyond")

    assert in_run(close_and_print) == []
    assert capsys.readouterr().out == "from beyond\n"


def test_closing_puts_back_what_was_there() -> None:
    before = (sys.stdout, sys.stderr, list(logging.getLogger().handlers))
    capture = Capture()
    capture.open()
    assert isinstance(sys.stdout, RoutedStream)
    capture.close()
    assert (sys.stdout, sys.stderr, list(logging.getLogger().handlers)) == before


def test_closing_twice_is_harmless() -> None:
    first, second = Capture(), Capture()
    first.open()
    second.open()
    first.close()
    first.close()
    assert isinstance(sys.stdout, RoutedStream)
    second.close()
    assert not isinstance(sys.stdout, RoutedStream)


def test_two_boards_share_and_the_last_one_puts_back() -> None:
    first, second = Capture(), Capture()
    before = sys.stdout
    first.open()
    second.open()
    assert texts(log_of(lambda: print("once"))) == ["once"]
    first.close()
    assert texts(log_of(lambda: print("still"))) == ["still"]
    second.close()
    assert sys.stdout is before


def test_a_replaced_stream_is_routed_again_by_renew(in_run: InRun) -> None:
    theirs = io.StringIO()
    before, sys.stdout = sys.stdout, theirs
    try:
        assert texts(in_run(lambda: print("captured"))) == ["captured"]
        print("theirs")
    finally:
        sys.stdout = before
    assert theirs.getvalue() == "theirs\n"


def test_somebody_elses_replacement_stays_when_we_close() -> None:
    capture = Capture()
    before = sys.stdout
    capture.open()
    sys.stdout = theirs = io.StringIO()
    try:
        capture.close()
        assert sys.stdout is theirs
    finally:
        sys.stdout = before


def test_without_standard_streams_it_works_too() -> None:
    before, sys.stdout = sys.stdout, None
    capture = Capture()
    try:
        capture.open()
        print("into the void", flush=True)
        assert texts(log_of(lambda: print("captured", flush=True))) == ["captured"]
        capture.close()
        assert sys.stdout is None
    finally:
        sys.stdout = before


def test_log_records_keep_their_level(in_run: InRun) -> None:
    lines = in_run(lambda: logger.warning("%d rows", 7))
    assert [(line.stream, line.level, line.text) for line in lines] == [
        ("log", "WARNING", "7 rows")
    ]


def test_log_records_bring_their_traceback(in_run: InRun) -> None:
    def load() -> None:
        try:
            raise LookupError("no shop")
        except LookupError:
            logger.exception("it failed")

    lines = texts(in_run(load))
    assert lines[0] == "it failed"
    assert lines[-1] == "LookupError: no shop"


def test_the_loggers_own_level_decides(in_run: InRun) -> None:
    assert in_run(lambda: logger.debug("too much detail")) == []


def test_the_contexts_logger_takes_every_level(in_run: InRun) -> None:
    def load() -> None:
        context = current.get()
        assert context is not None
        context.log.debug("every %s", "detail")

    lines = in_run(load)
    assert [(line.level, line.text) for line in lines] == [("DEBUG", "every detail")]


def test_other_handlers_find_the_trace_id(in_run: InRun, caplog: pytest.LogCaptureFixture) -> None:
    in_run(lambda: logger.warning("traced"))
    assert caplog.records[0].__dict__["trace_id"] == TRACE_ID


def test_a_trace_id_of_the_record_itself_stays(
    in_run: InRun, caplog: pytest.LogCaptureFixture
) -> None:
    in_run(lambda: logger.warning("traced", extra={"trace_id": "own"}))
    assert caplog.records[0].__dict__["trace_id"] == "own"


def test_a_wrong_call_of_logging_does_not_fail_the_run(
    in_run: InRun, capsys: pytest.CaptureFixture[str]
) -> None:
    before = logging.getLogger().handlers[1:]
    del logging.getLogger().handlers[1:]  # pytest's own handler raises on such calls
    try:
        lines = in_run(lambda: logger.warning("%d rows", "no number"))
    finally:
        logging.getLogger().handlers[1:] = before
    assert any("Logging error" in line.text for line in lines if line.stream == "stderr")


def test_the_handler_stands_once_at_the_root() -> None:
    first, second = Capture(), Capture()
    first.open()
    second.open()
    ours = [item for item in logging.getLogger().handlers if isinstance(item, RunLogHandler)]
    first.close()
    second.close()
    assert len(ours) == 1
    assert not any(isinstance(item, RunLogHandler) for item in logging.getLogger().handlers)


def test_without_other_handlers_warnings_still_reach_stderr(
    in_run: InRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's last resort, which our handler at the root would switch off."""
    said: list[str] = []

    class Last(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    monkeypatch.setattr(logging, "lastResort", Last(logging.WARNING))
    root = logging.getLogger()
    ours = [item for item in root.handlers if isinstance(item, RunLogHandler)]
    monkeypatch.setattr(root, "handlers", ours)
    logger.warning("outside")
    assert said == ["outside"]
    assert texts(in_run(lambda: logger.warning("inside"))) == ["inside"]
    assert said == ["outside"]


async def test_a_flood_of_a_thread_leaves_memory_flat(rig: Rig) -> None:
    """R05."""
    import tracemalloc

    def flood() -> None:
        for _ in range(100):
            sys.stdout.write("x" * 99 + "\n" + "y" * 1_000_000)

    tracemalloc.start()
    try:
        _, attempt = await rig.call(flood)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert "bytes of output were dropped" in attempt.texts("log")[-1]


async def test_a_live_tail_sees_lines_while_the_handler_runs(rig: Rig) -> None:
    go_on = asyncio.Event()

    async def load() -> None:
        print("begun")
        await go_on.wait()

    attempt = rig.begin_call(load)
    await attempt.printed("begun")
    assert not attempt.is_over
    go_on.set()
    await attempt.outcome()
    await eventually(lambda: attempt.is_over)
