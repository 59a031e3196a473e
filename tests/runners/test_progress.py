"""ctx.progress: checked, bounded, the last one counts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from callboard.errors import InvalidInput
from callboard.runners.context import RunContext
from callboard.runners.log import RunLog
from callboard.runners.masking import Mask
from callboard.testing import START, VirtualClock


def a_log(mask: Mask | None = None) -> RunLog:
    return RunLog(7, clock=VirtualClock(), emit=lambda chunk: None, mask=mask)


def a_context(log: RunLog) -> RunContext:
    return RunContext(run_id=7, job="j", group="g", output=log)


def test_what_was_said_last_counts_and_is_taken_once() -> None:
    log = a_log()
    assert not log.has_progress
    a_context(log).progress(1)
    a_context(log).progress(2, 10, "rows")
    assert log.take_progress() == {
        "done": 2,
        "total": 10,
        "note": "rows",
        "at": START.isoformat(),
    }
    assert log.take_progress() is None


def test_any_thread_may_say_it() -> None:
    log = a_log()
    thread = threading.Thread(target=a_context(log).progress, args=(0.5, 1.0))
    thread.start()
    thread.join()
    progress = log.take_progress()
    assert progress is not None
    assert progress["done"] == 0.5


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ((-1,), "done"),
        ((True,), "done"),
        (("3",), "done"),
        ((float("nan"),), "done"),
        ((2**53 + 1,), "done"),
        ((1, float("inf")), "total"),
        ((1, "all"), "total"),
        ((1, 2, 3), "note"),
    ],
)
def test_what_is_no_number_is_refused_by_name(said: tuple[Any, ...], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        a_log().report(*said)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_long_note_is_cut_and_a_bad_character_replaced() -> None:
    log = a_log()
    log.report(1, note="a\x00" + "x" * 1_000_000)
    progress = log.take_progress()
    assert progress is not None
    note = progress["note"]
    assert isinstance(note, str)
    assert note.startswith("a\ufffdx")
    assert note.endswith("...")
    assert len(note) == 200


def test_after_the_end_nothing_is_kept() -> None:
    log = a_log()
    log.close()
    log.report(1)
    assert log.take_progress() is None


def test_a_note_is_masked() -> None:
    log = a_log(Mask(["hunter2"]))
    log.report(1, note="with hunter2")
    progress = log.take_progress()
    assert progress is not None
    assert progress["note"] == "with ***"
