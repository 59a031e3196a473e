"""Values as people read them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard_service.cli.arguments import parse_arguments, parse_period
from callboard_service.cli.text import (
    harmless,
    harmless_json,
    one_line,
    shorten,
    show_duration,
    show_instant,
    show_period,
    show_rate,
    show_span,
    show_time,
)

EVIL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
INSTANT = "2026-11-20T01:02:03.456789Z"


@pytest.fixture
def prague(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Prague")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("prague")
def test_instants_are_local_with_their_offset_or_utc() -> None:
    assert show_instant(INSTANT, utc=False) == "2026-11-20 02:02:03+01:00"
    assert show_instant(INSTANT, utc=True) == "2026-11-20 01:02:03Z"
    assert show_instant(None, utc=True) == "-"
    assert show_time(INSTANT, utc=False) == "02:02:03.456"
    assert show_time(INSTANT, utc=True) == "01:02:03.456"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0417, "0.042 s"),
        (12.34, "12.3 s"),
        (125, "2m 05s"),
        (3600, "1h 00m"),
        (3 * 86_400 + 7200, "3d 02h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


def test_a_span_that_is_not_over_has_no_length() -> None:
    assert show_span(INSTANT, None) == "-"
    assert show_span(INSTANT, "2026-11-20T01:02:05.456789Z") == "2.000 s"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1w2d", 777_600)],
)
def test_periods(text: str, seconds: float) -> None:
    assert parse_period(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5", "nan", "inf", "1e3", "5m!", "5x"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(Exception, match="is not a period"):
        parse_period(text)


@given(st.integers(1, 10**9))
def test_a_period_that_is_shown_is_the_one_that_is_read(seconds: int) -> None:
    assert parse_period(show_period(seconds)) == pytest.approx(seconds, rel=1e-5)


def test_arguments() -> None:
    found = parse_arguments(["a=1", "b="], ["c=1", "d=null", 'e=[1, "x"]'])
    assert found == {"a": "1", "b": "", "c": 1, "d": None, "e": [1, "x"]}


def test_text_cannot_move_the_cursor() -> None:
    assert one_line("a\nb\x1b[2Jc\x07\x9b") == "a\\nb\\x1b[2Jc\\x07\\x9b"


def test_what_a_run_wrote_loses_its_colours_and_shows_the_rest() -> None:
    assert harmless("\x1b[31mred\x1b[0m\x1b[2J\x1b]0;t\x07") == "red\\x1b[2J\\x1b]0;t\\x07"


@given(st.text())
def test_json_stays_the_same_and_cannot_act_on_a_terminal(text: str) -> None:
    """A11."""
    shown = harmless_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert not EVIL.search(shown)


@given(st.text())
def test_a_cell_has_one_line_without_control_characters(text: str) -> None:
    shown = one_line(text)
    assert not EVIL.search(shown)
    assert not EVIL.search(harmless(text))


def test_long_text_ends_in_dots() -> None:
    assert shorten("abcdefgh", 8) == "abcdefgh"
    assert shorten("abcdefghi", 8) == "abcde..."


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(12345.6, "12,346"), (1234.4, "1,234"), (123.456, "123.5"), (0.25, "0.25"), (0.0, "0")],
)
def test_a_rate_is_a_plain_number(rate: float, shown: str) -> None:
    assert show_rate(rate) == shown
