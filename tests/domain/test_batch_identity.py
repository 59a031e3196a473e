"""Identity of batch instances: what makes two sets of parameters the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.batch_arguments import canonical
from callboard.domain.batch_identity import NOTHING, identity_key
from callboard.domain.batch_parameter import rules_from_spec

SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([2.0**53, 1e16, 2.0**63, 1e300, -(2.0**63), 2**63])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
)
NAMES = st.text("abcXYZ_-.", min_size=1, max_size=4)
GIVEN = st.dictionaries(NAMES, SCALARS, max_size=5)


def key(given: dict[str, Any]) -> str:
    """Of a job that declares no parameters."""
    return identity_key(canonical(None, given))


def key_of(kind: str, value: Any) -> str:
    rules = rules_from_spec({"parameters": [{"name": "x", "type": kind}]})
    return identity_key(canonical(rules, {"x": value}))


@given(GIVEN, st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_count(given: dict[str, Any], random: Any):
    names = list(given)
    random.shuffle(names)
    assert key(given) == key({name: given[name] for name in names})


@given(GIVEN, GIVEN)
def test_two_sets_are_the_same_only_if_their_canonical_values_are(
    one: dict[str, Any], other: dict[str, Any]
):
    def seen(given: dict[str, Any]) -> dict[str, tuple[str, Any]]:
        found = canonical(None, given)
        return {name: (found.types[name].value, value) for name, value in found.values.items()}

    assert (key(one) == key(other)) == (seen(one) == seen(other))


@given(GIVEN, SCALARS)
def test_what_does_not_identify_does_not_count(given: dict[str, Any], value: Any):
    """Cases 7 and 8 of the specification."""
    more = {**given, "note": {"value": value, "identifying": False}}
    given.pop("note", None)
    assert key(more) == key(given)


@given(GIVEN)
def test_the_key_is_stable_through_canonical_values(given: dict[str, Any]):
    """Also when the database has written a whole number without its point."""
    found = canonical(None, given)
    stored = {name: _without_point(value) for name, value in found.values.items()}
    for values in (found.values, stored):
        assert identity_key(canonical(None, values)) == identity_key(found)


def _without_point(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "value": _without_point(value["value"])}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (True, 1),
        (True, "true"),
        (1.5, "1.5"),
        ("2026-01-05", {"value": "2026-01-05", "type": "date"}),
        (2, {"value": 2, "type": "double"}),
        ("caf\u00e9", "cafe\u0301"),
        ("", None),
        ("a ", "a"),
    ],
)
def test_values_of_other_types_or_characters_are_other_instances(one: Any, other: Any):
    assert key({"x": one}) != key({"x": other})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("number", 1, 1.0),
        ("number", 0.0, -0.0),
        ("decimal", "1.50", "1.5"),
        ("decimal", "15e-1", 1.5),
        ("decimal", "0", "-0.000"),
        ("integer", 3, 3.0),
        ("datetime", "2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00.000Z"),
    ],
)
def test_one_value_written_in_two_ways_is_one_instance(kind: str, one: Any, other: Any):
    assert key_of(kind, one) == key_of(kind, other)


def test_a_microsecond_makes_another_instance():
    """Case 10: nothing of an instant is lost."""
    times = [f"2026-01-05T10:00:00.00000{digit}Z" for digit in (1, 2)]
    assert key_of("datetime", times[0]) != key_of("datetime", times[1])


def test_a_declared_parameter_is_the_same_as_one_that_says_its_type():
    typed = {"x": {"value": "2026-01-05", "type": "date"}}
    assert key_of("date", "2026-01-05") == key(typed)
    assert key_of("integer", 1) == key({"x": 1})


def test_no_parameters_at_all_have_their_own_key():
    assert key({}) == key({"x": None}) == key({"x": {"value": 1, "identifying": False}}) == NOTHING
    assert NOTHING == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_names_and_values_cannot_run_into_each_other():
    assert key({"a": "b", "c": "d"}) != key({"a": "b,c:d"}) != key({"a": 'b"],["c'})
    assert key({"ab": "c"}) != key({"a": "bc"})


def test_keys_are_what_they_were_when_they_were_stored():
    given = {"day": {"value": "2026-01-05", "type": "date"}, "n": 1, "who": "\u5e30", "r": 0.5}
    assert key(given) == "c5c29cc6f7aa96e0960cae341e0ada01617927eb2d3b87cc62c3155c82a5d709"


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9
    )
)
def test_decimals_are_the_same_exactly_when_they_are_equal(number: Decimal):
    same = f"{number.normalize():f}"
    assert key_of("decimal", str(number)) == key_of("decimal", same)
    assert key_of("decimal", str(number + Decimal("0.0000001"))) != key_of("decimal", same)
