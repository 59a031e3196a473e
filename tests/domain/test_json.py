"""What of Python's values JSON and PostgreSQL can both keep."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain import json as rules
from callboard.domain.json import MAX_DEPTH, check_json, check_json_object
from callboard.errors import InvalidInput

TEXTS = st.text(max_size=4) | st.sampled_from(["\x00", "a\x00", "\ud800", "\u017elu\u0165", ""])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1])
    | st.floats()
    | TEXTS
    | st.sampled_from([{1}, b"bytes", object])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3).map(MappingProxyType)
    ),
    max_leaves=8,
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": [1, {"b": {1}}]}, "arguments.a[1].b"),
        ({"a": "\x00"}, "arguments.a"),
        ({"a": "\ud800"}, "arguments.a"),
        ({"a": math.nan}, "arguments.a"),
        ({"a": 2**64}, "arguments.a"),
        ({1: "a"}, "arguments"),
        ({"a": MappingProxyType({"b": math.inf})}, "arguments.a.b"),
    ],
)
def test_the_place_of_a_wrong_part_is_named(value: Any, field: str):
    with pytest.raises(InvalidInput) as caught:
        check_json(value, "arguments")
    assert caught.value.problems[0].field == field


@given(value=VALUES)
def test_the_glance_lets_nothing_wrong_pass(value: Any):
    if rules._is_plain(value, 0):
        assert rules._problem_of(value, "a", 0) is None


def test_depth_is_counted_by_the_glance_as_by_the_search():
    check_json(nested(MAX_DEPTH), "a")
    with pytest.raises(InvalidInput, match="nested deeper"):
        check_json(nested(MAX_DEPTH + 1), "a")


def test_depth_beyond_pythons_own_is_a_refusal_too():
    with pytest.raises(InvalidInput, match="nested deeper"):
        check_json(nested(100_000), "a")


@pytest.mark.parametrize("value", [[], (), "", None, 0, [("a", 1)]])
def test_what_is_no_object_is_refused_where_one_is_due(value: Any):
    with pytest.raises(InvalidInput, match="not an object"):
        check_json_object(value, "arguments")
