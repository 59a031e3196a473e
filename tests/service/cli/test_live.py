"""The live picture of `tail`: what runs, how far it is, and nothing that plays with a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from callboard_service.cli.live_runs import LiveRuns, live_run
from callboard_service.cli.live_table import left_text, rate_text, table_of
from callboard_service.cli.views import progress_text

BEGAN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def resource(id: int = 7, **changes: Any) -> dict[str, Any]:
    usual = {"job": "copy", "state": "running", "node": "n", "started_at": BEGAN.isoformat()}
    return {"id": id, "progress": None, **usual, **changes}


def said(done: float, total: float | None, after_s: float, note: str | None = None) -> Any:
    at = (BEGAN + timedelta(seconds=after_s)).isoformat()
    return {"done": done, "total": total, "note": note, "at": at}


def event(type: str, **changes: Any) -> Mapping[str, Any]:
    return {"type": type, "run": resource(**changes)}


def test_runs_come_with_their_start_and_go_with_their_end() -> None:
    live = LiveRuns()
    live.hear({"type": "snapshot", "runs": [resource(1), resource(2, state="queued")]})
    assert [run.id for run in live] == [1]
    assert [run.id for run in live.hear(event("run.started", id=2))] == [2]
    live.hear(event("run.progress", id=2, progress=said(1, 4, 1)))
    assert [(run.id, run.share) for run in live] == [(1, None), (2, 0.25)]
    live.hear(event("run.ended", id=1, state="failed"))
    live.hear({"type": "job.changed", "job": {}})
    assert [run.id for run in live] == [2]


def test_rate_and_rest_are_reckoned_from_its_start() -> None:
    run = live_run(resource(progress=said(30, 120, 10)))
    assert run.per_s == 3
    assert rate_text(run) == "3/s"
    assert run.left_s(BEGAN + timedelta(seconds=10)) == 30
    assert left_text(run, BEGAN + timedelta(seconds=20)) == "20.0 s"
    assert run.left_s(BEGAN + timedelta(seconds=99)) == 0


@pytest.mark.parametrize("progress", [None, said(0, 10, 1), said(5, None, 1), said(5, 10, 0)])
def test_nothing_is_reckoned_of_what_nobody_knows(progress: Any) -> None:
    assert live_run(resource(progress=progress)).left_s(BEGAN) is None


def test_the_table_shows_the_oldest_and_how_many_there_are() -> None:
    runs = [live_run(resource(id, progress=said(id, 30, 5, f"row {id}"))) for id in range(20)]
    text = drawn(table_of(runs, BEGAN + timedelta(seconds=65), 3))
    assert "20 running, 3 shown" in text
    assert "row 2" in text
    assert "row 3" not in text
    assert "1m 05s" in text


def test_names_and_notes_of_runs_cannot_play_with_the_terminal() -> None:
    """A11."""
    evil = "[bold]\x1b[2J\u202eexe"
    run = live_run(resource(job=evil, progress=said(1, 2, 1, evil)))
    text = drawn(table_of([run], BEGAN, 3))
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert "[bold]\\x1b[2J\\u202eexe" in text


def test_progress_in_one_line() -> None:
    assert progress_text(None) == ""
    assert progress_text(said(4, 10, 0, "copying")) == "40 % (4 of 10), copying"
    assert progress_text(said(1200.5, None, 0)) == "1,200.5"
    assert progress_text(said(3, 0, 0)) == "3"


def drawn(picture: Any) -> str:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=160, color_system="truecolor").print(picture)
    return out.getvalue()
