"""The live picture of `tail` on a terminal: a table of what runs, below what has happened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from callboard_service.cli.live_runs import LiveRun, LiveRuns
from callboard_service.cli.text import harmless, one_line, shorten, show_duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MOST_ROWS: Final = 15
BAR: Final = 24
NOTE: Final = 40


class Picture(Protocol):
    """What is on the terminal below the lines that were printed."""

    def draw(self, now: datetime) -> None:
        """Make it anew."""
        ...


@contextmanager
def live_table(runs: LiveRuns, console: Console | None = None) -> Iterator[Picture]:
    """A table of the runs while the block runs; what is printed meanwhile stands above it."""
    from rich.console import Console
    from rich.live import Live

    console = console or Console(highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _Drawn(runs, live)


class _Drawn:
    def __init__(self, runs: LiveRuns, live: object) -> None:
        self._runs = runs
        self._live = live

    def draw(self, now: datetime) -> None:
        rows = min(MOST_ROWS, max(1, shutil.get_terminal_size().lines - 6))
        picture = table_of(list(self._runs), now, rows)
        self._live.update(picture, refresh=True)  # type: ignore[attr-defined]  # rich is imported late


def table_of(runs: Sequence[LiveRun], now: datetime, most: int) -> RenderableType:
    """The runs as a table of at most so many rows; nothing where there are none."""
    from rich.box import SIMPLE_HEAD
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    if not runs:
        return Text("nothing runs", style="dim")
    title = f"{len(runs)} running" if len(runs) <= most else f"{len(runs)} running, {most} shown"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", expand=True)
    for heading, justify in (("RUN", "right"), ("JOB", "left"), ("TIME", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("PROGRESS", min_width=BAR)
    for heading in ("DONE", "RATE", "LEFT"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("NOTE", ratio=1, no_wrap=True, overflow="ellipsis")
    for run in islice(runs, most):
        share = run.share
        bar = Text("") if run.done is None else _bar(ProgressBar, share, now)
        style = "yellow" if run.state == "stopping" else "cyan"
        table.add_row(
            str(run.id),
            Text(shorten(one_line(run.job), NOTE), style=style),
            show_duration(max(0.0, (now - run.started_at).total_seconds())),
            bar,
            done_text(run),
            rate_text(run),
            left_text(run, now),
            Text(harmless(run.note)),
        )
    return table


def done_text(run: LiveRun) -> str:
    """`40 %`, or how much, where it is not known of how much."""
    if run.done is None:
        return ""
    return f"{run.done:,.6g}" if run.share is None else f"{100 * run.share:.0f} %"


def rate_text(run: LiveRun) -> str:
    return "" if run.per_s is None else f"{run.per_s:,.3g}/s"


def left_text(run: LiveRun, now: datetime) -> str:
    left_s = run.left_s(now)
    if left_s is None:
        return ""
    return show_duration(left_s) if left_s >= 1 else "< 1 s"


def _bar(kind: type, share: float | None, now: datetime) -> RenderableType:
    bar: RenderableType = kind(
        total=None if share is None else 1.0,
        completed=share or 0.0,
        width=BAR,
        animation_time=now.timestamp(),
    )
    return bar
