"""Where a command's words go: answers to stdout, everything else to stderr.

On a terminal tables have colours and fit its width; in a pipe or a file they are plain text,
columns two spaces apart and nothing cut off. With `--json` stdout has the API's resources, and
stderr the API's problem when there is one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from callboard_service.cli.text import harmless, harmless_json, one_line

if TYPE_CHECKING:
    from rich.table import Table

    from callboard_service.cli.failures import CliFailure

STYLES: Final = {
    "queued": "blue",
    "held": "blue",
    "running": "cyan",
    "started": "cyan",
    "stopping": "yellow",
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "stopped": "yellow",
    "lost": "magenta",
    "abandoned": "dim",
    "parked": "magenta",
    "active": "green",
    "inactive": "dim",
    "paused": "yellow",
    "completed": "dim",
    "fired": "green",
    "skipped": "yellow",
    "pending": "dim",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "created": "green",
    "changed": "yellow",
    "unchanged": "dim",
    "deleted": "red",
    "stale": "yellow",
}
"""Colours of the words that stand for a state."""
_CODES: Final = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "dim": "2",
}


class Output:
    """One command's."""

    def __init__(self, *, as_json: bool = False, utc: bool = False) -> None:
        self.as_json = as_json
        self.utc = utc
        self.is_terminal = sys.stdout.isatty()

    def document(self, value: bytes | object) -> None:
        """One JSON document, in one line."""
        if isinstance(value, bytes):
            text = value.decode().rstrip("\n")
        else:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        sys.stdout.buffer.write(harmless_json(text).encode() + b"\n")
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line of an answer, at once."""
        print(text, flush=True)

    def written(self, text: str, *, to_stderr: bool = False, raw: bool = False) -> None:
        """A line that a run wrote; `raw`: to the letter, whatever it does to a terminal."""
        stream = sys.stderr if to_stderr else sys.stdout
        print(text if raw else harmless(text), file=stream, flush=True)

    def note(self, text: str) -> None:
        """Something besides the answer."""
        print("\n".join(map(one_line, text.split("\n"))), file=sys.stderr, flush=True)

    def failure(self, failure: CliFailure) -> None:
        """Why there is no answer."""
        if self.as_json:
            self.note(json.dumps(dict(failure.document()), ensure_ascii=False))
            return
        for index, text in enumerate(failure.lines()):
            self.note(f"callboard: {one_line(text)}" if index == 0 else one_line(text))

    def state(self, word: str, width: int = 0) -> str:
        """The word of a state, coloured on a terminal."""
        style = STYLES.get(word, "")
        padding = " " * (width - len(word))
        if not self.is_terminal or style not in _CODES:
            return word + padding
        return f"\x1b[{_CODES[style]}m{word}\x1b[0m{padding}"

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under their headings; the headings alone when there are none."""
        cells = [[one_line("-" if cell in (None, "") else cell) for cell in row] for row in rows]
        if self.is_terminal:
            self._print_rich(_rich_table(columns, cells))
        else:
            for text in _plain_table([list(columns), *cells]):
                self.line(text)

    def facts(self, pairs: Iterable[tuple[str, object]]) -> None:
        """One thing, a fact a line; empty ones are left out."""
        shown = [(name, one_line(value)) for name, value in pairs if value not in (None, "")]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.line(f"{name:{width}}  {self.state(value)}")

    def _print_rich(self, table: Table) -> None:
        from rich.console import Console

        Console(highlight=False).print(table)


def _rich_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return table


def _plain_table(rows: list[list[Any]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
