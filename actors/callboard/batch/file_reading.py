"""Readers of text files for steps: lines and CSV rows, with the byte behind each as its cursor.

A restart seeks there, however long the file is. A line or a row that cannot be read raises
BadLine; the next one can be read all the same, so that a Skip may pass over it.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callboard.batch.files import FileChanged, PathOf, path_of
from callboard.domain.json import Json
from callboard.errors import CallboardError, invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

_BUFFER: Final = 2**18
_COUNTED_AT_ONCE: Final = 2**20
_BOM: Final = codecs.BOM_UTF8
_PLAIN: Final = bytes(range(128))


class BadLine(CallboardError):
    """A line, or a row, that is not what the file should have there."""

    def __init__(self, path: Path, line: int, reason: str, item: str, cursor: int) -> None:
        """Args:
        line: its number, from 1; of a row, of its last line.
        item: its text, as far as it can be shown.
        cursor: byte behind it, where reading goes on.
        """
        self.path = path
        self.line = line
        self.reason = reason
        self.item = item
        self.cursor = cursor
        super().__init__(f"{path} line {line}: {reason}")


def lines(path: PathOf, *, encoding: str = "utf-8", name: str = "lines") -> Lines:
    """A reader of the lines of a text file, without their ends; the last one needs none.

    Args:
        path: of the file; or a function of the step's context that gives it.
        encoding: one that has ASCII in it, as UTF-8 has and UTF-16 has not. A byte order mark at
            the beginning of a file in UTF-8 is passed over.
        name: tells the readers of one step apart; the cursor is kept under it.
    """
    return Lines(path, checked_encoding(encoding), name)


def csv_rows(
    path: PathOf,
    *,
    fields: Sequence[str] | None = None,
    encoding: str = "utf-8",
    name: str = "csv_rows",
    **format: Any,
) -> CsvRows:
    """A reader of the rows of a CSV file, each as a dict; empty lines are left out.

    Quoted fields may have line ends in them.

    Args:
        path, encoding, name: as of `lines`.
        fields: names of the columns of a file whose first row does not have them.
        format: as of `csv.reader`: delimiter, quotechar, ...; `strict` is True.
    """
    columns = None if fields is None else tuple(fields)
    form = checked_format({"strict": True, **format})
    return CsvRows(path, columns, checked_encoding(encoding), name, form)


class Lines:
    """Opens the lines of a file."""

    __slots__ = ("__name__", "_encoding", "_path", "name")

    def __init__(self, path: PathOf, encoding: str, name: str) -> None:
        self.name = self.__name__ = name
        self._path = path
        self._encoding = encoding

    def __call__(self, ctx: StepContext | None, after: Json = None) -> LineReader:
        """Raises FileChanged, OSError."""
        return LineReader(path_of(self._path, ctx), self._encoding, _offset(after))


class CsvRows:
    """Opens the rows of a file."""

    __slots__ = ("__name__", "_encoding", "_fields", "_format", "_path", "name")

    def __init__(
        self,
        path: PathOf,
        fields: Sequence[str] | None,
        encoding: str,
        name: str,
        format: dict[str, Any],
    ) -> None:
        self.name = self.__name__ = name
        self._path = path
        self._fields = fields
        self._encoding = encoding
        self._format = format

    def __call__(self, ctx: StepContext | None, after: Json = None) -> RowReader:
        """Raises FileChanged, OSError, BadLine (of its first row)."""
        offset = _offset(after)
        source = LineReader(path_of(self._path, ctx), self._encoding, offset)
        try:
            return RowReader(source, self._fields, offset, self._format)
        except BaseException:
            source.close()
            raise


class LineReader(Iterator[tuple[str, int]]):
    """The lines of an open file with the byte behind each; it goes on behind an error, and closes
    the file at its end."""

    __slots__ = ("_file", "encoding", "offset", "path")

    def __init__(self, path: Path, encoding: str, offset: int) -> None:
        self.path = path
        self.offset = 0
        """Byte behind the last line."""
        self.encoding = encoding
        self._file = BufferedReader(path.open("rb", buffering=0), _BUFFER)
        self.seek(offset)

    def __next__(self) -> tuple[str, int]:
        raw = self.next_raw()
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise self.undecoded(error, raw) from error
        if text.endswith("\n"):
            text = text[:-2] if text.endswith("\r\n") else text[:-1]
        return text, self.offset

    def next_raw(self) -> bytes:
        """The next line with its end."""
        try:
            raw = self._file.readline()
        except ValueError:  # it was closed at the end
            raise StopIteration from None
        if not raw:
            self.close()
            raise StopIteration
        self.offset += len(raw)
        return raw

    def undecoded(self, error: UnicodeDecodeError, raw: bytes) -> BadLine:
        """The error for the line that was read last, which cannot be decoded."""
        return self.bad(_said_of(error), self.shown(raw))

    def shown(self, raw: bytes) -> str:
        return raw.decode(self.encoding, "replace")

    def bad(self, reason: str, item: str) -> BadLine:
        """The error for the line that was read last."""
        line = _count_lines(self.path, self.offset)
        return BadLine(self.path, line, reason, item, self.offset)

    def seek(self, offset: int) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < offset:
            self.close()
            raise FileChanged(self.path, size, offset)
        self._file.seek(offset)
        self.offset = offset
        if offset == 0 and self.encoding == "utf-8" and self._file.peek(3).startswith(_BOM):
            self._file.seek(len(_BOM))
            self.offset = len(_BOM)

    def close(self) -> None:
        self._file.close()


class RowReader(Iterator[tuple[dict[str, str], int]]):
    """The rows of an open CSV file with the byte behind each; likewise."""

    __slots__ = ("_bad", "_fields", "_raw", "_rows", "_source")

    def __init__(
        self,
        source: LineReader,
        fields: Sequence[str] | None,
        after: int,
        format: dict[str, Any],
    ) -> None:
        self._source = source
        self._raw: list[bytes] = []
        self._bad: BadLine | None = None
        self._rows = csv.reader(self._lines(), **format)
        if fields is not None:
            self._fields = tuple(fields)
            return
        source.seek(0)
        self._fields = self._header()
        if after:
            source.seek(after)

    def __next__(self) -> tuple[dict[str, str], int]:
        row, fields = self._row(), self._fields
        if len(row) != len(fields):
            reason = f"has {len(row)} fields, not {len(fields)}"
            raise self._source.bad(reason, self._text())
        return dict(zip(fields, row, strict=False)), self._source.offset

    def close(self) -> None:
        self._source.close()

    def _header(self) -> tuple[str, ...]:
        try:
            fields = tuple(self._row())
        except StopIteration:
            return ()
        if len(set(fields)) < len(fields):
            raise self._source.bad("names two columns alike", self._text())
        return fields

    def _row(self) -> list[str]:
        self._raw.clear()
        self._bad = None
        try:
            row = next(filter(None, self._rows))
        except csv.Error as error:
            raise self._source.bad(str(error), self._text()) from error
        if self._bad is not None:
            raise self._bad_row(self._bad)
        return row

    def _lines(self) -> Iterator[str]:
        """For csv.reader, which takes as many as the row in hand has, and not one more."""
        source, keep, encoding = self._source, self._raw.append, self._source.encoding
        while True:
            try:
                raw = source.next_raw()
            except StopIteration:
                return
            keep(raw)
            try:
                yield raw.decode(encoding)
            except UnicodeDecodeError as error:
                # The row goes on all the same: its end is where its quotes say.
                self._bad = self._bad or source.undecoded(error, raw)
                yield source.shown(raw)

    def _bad_row(self, bad: BadLine) -> BadLine:
        """Of a row with a line that could not be decoded; its end is known now."""
        return BadLine(bad.path, bad.line, bad.reason, self._text(), self._source.offset)

    def _text(self) -> str:
        """What the row in hand was made of."""
        return "".join(map(self._source.shown, self._raw)).strip("\r\n")


def checked_encoding(encoding: str) -> str:
    """Its one name. Raises InvalidInput for one that is unknown, or has no ASCII in it."""
    fix = "name one of Python's text encodings that ASCII is a part of: utf-8, cp1252, euc-kr ..."
    try:
        name = codecs.lookup(encoding).name
        is_plain = _PLAIN.decode(name) == _PLAIN.decode()
    except (LookupError, TypeError, ValueError):
        raise invalid("encoding", f"is {encoding!r}, which is unknown", fix) from None
    if name == "utf-8-sig":
        return "utf-8"
    if not is_plain:
        raise invalid("encoding", f"is {encoding!r}, in which ASCII is not itself", fix)
    return name


def checked_format(format: dict[str, Any]) -> dict[str, Any]:
    try:
        csv.reader((), **format)
    except (TypeError, ValueError, csv.Error) as error:
        raise invalid("format", str(error), "see csv.reader") from error
    return format


def _offset(after: Json) -> int:
    if after is None:
        return 0
    if type(after) is not int or after < 0:
        reason = f"is {after!r}, not the byte at which to go on"
        raise invalid("cursor", reason, "was it another reader's?")
    return after


def _said_of(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    return f"byte 0x{byte:02x} at its position {error.start + 1} is no {error.encoding}"


def _count_lines(path: Path, offset: int) -> int:
    """Number of the line that ends at that byte; counted only for an error's sake."""
    count, left = 0, offset
    with path.open("rb") as file:
        last = b"\n"
        while left and (block := file.read(min(left, _COUNTED_AT_ONCE))):
            count += block.count(b"\n")
            left -= len(block)
            last = block[-1:]
    return count + (last != b"\n")
