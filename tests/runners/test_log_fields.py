"""Structured fields of log lines: kept as JSON, bounded, never in the way of the line."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.runners.context import RunContext
from callboard.runners.log import RunLog
from callboard.runners.log_fields import MAX_FIELDS_BYTES, bounded_fields
from callboard.store.contract import LogChunk, LogLine
from callboard.testing import VirtualClock
from runners.rig import Rig


class Sulky:
    def __str__(self) -> str:
        raise RuntimeError("no")


def logged(*words: Any, **options: Any) -> list[LogLine]:
    chunks: list[LogChunk] = []
    log = RunLog(7, clock=VirtualClock(), emit=chunks.append)
    RunContext(run_id=7, job="j", group="g", output=log).log.warning(*words, **options)
    log.close()
    return [line for chunk in chunks for line in chunk.lines]


def test_extra_of_the_runs_own_logger_is_kept_with_its_first_line() -> None:
    first, second = logged("a %s\nb", "x", extra={"rows": 3, "table": "orders"})
    assert (first.text, first.level, first.fields) == (
        "a x",
        "WARNING",
        {"rows": 3, "table": "orders"},
    )
    assert (second.text, second.fields) == ("b", None)


def test_a_line_without_extra_has_no_fields() -> None:
    assert logged("plain")[0].fields is None


async def test_extra_of_any_logger_is_kept(rig: Rig) -> None:
    def work() -> None:
        logging.getLogger("shop.orders").error("gone", extra={"order": 7})

    _, attempt = await rig.call(work)
    assert [(line.text, line.fields) for line in attempt.lines] == [("gone", {"order": 7})]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Sulky(), "(Sulky that cannot be shown: RuntimeError)"),
        (2**70, str(2**70)),
        (float("inf"), "inf"),
        ({1: {"a": (1, None)}}, {"1": {"a": [1, None]}}),
        ("\ud800\x00", "\ufffd\ufffd"),
        (b"x", "b'x'"),
    ],
)
def test_what_is_not_json_is_kept_by_its_text(value: object, kept: object) -> None:
    assert bounded_fields({"f": value}) == {"f": kept}


def test_what_is_too_much_is_left_out_with_a_mark() -> None:
    assert bounded_fields({"a": 1, "b": ["x" * 1_900] * 5, "c": 2}) == {
        "a": 1,
        "...": "2 fields left out",
    }
    assert bounded_fields({"a": "y" * 10_000}) == {"a": "y" * 2_000 + "..."}
    assert len(bounded_fields({str(n): n for n in range(99)})) == 51


def test_fields_count_for_the_limit_of_the_log() -> None:
    log = RunLog(7, clock=VirtualClock(), emit=lambda chunk: None, limit_bytes=1024)
    log.record("INFO", "x", {"a": "y" * 2000})
    assert log.is_full


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), ANYTHING))
def test_whatever_is_given_json_of_bounded_size_is_kept(given_fields: dict[str, Any]) -> None:
    kept = bounded_fields(given_fields)
    text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
    assert len(text.encode()) <= 2 * MAX_FIELDS_BYTES
    assert json.loads(text) == kept
