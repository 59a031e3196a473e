"""Progress on a terminal's stderr; nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from callboard_service.cli.text import harmless

Told = Callable[[Mapping[str, Any] | None], None]

FEW: Final = 20
"""So many steps are over before anybody wonders."""


@contextmanager
def steps(total: int, what: str) -> Iterator[Callable[[], None]]:
    """A bar over `total` steps while the block runs; call what it gives after each step."""
    if total <= FEW or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar while the block runs; what it gives takes how much is over, and of how much."""
    if not sys.stderr.isatty():
        yield lambda over, total: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda over, total: progress.update(task, completed=over, total=total)


@contextmanager
def run_bar(what: str) -> Iterator[Told]:
    """A bar for the progress of a run; what it gives takes what the run said, None: nothing yet.

    What is printed meanwhile stands above it.
    """
    if not sys.stderr.isatty():
        yield lambda said: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from callboard_service.cli.views import progress_text

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    )
    # A pipe is not to be led through the terminal.
    shown = Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with shown:
        task = shown.add_task(what, total=None, said="")

        def told(said: Mapping[str, Any] | None) -> None:
            if said is not None:
                shown.update(
                    task,
                    completed=said["done"],
                    total=said["total"] or None,
                    said=harmless(progress_text(said)),
                )

        yield told


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """A sign of life while the block runs."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
