"""State: JSON values that are checked where they are put."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.batch.state import MAX_STATE_BYTES, State, merge
from callboard.errors import InvalidInput

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text("abc\u00e9", max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)
STATES = st.dictionaries(st.text("xyz", min_size=1, max_size=3), VALUES, max_size=5)


@given(STATES)
def test_a_snapshot_is_what_was_put_and_nobody_else_s(values: dict[str, Any]) -> None:
    state = State()
    state.update(values)
    kept = state.snapshot()
    assert kept == values
    for value in state.values():
        if isinstance(value, list):
            value.append("more")
    assert kept == values


@given(STATES, STATES, STATES)
def test_merge_lays_the_changes_of_one_over_those_of_another(
    before: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    whole = State(theirs)
    merge(whole, before, mine)
    for key in {**before, **mine, **theirs}:
        if key in before and key not in mine:
            assert key not in whole
        elif key in mine and (key not in before or before[key] != mine[key]):
            assert whole[key] == mine[key]
        else:
            assert whole.get(key, "none") == theirs.get(key, "none")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("a", {1}, "state.a: is a set, not a JSON value"),
        ("a", [1, {"b": b"x"}], "state.a[1].b: is a bytes"),
        ("a", float("inf"), "state.a: is inf"),
        ("a", {1: 2}, "state.a: has the key 1"),
        ("a", "nul \0", "state.a: contains a NUL"),
        ("", 1, "is not a text of 1 to 255 characters"),
        (5, 1, "is not a text of 1 to 255 characters"),
    ],
)
def test_131_what_is_no_json_is_refused_at_the_put(key: Any, value: Any, said: str) -> None:
    state = State({"kept": 1})
    with pytest.raises(InvalidInput, match="state"):
        state[key] = value
    with pytest.raises(InvalidInput) as refused:
        state.update({key: value})
    assert said in str(refused.value)
    assert dict(state) == {"kept": 1}


def test_the_limit_is_for_all_values_together() -> None:
    state = State()
    state["one"] = "x" * (MAX_STATE_BYTES // 2)
    with pytest.raises(InvalidInput, match=r"state\.two: makes \d+ bytes"):
        state["two"] = "x" * (MAX_STATE_BYTES // 2)
    state["one"] = "small"
    state["two"] = "x" * (MAX_STATE_BYTES // 2)


def test_many_small_values_are_found_at_the_save() -> None:
    state = State()
    for number in range(MAX_STATE_BYTES // 8):
        state[str(number)] = number
    with pytest.raises(InvalidInput, match="state: is"):
        state.snapshot()


def test_a_value_that_was_changed_in_place_is_found_at_the_save() -> None:
    state = State()
    state["seen"] = []
    state["seen"].append(object())
    state["other"] = "fine"
    with pytest.raises(InvalidInput, match=r"state\.seen\[0\]: is an object"):
        state.snapshot()


def test_it_is_a_mapping_like_any_other() -> None:
    state = State({"a": 1})
    assert state.setdefault("b", [2]) == [2]
    assert (len(state), list(state), "a" in state, state.get("c")) == (2, ["a", "b"], True, None)
    del state["a"]
    assert state.pop("b") == [2]
    assert repr(state) == "State({})"
