"""Parameters of batch jobs: rules, canonical values, increments, what triggers leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.batch_arguments import Parameters, canonical, plain
from callboard.domain.batch_increment import LAST_CHANGED, by_code, filled, incremented, told
from callboard.domain.batch_parameter import ParameterRule, rules_from_spec, rules_problems
from callboard.domain.batch_value import ParameterType, value_of_text
from callboard.errors import Conflict, InvalidInput

SHOP = [
    {"name": "day", "type": "date", "next": {"add_days": 1}, "by_slot": True},
    {"name": "region", "type": "string", "default": "eu", "choices": ["eu", "us"]},
    {"name": "count", "type": "integer", "required": False},
    {"name": "operator", "type": "string", "identifying": False, "required": False},
    {"name": "token", "type": "string", "identifying": False, "required": False, "secret": True},
]


KEYS = st.sampled_from(["value", "type", "identifying", "$secret", "x"])
SECRET_SENT = (
    "is a secret: its value is not sent, only where it is to be had "
    '(a reference like {"$secret": "env:API_TOKEN"})'
)


def rules(*said: dict[str, Any]) -> tuple[ParameterRule, ...]:
    assert [*rules_problems([*said])] == []
    found = rules_from_spec({"parameters": [*said]})
    assert found is not None
    return found


RULES = rules(*SHOP)


def one(kind: str, **more: Any) -> tuple[ParameterRule, ...]:
    return rules({"name": "x", "type": kind, **more})


def wrong(given: dict[str, Any], declared: tuple[ParameterRule, ...] | None = RULES) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        canonical(declared, given)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("string", "a,b=c\nd \u5e30\u308b e\u0301", "a,b=c\nd \u5e30\u308b e\u0301"),
        ("string", "", ""),
        ("integer", 5.0, 5),
        ("integer", -(2**63), -(2**63)),
        ("number", 5, 5.0),
        ("number", -0.0, 0.0),
        ("number", 10**20, 1e20),
        ("boolean", False, False),
        ("date", "2024-02-29", "2024-02-29"),
        ("datetime", "2026-01-05T10:00:00.000001+02:00", "2026-01-05T08:00:00.000001Z"),
        ("datetime", "2026-01-05t10:00:00.500000000z", "2026-01-05T10:00:00.500000Z"),
        ("decimal", "012.500", "12.5"),
        ("decimal", "-0.00", "0"),
        ("decimal", "1E+3", "1000"),
        ("decimal", 7, "7"),
        ("decimal", 0.1, "0.1"),
        ("decimal", "0." + "123456789" * 10, "0." + "123456789" * 10),
    ],
)
def test_a_value_has_one_canonical_form(kind: str, value: object, found: object):
    """Cases 10 and 14 of the specification: instants keep microseconds, texts all they are."""
    values = canonical(one(kind), {"x": value}).values
    assert values == {"x": found}
    assert type(values["x"]) is type(found)
    assert canonical(one(kind), values).values == values


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("string", 1, "1 is not a text (put it in quotes)"),
        ("string", "a\x00", "contains a NUL character, which jsonb cannot keep (remove it)"),
        ("integer", "foo", "'foo' is not an integer (a whole number like 42)"),
        ("integer", 1.03, "1.03 is not an integer (a whole number like 42)"),
        ("integer", "5", "'5' is not an integer (a whole number like 42)"),
        ("integer", True, "true is not an integer (a whole number like 42)"),
        ("integer", 2**63, "9223372036854775808 is out of range: an integer has 64 bits"),
        ("number", "1.5", "'1.5' is not a number"),
        ("number", 2**53 + 1, "9007199254740993 has more digits than a double holds"),
        ("number", 10**400, "a number of many digits is out of range"),
        ("boolean", 1, "1 is not a boolean (true or false, without quotes)"),
        ("boolean", "true", "'true' is not a boolean"),
        ("date", "2026-02-29", "'2026-02-29' is not a date: day is out of range for month"),
        ("date", "20260105", "'20260105' is not a date (a date like 2026-01-31)"),
        ("date", "2026-01-05T00:00:00Z", "'2026-01-05T00:00:00Z' is not a date"),
        ("datetime", "2026-01-05T10:00:00", "is not an instant with an offset"),
        ("datetime", "2026-01-05T10:00:00.0000001Z", "is finer than a microsecond"),
        ("datetime", 5, "5 is not an instant"),
        ("decimal", "12,5", "'12,5' is not a decimal number"),
        ("decimal", "NaN", "'NaN' is not a decimal number"),
        ("decimal", 0.1234567890123456, "has more digits than a JSON number keeps for certain"),
        ("decimal", "1e9999", "has more than 100 digits on one side of the point"),
        ("decimal", "0" * 5000, "has more than 100 digits on one side of the point"),
        ("string", [1], "a list is not a text"),
        ("string", {"$secret": "env:X"}, "is no secret, so it cannot be a reference to one"),
    ],
)
def test_a_wrong_value_is_named_with_its_problem(kind: str, value: object, reason: str):
    """Case 13: "foo" and 1.03 for an integer."""
    (problem,) = wrong({"x": value}, one(kind))
    assert problem.startswith("arguments.x: ")
    assert reason in problem


def test_every_wrong_parameter_is_named_at_once():
    given = {"region": "uk", "count": "foo", "operater": "ada", "token": "hunter22"}
    assert wrong(given) == [
        "arguments.operater: is not one of the parameters (did you mean 'operator'?)",
        "arguments.day: is missing (a date like 2026-01-31)",
        "arguments.region: 'uk' is none of the choices (one of eu, us)",
        "arguments.count: 'foo' is not an integer (a whole number like 42)",
        f"arguments.token: {SECRET_SENT}",
    ]


def test_defaults_are_part_of_the_values_and_null_is_as_good_as_nothing():
    found = canonical(RULES, {"day": "2026-01-05", "count": None, "region": None})
    assert found.values == {"day": "2026-01-05", "region": "eu"}
    assert found.references == ("operator", "token")
    assert found.identifying == {"day": "2026-01-05", "region": "eu"}


def test_a_secret_stays_a_reference():
    found = canonical(RULES, {"day": "2026-01-05", "token": {"$secret": "env:T"}})
    assert found.values["token"] == {"$secret": "env:T"}
    assert "token" not in found.identifying


def test_a_declared_parameter_may_come_with_its_type():
    typed = {"value": "2026-01-05", "type": "java.time.LocalDate", "identifying": True}
    assert canonical(RULES, {"day": typed}).values["day"] == "2026-01-05"
    wrong_type = {"day": {"value": "2026-01-05", "type": "string"}}
    assert wrong(wrong_type) == ["arguments.day: 'string' is not its type (date, or no type)"]
    (problem,) = wrong({"day": {"value": "2026-01-05", "identifying": False}})
    assert "identifies, which a start cannot change" in problem


def test_a_job_without_declared_parameters_takes_scalars_with_or_without_their_types():
    given = {
        "z": 1,
        "a": "1",
        "b": 2.0,
        "n": {"value": 1, "type": "long", "identifying": False},
        "d": {"value": "2026-01-05", "type": "date"},
        "w": {"value": 2, "type": "double"},
        "s": {"$secret": "env:T"},
        "nothing": None,
    }
    found = canonical(None, given)
    assert found.values == {
        "a": "1",
        "b": 2,
        "d": {"value": "2026-01-05", "type": "date"},
        "n": 1,
        "s": {"$secret": "env:T"},
        "w": {"value": 2.0, "type": "number"},
        "z": 1,
    }
    assert found.references == ("n", "s")
    assert plain(found.values)["d"] == "2026-01-05"
    assert canonical(None, found.values).types == found.types


def test_what_is_no_scalar_is_refused_where_nothing_is_declared():
    given = {
        "list": [1],
        "kind": {"value": 1, "type": "uuid"},
        "flag": {"value": 1, "identifying": "no"},
        "": 1,
        "typed": {"value": "x", "type": "long"},
    }
    fields = [problem.split(": ")[0] for problem in wrong(given, None)]
    assert fields == [f"arguments.{name}" for name in ("", "flag", "kind", "list", "typed")]


def test_an_empty_list_of_parameters_takes_none():
    (problem,) = wrong({"x": 1}, ())
    assert problem == "arguments.x: is not one of the parameters (known: none)"
    assert canonical((), {}) == Parameters(values={}, references=(), types={})


def test_texts_become_values_of_the_parameters_types():
    texts = {"integer": "42", "number": "1e3", "boolean": "True", "decimal": "1.50", "string": "42"}
    values = {kind: value_of_text(ParameterType(kind), text) for kind, text in texts.items()}
    assert values == {
        "integer": 42,
        "number": 1000.0,
        "boolean": True,
        "decimal": "1.50",
        "string": "42",
    }


@pytest.mark.parametrize(("kind", "text"), [("integer", "foo"), ("boolean", "yes")])
def test_a_text_that_is_no_value_of_its_type_stays_one(kind: str, text: str):
    assert value_of_text(ParameterType(kind), text) == text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
) | st.from_regex(r"\A[-+0-9.eETZ: ]{1,30}\Z")


@given(st.sampled_from([*ParameterType, None]), ANYTHING)
def test_anything_is_canonical_in_one_step_or_refused(kind: ParameterType | None, value: Any):
    declared = None if kind is None else one(kind.value, required=False)
    try:
        found = canonical(declared, {"x": value})
    except InvalidInput:
        return
    again = canonical(declared, found.values)
    assert (again.values, again.types) == (found.values, found.types)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "x"}, "type"),
        ({"name": "x", "type": "uuid"}, "type"),
        ({"type": "date"}, "name"),
        ({"name": "a b", "type": "date"}, "name"),
        ({"name": "x", "type": "date", "nullable": True}, "nullable"),
        ({"name": "x", "type": "date", "required": 1}, "required"),
        ({"name": "x", "type": "date", "default": "today"}, "default"),
        ({"name": "x", "type": "decimal", "default": "1.50"}, "default"),
        ({"name": "x", "type": "integer", "default": 3, "choices": [1, 2]}, "default"),
        ({"name": "x", "type": "integer", "choices": [1, "2"]}, "choices[1]"),
        ({"name": "x", "type": "integer", "choices": 1}, "choices"),
        ({"name": "x", "type": "string", "next": {"add": 1}}, "next"),
        ({"name": "x", "type": "integer", "identifying": False, "next": {"add": 1}}, "next"),
        ({"name": "x", "type": "integer", "next": {"add_days": 1}}, "next"),
        ({"name": "x", "type": "integer", "next": {"add": 0}}, "next.add"),
        ({"name": "x", "type": "integer", "next": {"add": "1"}}, "next.add"),
        ({"name": "x", "type": "date", "next": {"add_days": 1, "add_months": 1}}, "next"),
        ({"name": "x", "type": "date", "next": {"add_days": 10**12}}, "next.add_days"),
        ({"name": "x", "type": "date", "next": {"code": "d + 1"}}, "next.code"),
        ({"name": "x", "type": "integer", "by_slot": True}, "by_slot"),
        ({"name": "x", "type": "string", "secret": True}, "identifying"),
        ({"name": "x", "type": "date", "identifying": False, "secret": True}, "type"),
        (
            {
                "name": "x",
                "type": "string",
                "identifying": False,
                "secret": True,
                "default": "hunter22",
            },
            "default",
        ),
    ],
)
def test_a_wrong_rule_is_named(said: dict[str, Any], field: str):
    problems = [*rules_problems([said], "spec.parameters")]
    assert [each.field for each in problems] == [f"spec.parameters[0].{field}"]
    assert "hunter22" not in str(problems)


def test_two_parameters_of_one_name_are_refused():
    twice = [{"name": "x", "type": "date"}, {"name": "x", "type": "integer"}]
    assert [each.field for each in rules_problems(twice)] == ["spec.parameters[1].name"]


def test_rules_come_back_from_their_json():
    assert rules(*(rule.to_json() for rule in RULES)) == RULES


# the next instance


@pytest.mark.parametrize(
    ("kind", "step", "last", "following"),
    [
        ("integer", {"add": 1}, 41, 42),
        ("integer", {"add": -5}, 3, -2),
        ("number", {"add": 0.5}, 1.0, 1.5),
        ("decimal", {"add": "0.1"}, "0.2", "0.3"),
        ("date", {"add_days": 1}, "2024-02-28", "2024-02-29"),
        ("date", {"add_months": 1}, "2026-01-31", "2026-02-28"),
        ("date", {"add_months": 1}, "2026-02-28", "2026-03-31"),
        ("date", {"add_months": 1}, "2026-01-30", "2026-02-28"),
        ("date", {"add_months": -13}, "2026-01-15", "2024-12-15"),
        ("datetime", {"add_s": 0.5}, "2026-01-05T00:00:00Z", "2026-01-05T00:00:00.500000Z"),
        ("datetime", {"add_days": 1}, "2026-01-05T00:00:00.000001Z", "2026-01-06T00:00:00.000001Z"),
        ("datetime", {"add_months": 1}, "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"),
    ],
)
def test_the_next_value_follows_from_the_last(
    kind: str, step: dict[str, Any], last: Any, following: Any
):
    declared = one(kind, next=step)
    found = incremented(declared, {"x": last})
    assert canonical(declared, found).values == {"x": following}


def test_the_first_integer_is_one_and_the_second_two():
    declared = one("integer", next={"add": 1})
    first = incremented(declared, None)
    assert (first, incremented(declared, first)) == ({"x": 1}, {"x": 2})


def test_the_first_instance_has_the_default():
    assert incremented(one("date", next={"add_days": 1}, default="2026-01-01"), None) == {
        "x": "2026-01-01"
    }


def test_what_the_last_run_had_beside_is_kept():
    """Case 65: a run that had foo=bar is followed by one that has it, too."""
    last = {"day": "2026-01-05", "region": "us", "operator": "ada", "dropped": 1}
    assert incremented(RULES, last) == {"day": "2026-01-06", "region": "us", "operator": "ada"}


def test_references_may_be_given_anew_and_nothing_that_identifies():
    last = {"day": "2026-01-05", "operator": "ada"}
    assert incremented(RULES, last, overrides={"operator": "bob"})["operator"] == "bob"
    with pytest.raises(InvalidInput) as caught:
        incremented(RULES, last, overrides={"region": "us", "day": "2026-02-01"})
    assert [each.field for each in caught.value.problems] == ["arguments.region", "arguments.day"]


def test_a_function_in_the_job_s_code_says_the_next_value():
    declared = one("integer", next={"code": True})
    assert incremented(declared, {"x": 20}, call=lambda name, value: value * 2) == {"x": 40}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("declared", "last", "reason"),
    [
        (None, {"x": 1}, "no parameter of the job says how"),
        ((), None, "no parameter of the job says how"),
        (one("integer"), {"x": 1}, "no parameter of the job says how"),
        (one("date", next={"add_days": 1}), None, "no default to begin with"),
        (one("integer", next={"code": True}), {"x": 1}, "code, which is not at hand here"),
        (one("date", next={"add_days": 1}), {"x": "9999-12-31"}, "out of range"),
        (one("date", next={"add_months": 1}), {"x": "9999-12-31"}, "out of range"),
        (one("date", next={"add_days": 1}), {"x": 5}, "cannot go on from 5: 5 is not a date"),
    ],
)
def test_where_nothing_follows_it_is_said_why(declared: Any, last: Any, reason: str):
    with pytest.raises(Conflict, match=reason) as caught:
        incremented(declared, last)
    assert caught.value.code == "no_incrementer"


def test_a_failing_function_is_a_refusal():
    declared = one("integer", next={"code": True})
    with pytest.raises(Conflict, match="x cannot be worked out: ZeroDivisionError"):
        incremented(declared, {"x": 1}, call=lambda name, value: 1 // 0)


def test_what_code_says_can_be_carried_in_a_message():
    declared = rules(
        {"name": "n", "type": "integer", "next": {"code": True}},
        {"name": "day", "type": "date", "next": {"add_days": 1}},
    )
    last = {"n": 20, "day": "2026-01-05"}
    said = by_code(declared, last, lambda name, value: value * 2)  # type: ignore[operator]
    assert said == {"n": [20, 40]}
    assert incremented(declared, last, call=told(said)) == {"n": 40, "day": "2026-01-06"}
    with pytest.raises(Conflict, match="n is 21 by now") as caught:
        incremented(declared, {**last, "n": 21}, call=told(said))
    assert caught.value.code == LAST_CHANGED


def test_code_has_nothing_to_say_of_the_first_instance():
    declared = one("integer", next={"code": True})
    said = by_code(declared, None, lambda name, value: 1 // 0)
    assert (said, incremented(declared, None, call=told(said))) == ({}, {"x": 1})
    with pytest.raises(Conflict, match="x is 1 by now"):
        incremented(declared, {"x": 1}, call=told(said))


def test_an_integer_does_not_grow_beyond_its_range():
    declared = one("integer", next={"add": 1})
    found = incremented(declared, {"x": 2**63 - 1})
    assert "out of range" in wrong(found, declared)[0]


@given(st.dates(), st.integers(-1000, 1000).filter(bool))
def test_months_added_and_taken_away_end_near_where_they_began(day: Any, count: int):
    declared = one("date", next={"add_months": count})
    back = one("date", next={"add_months": -count})
    try:
        there = incremented(declared, {"x": day.isoformat()})
        again = incremented(back, there)["x"]
    except Conflict:
        return
    assert abs((datetime.fromisoformat(str(again)).date() - day).days) <= 3


# runs of triggers


def test_a_run_of_a_trigger_has_the_day_of_its_slot_where_the_slot_is():
    slot = datetime(2026, 1, 5, 0, 30, tzinfo=ZoneInfo("Europe/Prague"))
    assert filled(RULES, {}, slot=slot) == {"day": "2026-01-05"}
    assert filled(RULES, {}, slot=slot.astimezone(UTC)) == {"day": "2026-01-04"}
    assert filled(one("datetime", by_slot=True), {}, slot=slot) == {"x": "2026-01-04T23:30:00Z"}


def test_what_a_run_of_a_trigger_was_given_is_left():
    slot = datetime(2026, 1, 5, tzinfo=UTC)
    given = {"day": "2025-12-31", "operator": "ada"}
    assert filled(RULES, given, slot=slot) == given


def test_without_a_slot_the_day_follows_from_the_last_instance():
    assert filled(RULES, {}, last={"day": "2026-01-05"}) == {"day": "2026-01-06"}
    with pytest.raises(Conflict, match="no default to begin with"):
        filled(RULES, {})


def test_nothing_is_filled_in_where_nothing_is_declared():
    assert filled(None, {"a": 1}, slot=datetime(2026, 1, 5, tzinfo=UTC)) == {"a": 1}
