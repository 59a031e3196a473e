"""RunLog: lines, chunks, limits (A11, R05)."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.runners.log import MAX_LINE_CHARACTERS, RunLog
from callboard.store.contract import LogChunk
from callboard.testing import START, VirtualClock


class Written:
    """A log and what came out of it."""

    def __init__(self, **limits: int) -> None:
        self.chunks: list[LogChunk] = []
        self.log = RunLog(7, clock=VirtualClock(), emit=self.chunks.append, **limits)

    @property
    def texts(self) -> list[str]:
        return [line.text for chunk in self.chunks for line in chunk.lines]

    @property
    def seqs(self) -> list[int]:
        return [line.seq for chunk in self.chunks for line in chunk.lines]

    def closed(self) -> list[str]:
        self.log.close()
        return self.texts


@pytest.fixture
def written() -> Written:
    return Written()


def in_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_a_line_has_number_instant_and_stream(written: Written) -> None:
    written.log.write("stdout", "hello\n")
    written.log.flush()
    line = written.chunks[0].lines[0]
    assert (line.seq, line.at, line.stream, line.level, line.text) == (
        1,
        START,
        "stdout",
        None,
        "hello",
    )
    assert written.chunks[0].run_id == 7


def test_pieces_of_a_line_are_one_line(written: Written) -> None:
    for piece in ("he", "l", "lo\nwor"):
        written.log.write("stdout", piece)
    assert written.closed() == ["hello", "wor"]


def test_the_streams_do_not_mix_their_lines(written: Written) -> None:
    written.log.write("stdout", "out")
    written.log.write("stderr", "err\n")
    written.log.write("stdout", "put\n")
    assert written.closed() == ["err", "output"]


def test_a_record_keeps_its_level_on_each_of_its_lines(written: Written) -> None:
    written.log.record("ERROR", "it failed\nTraceback")
    written.log.flush()
    lines = written.chunks[0].lines
    assert [(line.stream, line.level, line.text) for line in lines] == [
        ("log", "ERROR", "it failed"),
        ("log", "ERROR", "Traceback"),
    ]


def test_a_flush_does_not_tear_a_line_that_is_being_written(written: Written) -> None:
    written.log.write("stdout", "half")
    written.log.flush()
    written.log.write("stdout", " of it\n")
    written.log.flush()
    assert written.texts == ["half of it"]


def test_a_prompt_is_shown_by_the_second_flush(written: Written) -> None:
    written.log.write("stdout", "password: ")
    written.log.flush()
    assert written.texts == []
    written.log.flush()
    assert written.texts == ["password: "]


def test_without_lines_no_chunk_is_emitted(written: Written) -> None:
    written.log.flush()
    written.log.close()
    assert written.chunks == []


def test_carriage_returns_before_newlines_go(written: Written) -> None:
    written.log.write("stdout", "dos\r\nunix\n")
    assert written.closed() == ["dos", "unix"]


def test_nul_and_half_surrogates_become_replacement_characters(written: Written) -> None:
    written.log.write("stdout", "a\x00b\udcffc\n")
    assert written.closed() == ["a\ufffdb\ufffdc"]


def test_ansi_stays_as_it_is(written: Written) -> None:
    written.log.write("stdout", "\x1b[31mred\x1b[0m <b>\n")
    assert written.closed() == ["\x1b[31mred\x1b[0m <b>"]


def test_a_line_of_10_mb_is_cut_into_bounded_pieces() -> None:
    written = Written(limit_bytes=32_000_000)
    written.log.write("stdout", "x" * 10_000_000)
    texts = written.closed()
    assert max(map(len, texts)) <= MAX_LINE_CHARACTERS
    assert "".join(texts) == "x" * 10_000_000


def test_a_full_chunk_leaves_at_once_on_the_loops_thread() -> None:
    written = Written(chunk_bytes=100)
    written.log.write("stdout", "x" * 99 + "\n")
    assert len(written.chunks) == 1


def test_a_full_chunk_of_another_thread_waits_for_the_flush() -> None:
    written = Written(chunk_bytes=100)
    in_thread(lambda: written.log.write("stdout", "x" * 99 + "\n"))
    assert written.chunks == []
    written.log.flush()
    assert len(written.chunks) == 1


def test_past_the_limit_one_last_line_counts_what_was_dropped() -> None:
    written = Written(limit_bytes=1_000)
    for _ in range(1_000):
        written.log.write("stdout", "y" * 99 + "\n")
    *kept, last = written.closed()
    assert sum(map(len, kept)) <= 1_000
    assert f"{100_000 - 100 * len(kept)} bytes of output were dropped" in last


def test_what_was_kept_is_the_beginning() -> None:
    written = Written(limit_bytes=1_000)
    text = "".join(f"{number}\n" for number in range(1_000)) + "\n\n"
    written.log.write("stdout", text)
    *kept, _ = written.closed()
    assert kept == [str(number) for number in range(len(kept))]


def test_empty_lines_cost_something_too() -> None:
    written = Written(limit_bytes=1_000)
    written.log.write("stdout", "\n" * 1_000_000)
    assert len(written.closed()) < 100


def test_drops_of_the_writer_are_counted() -> None:
    written = Written(limit_bytes=10)
    written.log.drop(5_000_000)
    assert "5000000 bytes" in written.closed()[0]


def test_a_flood_that_nobody_fetches_is_bounded_and_its_gap_is_marked() -> None:
    written = Written(limit_bytes=100_000_000)

    def flood() -> None:
        for _ in range(4_000):
            written.log.write("stdout", "z" * 1_000 + "\n")

    in_thread(flood)
    written.log.flush()
    written.log.write("stdout", "later\n")
    *before, mark, later = written.closed()
    assert sum(map(len, before)) <= 1_100_000
    assert f"{4_004_000 - 1_001 * len(before)} bytes of output are missing here" in mark
    assert later == "later"


def test_after_close_nothing_is_written(written: Written) -> None:
    written.log.close()
    written.log.write("stdout", "late\n")
    written.log.record("INFO", "late")
    written.log.flush()
    written.log.close()
    assert written.chunks == []


def test_a_destructor_that_prints_within_a_write_does_not_deadlock(written: Written) -> None:
    class Noisy(VirtualClock):
        def now(self) -> datetime:
            if not written.log.is_full:
                written.log.is_full = True
                written.log.write("stderr", "from within")
            return super().now()

    written.log._clock = Noisy()
    written.log.write("stdout", "outer\n")
    assert written.closed()[0] == "outer"


def test_threads_write_whole_lines_and_numbers_have_no_gap(written: Written) -> None:
    def write() -> None:
        for number in range(200):
            written.log.write("stdout", f"{threading.get_ident()} {number}\n")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = written.closed()
    assert written.seqs == list(range(1, 1_601))
    assert all(len(text.split()) == 2 for text in texts)


@given(st.lists(st.text(max_size=30) | st.just("\n"), max_size=30), st.integers(1, 200))
def test_however_it_is_cut_the_text_is_the_same(pieces: list[str], chunk_bytes: int) -> None:
    written = Written(chunk_bytes=chunk_bytes)
    for piece in pieces:
        written.log.write("stdout", piece)
    whole = "".join(pieces).replace("\x00", "\ufffd")
    lines = whole.split("\n")
    complete = lines if lines[-1] else lines[:-1]
    assert written.closed() == [line.removesuffix("\r") for line in complete]
    assert written.seqs == list(range(1, len(written.texts) + 1))
