"""Zones by name: accepted, or refused with what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.zone import zone
from callboard.errors import InvalidInput


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Prague", "America/Argentina/Ushuaia", "Etc/UTC", "Japan", "GMT"]
)
def test_known_zones(name: str) -> None:
    assert zone(name).key == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Pragu", "there is no zone 'Europe/Pragu' (did you mean Europe/Prague"),
        ("europe/prague", "(did you mean Europe/Prague?)"),
        ("new york", "(did you mean America/New_York"),
        ("Mars/Base", "there is no zone 'Mars/Base' (a zone is written like Europe/Prague or UTC)"),
        ("America", "there is no zone 'America'"),
        ("../../etc/passwd", "there is no zone"),
        ("/etc/localtime", "there is no zone"),
        ("Europe/Prague\0", "there is no zone 'Europe/Prague\\x00'"),
        ("right/Europe/Prague", "there is no zone"),
        ("", "has 0 characters, not 1 to 100"),
        ("x" * 101, "has 101 characters"),
        ("EST", "'EST' is an abbreviation"),  # D06
        ("est5edt", "(name the place, such as America/New_York)"),
        ("CET", "(name the place, such as Europe/Berlin)"),
        ("IST", "is an abbreviation"),
        ("+02:00", "'+02:00' is a fixed offset"),
        ("UTC+2", "'UTC+2' is a fixed offset"),
        ("Etc/GMT-3", "is a fixed offset"),
        ("local", "'local': the machine's own zone is never used"),
        ("localtime", "the machine's own zone is never used"),
    ],
)
def test_d06_refused_zones(name: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        zone(name)
    assert words in str(caught.value)
    assert caught.value.problems[0].field == "zone"


@given(st.text(max_size=30))
def test_any_text_is_a_zone_or_refused(name: str) -> None:
    try:
        known = zone(name).key
    except InvalidInput as error:
        known = error.problems[0].field
    assert known in (name, "zone")
