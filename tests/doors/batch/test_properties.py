"""Java's properties, and Spring's notation of a parameter in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.batch_value import ParameterType
from callboard_service.doors.batch.notation import parameter_of_text
from callboard_service.doors.batch.parameter_document import JobParameter
from callboard_service.doors.batch.properties import read_properties, write_properties

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = TEXTS.filter(bool)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=5))
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]]):
    assert list(read_properties(write_properties(pairs))) == pairs


@given(TEXTS)
def test_every_text_can_be_read(text: str):
    for name, value in read_properties(text):
        parameter_of_text(name, value, {})


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1\nb:2\nc 3\n", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("# no\n! no\n\n  a = 1 ", [("a", "1 ")]),
        ("a=1\\\n   2\\\n3", [("a", "123")]),
        (r"a\=b\ c=\u00e9\t\q", [("a=b c", "\u00e9\tq")]),
        (r"a=\ud83d\ude00", [("a", "\U0001f600")]),
        ("a", [("a", "")]),
        ("a=b\\\\\nc=d", [("a", "b\\"), ("c", "d")]),
        ("=x", [("", "x")]),
        ("a=1\r\nb=2\rc=3", [("a", "1"), ("b", "2"), ("c", "3")]),
    ],
)
def test_properties_are_read_as_java_reads_them(text: str, pairs: list[tuple[str, str]]):
    assert list(read_properties(text)) == pairs


@settings(max_examples=50)
@given(TEXTS, st.booleans())
def test_the_notation_of_a_text_gives_it_back(text: str, is_identifying: bool):
    shown = JobParameter(
        name="x", value=text, type=ParameterType.STRING, is_identifying=is_identifying
    )
    assert parameter_of_text("x", shown.notation, {}) == (
        "x",
        {"value": text, "type": "string", "identifying": is_identifying},
    )


def test_a_text_becomes_what_its_parameter_declares():
    types = {"n": ParameterType.INTEGER, "at": ParameterType.DATETIME, "s": ParameterType.STRING}
    assert parameter_of_text("n", "12", types) == ("n", 12)
    assert parameter_of_text("n", "foo", types) == ("n", "foo")
    assert parameter_of_text("at", "2026-01-05T10:20", types) == ("at", "2026-01-05T10:20:00Z")
    assert parameter_of_text("s", "12", types) == ("s", "12")
