"""Files in steps: readers that go on at a byte, writers that forget what was not committed."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard.batch.chunk_step import ChunkStep
from callboard.batch.context import StepContext
from callboard.batch.file_reading import BadLine, csv_rows, lines
from callboard.batch.files import FileChanged, FileWriter
from callboard.batch.retrying import Retry
from callboard.batch.skipping import Skip
from callboard.errors import InvalidInput
from callboard.store.contract_chunks import StepNotHeld
from support.batch_steps import Line, execute, step_of

TEXT = st.text(st.sampled_from('ab,"\r\nä€ '), max_size=6)


def a_file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "input"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_lines_come_without_their_ends_and_with_the_byte_behind_them(tmp_path: Path) -> None:
    path = a_file(tmp_path, "ä\r\nb\n\nlast")
    assert list(lines(path)(None)) == [("ä", 4), ("b", 6), ("", 7), ("last", 11)]


@pytest.mark.parametrize("text", ["", "a\nb\nc\n", "ä\r\n\r\nb"])
def test_lines_go_on_behind_any_cursor(tmp_path: Path, text: str) -> None:
    path = a_file(tmp_path, text)
    pairs = list(lines(path)(None))
    for number, (_, cursor) in enumerate(pairs, start=1):
        assert list(lines(path)(None, cursor)) == pairs[number:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_rows_go_on_behind_any_cursor_whatever_is_quoted(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([("x", "y"), *rows])
    path = a_file(tmp_path, text.getvalue())
    pairs = list(csv_rows(path)(None))
    assert [(row["x"], row["y"]) for row, _ in pairs] == rows
    for number, (_, cursor) in enumerate(pairs, start=1):
        assert list(csv_rows(path)(None, cursor)) == pairs[number:]


def test_a_file_without_a_header_is_given_one(tmp_path: Path) -> None:
    path = a_file(tmp_path, "1;2\n\n3;4\n")
    rows = [row for row, _ in csv_rows(path, fields=("a", "b"), delimiter=";")(None)]
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = a_file(tmp_path, b"\xef\xbb\xbfid\n1\n")
    assert list(csv_rows(path)(None)) == [({"id": "1"}, 8)]


def test_empty_files_have_no_rows(tmp_path: Path) -> None:
    assert list(csv_rows(a_file(tmp_path, ""))(None)) == []
    assert list(csv_rows(a_file(tmp_path, "id,name\n"))(None)) == []


def test_a_line_in_another_encoding_is_named_with_its_number(tmp_path: Path) -> None:
    path = a_file(tmp_path, b"a\nb\nna\xefve\nc\n")
    with closing(lines(path)(None, 4)) as reader:  # the number counts from the file's beginning
        with pytest.raises(BadLine, match=r"input line 3: byte 0xef at its position 3 is no utf-8"):
            next(reader)
        assert next(reader) == ("c", 12)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"1,2,3", "line 3: has 3 fields, not 2"),
        (b'"x"y,2', "line 3: ',' expected after '\"'"),
        (b"1,\xff", "line 3: byte 0xff"),
        (b'"1\n\xff\n",2', "line 4: byte 0xff"),
    ],
)
def test_a_bad_row_is_named_and_the_next_one_read(tmp_path: Path, bad: bytes, said: str) -> None:
    path = a_file(tmp_path, b"a,b\n1,2\n" + bad + b"\n3,4\n")
    with closing(csv_rows(path)(None, 8)) as reader:
        with pytest.raises(BadLine, match=said) as error:
            next(reader)
        assert error.value.cursor == 8 + len(bad) + 1
        assert next(reader)[0] == {"a": "3", "b": "4"}


def test_quotes_that_nobody_closes_end_with_the_file(tmp_path: Path) -> None:
    path = a_file(tmp_path, 'a\n"1\n2\n')
    with closing(csv_rows(path)(None)) as reader:
        with pytest.raises(BadLine, match="line 3: unexpected end of data"):
            next(reader)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLine, match="line 1: names two columns alike"):
        csv_rows(a_file(tmp_path, "a,a\n"))(None)


@pytest.mark.parametrize("reader", [lines, csv_rows])
def test_a_file_that_is_shorter_than_its_cursor_is_refused(tmp_path: Path, reader: Any) -> None:
    path = a_file(tmp_path, "a\n1\n")
    with pytest.raises(FileChanged, match="has 4 bytes, but a run before got as far as byte 9"):
        reader(path)(None, 9)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "nonsense", "cp037", 5])
def test_an_encoding_without_ascii_is_refused(encoding: Any) -> None:
    with pytest.raises(InvalidInput, match="encoding: is "):
        lines("x", encoding=encoding)


def test_a_format_that_csv_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidInput, match="format: "):
        csv_rows("x", colour="red")


def test_a_cursor_of_another_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cursor: is 'x'"):
        lines(a_file(tmp_path, "a"))(None, "x")


async def test_a_bad_row_is_quarantined_with_its_text(tmp_path: Path) -> None:
    line = Line()
    path = a_file(tmp_path, "id,n\n1,1\n2\n3,3\n")
    step = ChunkStep("load", read=csv_rows(path), write=put, size=10, skip=Skip(BadLine, limit=1))
    end = await execute(step, line)
    assert [row["id"] for row in line.rows] == ["1", "3"]
    assert (end.counts.reads, end.counts.read_skips) == (2, 1)
    assert [(each.phase, each.item) for each in line.skipped] == [("read", "2")]


async def put(items: list[Any], tx: Any) -> None:
    for item in items:
        tx.connection.append(item)


# the writer


def a_dump(path: Path, items: int = 5, **more: Any) -> ChunkStep:
    write = FileWriter(path, encode=lambda item: f"{item}\n")
    return ChunkStep("dump", read=range(1, items + 1), write=write, size=2, **more)


async def test_a_step_writes_a_file(tmp_path: Path) -> None:
    line = Line()
    end = await execute(a_dump(tmp_path / "out"), line)
    assert end.error is None
    assert (tmp_path / "out").read_text() == "1\n2\n3\n4\n5\n"
    assert end.counts.writes == 5
    assert line.checkpoint.context == {"file.output": 10}


async def test_what_lies_beyond_the_checkpoint_is_cut_off_by_a_restart(tmp_path: Path) -> None:
    line, path = Line(), tmp_path / "out"

    def lost(rows: list[Any]) -> None:
        if len(line.checkpoints) == 1:
            raise RuntimeError("the commit failed")

    line.at_commit = lost
    end = await execute(a_dump(path), line)
    assert isinstance(end.error, RuntimeError)
    with path.open("ab") as file:  # as a process leaves it that is killed in the middle of a write
        file.write(b"3\n4")
    line.at_commit = lambda rows: None
    await execute(a_dump(path), line)
    assert path.read_text() == "1\n2\n3\n4\n5\n"


async def test_a_new_instance_begins_with_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("of yesterday\n")
    await execute(a_dump(path, items=1))
    assert path.read_text() == "1\n"


async def test_a_chunk_that_is_tried_again_is_in_the_file_once(tmp_path: Path) -> None:
    line, failures = Line(), iter([RuntimeError("not yet")])

    def fail_once(rows: list[Any]) -> None:
        for failure in failures:
            raise failure

    line.at_commit = fail_once
    end = await execute(a_dump(tmp_path / "out", retry=Retry(backoff="none")), line)
    assert end.counts.retries == 1
    assert (tmp_path / "out").read_text() == "1\n2\n3\n4\n5\n"


async def test_a_node_that_has_lost_the_step_cuts_nothing_off(tmp_path: Path) -> None:
    """Whoever has the step now may have written there already."""
    line, path = Line(), tmp_path / "out"

    def lost(rows: list[Any]) -> None:
        with path.open("ab") as file:
            file.write(b"of its successor\n")
        raise StepNotHeld(1)

    line.at_commit = lost
    with pytest.raises(StepNotHeld):
        await execute(a_dump(path, retry=Retry(), skip=Skip(Exception)), line)
    assert path.read_text() == "1\n2\nof its successor\n"


async def test_an_item_that_cannot_be_encoded_leaves_nothing_in_the_file(tmp_path: Path) -> None:
    line, path = Line(), tmp_path / "out"
    write = FileWriter(path, encode=lambda item: f"{6 // (item - 2)}\n")
    step = ChunkStep(
        "dump", read=range(1, 6), write=write, size=3, skip=Skip(ZeroDivisionError, limit=1)
    )
    end = await execute(step, line)
    assert path.read_text() == "-6\n6\n3\n2\n"
    assert (end.counts.writes, end.counts.write_skips) == (4, 1)
    assert line.checkpoint.context == {"file.output": path.stat().st_size}


async def test_a_file_that_was_cut_meanwhile_is_refused(tmp_path: Path) -> None:
    line, path = Line(), tmp_path / "out"
    await execute(a_dump(path), line)
    path.write_text("1\n")
    end = await execute(a_dump(path), line)
    assert isinstance(end.error, FileChanged)
    path.unlink()
    assert isinstance((await execute(a_dump(path), line)).error, FileChanged)


async def test_an_imperative_step_writes_a_file_chunk_by_chunk(tmp_path: Path) -> None:
    """What a chunk wrote that did not commit is cut off as soon as the file is opened again."""
    line, path = Line(), tmp_path / "out"

    @step_of
    async def nothing(ctx: StepContext) -> None:
        async with FileWriter(path).open(ctx):
            assert path.read_text() == "1\n2\n"

    @step_of
    async def dump(ctx: StepContext) -> None:
        async with FileWriter(path).open(ctx) as out:
            async for chunk in ctx.chunks(range(1, 5), size=2):
                async with out.chunk(chunk):
                    out.write("".join(f"{item}\n" for item in chunk))
                    assert 4 not in chunk, "the second chunk fails"

    end = await execute(dump, line)
    assert isinstance(end.error, AssertionError)
    assert line.checkpoint.context == end.context == {"file.output": 4}
    assert (await execute(nothing, line)).error is None


def test_a_file_writer_of_a_step_says_how_items_are_written() -> None:
    with pytest.raises(InvalidInput, match="write: is a FileWriter without `encode`"):
        ChunkStep("dump", read=[], write=FileWriter("out"))
