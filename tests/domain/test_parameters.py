"""JSON Schemas of jobs, and arguments that fit them or not."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from callboard.domain.parameters import (
    MOST_PROBLEMS,
    ArgumentChecks,
    argument_problems,
    schema_problems,
)
from support.factories import make_job

SHOP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "name": {"type": ["string", "null"], "minLength": 2, "maxLength": 3},
        "when": {"type": "string", "format": "date-time"},
        "colour": {"enum": ["red", "blue"]},
        "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        "address": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]},
        "step": {"multipleOf": 5},
        "code": {"type": "string", "pattern": "^[a-z]+$"},
    },
    "required": ["count"],
    "additionalProperties": False,
    "$defs": {
        "Address": {
            "type": "object",
            "properties": {"street": {"type": "string"}},
            "required": ["street"],
        }
    },
}


def said(schema: dict[str, Any], arguments: dict[str, Any], **options: Any) -> list[str]:
    return [str(each) for each in argument_problems(schema, arguments, "arguments", **options)]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"count": "3"}, "arguments.count: is not an integer"),
        ({"count": True}, "arguments.count: is not an integer"),
        ({"count": 1.5}, "arguments.count: is not an integer"),
        ({"count": 0}, "arguments.count: is less than 1"),
        ({"count": 10}, "arguments.count: is more than 9"),
        ({}, "arguments.count: is missing"),
        ({"count": 1, "name": 5}, "arguments.name: is not a string or null"),
        ({"count": 1, "name": "a"}, "arguments.name: is shorter than 2 characters"),
        ({"count": 1, "name": "long"}, "arguments.name: is longer than 3 characters"),
        (
            {"count": 1, "when": "tomorrow"},
            "arguments.when: is not an instant like 2026-01-31T12:00:00Z",
        ),
        ({"count": 1, "colour": "green"}, "arguments.colour: is none of 'red', 'blue'"),
        ({"count": 1, "items": [1, "2"]}, "arguments.items[1]: is not an integer"),
        ({"count": 1, "items": [1] * 4}, "arguments.items: has more than 3 items"),
        ({"count": 1, "address": 3}, "arguments.address: is not an object or null"),
        ({"count": 1, "address": {}}, "arguments.address.street: is missing"),
        ({"count": 1, "step": 7}, "arguments.step: is not a multiple of 5"),
        ({"count": 1, "code": "A"}, "arguments.code: does not match ^[a-z]+$"),
        (
            {"count": 1, "colr": "red"},
            "arguments.colr: is not one of the parameters (did you mean 'colour'?)",
        ),
        ({"count": 1, "zzz": 1}, "arguments.zzz: is not one of the parameters"),
    ],
)
def test_each_problem_names_its_field_in_words(arguments: dict[str, Any], problem: str) -> None:
    assert said(SHOP, arguments) == [problem]


def test_all_problems_are_told_at_once() -> None:
    assert len(said(SHOP, {"name": 1, "step": 1, "other": 1})) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 1},
        {"count": 1.0},
        {"count": 1, "name": None, "address": None},
        {"count": 1, "address": {"street": "x", "town": "y"}},
        {"count": 1, "when": "2026-01-31T12:00:00"},
        {"count": 1, "items": (1, 2)},
    ],
)
def test_what_fits_has_no_problems(arguments: dict[str, Any]) -> None:
    assert said(SHOP, arguments) == []


def test_what_is_given_in_part_may_lack_the_rest_but_must_fit() -> None:
    assert said(SHOP, {"name": 5}, partial=True) == ["arguments.name: is not a string or null"]
    assert said(SHOP, {"address": {}, "count": 1}, partial=True) == [
        "arguments.address.street: is missing"
    ]


def test_a_reference_to_a_secret_fits_everywhere() -> None:
    secret = {"$secret": "env:CALLBOARD_SECRET_X"}
    assert said(SHOP, {"count": secret, "address": secret}) == []
    assert said(SHOP, {"count": 1, "address": {"street": secret}}) == []
    assert said(SHOP, {"cuont": secret, "count": 1})[0].startswith("arguments.cuont: is not one")


def test_no_more_problems_are_told_than_somebody_reads() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert len(said(schema, {f"a{at}": "x" for at in range(1000)})) == MOST_PROBLEMS


def test_of_large_arguments_the_first_problem_is_told() -> None:
    schema = {"type": "object", "properties": {"a": {"items": {"type": "integer"}}}}
    assert said(schema, {"a": ["x"] * 100_000}) == ["arguments.a[0]: is not an integer"]


def test_a_pattern_that_backtracks_for_ever_does_not() -> None:
    schema = {"type": "object", "properties": {"a": {"pattern": "^(?=a)(a|a)+$"}}}
    assert said(schema, {"a": "a" * 60 + "b"}) != []


def expression(depth: int, leaf: object) -> object:
    return leaf if depth == 0 else {"left": expression(depth - 1, leaf)}


ARITHMETIC: dict[str, Any] = {
    "type": "object",
    "properties": {"it": {"$ref": "#/$defs/Any"}, "n": {"type": "integer"}},
    "required": ["it"],
    "additionalProperties": False,
    "$defs": {
        "Any": {"anyOf": [{"$ref": "#/$defs/Pair"}, {"$ref": "#/$defs/One"}, {"type": "integer"}]},
        "Pair": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Any"}}},
        "One": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Any"}}},
    },
}


def test_in_a_recursive_schema_not_every_alternative_is_tried() -> None:
    assert said(ARITHMETIC, {"it": expression(60, 3)}) == []
    assert said(ARITHMETIC, {"it": expression(60, "x"), "n": "x", "m": 1}) == [
        "arguments.m: is not one of the parameters",
        "arguments.it: is of none of the forms that it may have",
        "arguments.n: is of none of the forms that it may have",
    ]
    deep = {"n": expression(60, "x")}
    assert said(ARITHMETIC, deep)[0] == "arguments.it: is missing"
    assert said(ARITHMETIC, deep, partial=True) == [
        "arguments.n: is of none of the forms that it may have"
    ]


def test_a_recursive_schema_that_is_wrong_as_a_whole_is_told_so() -> None:
    schema = {**ARITHMETIC, "required": [], "maxProperties": 1}
    assert said(schema, {"it": expression(60, 3), "n": 1}) == [
        "arguments: does not fit the job's parameters"
    ]


# the schema itself


def chained(count: int, twice: bool) -> dict[str, Any]:
    """Parts that refer to the next one each, once or twice."""
    step = [{"$ref": f"#/$defs/p{at}"} for at in range(1, count)]
    parts = {f"p{at}": {"allOf": [each] * (2 if twice else 1)} for at, each in enumerate(step)}
    return {
        "type": "object",
        "$ref": "#/$defs/p0",
        "$defs": {**parts, f"p{count - 1}": {"type": "object"}},
    }


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (3, "parameters: is a int, not a JSON Schema"),
        ({}, "parameters.type: is not the schema of an object"),
        ({"type": "array"}, "parameters.type: is not the schema of an object"),
        (
            {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"},
            "parameters.$schema: is not draft 2020-12",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "strin"}}},
            "parameters.properties.a.type: in a JSON Schema, is not the name of a JSON type",
        ),
        ({"type": "object", "required": "a"}, "parameters.required: in a JSON Schema, is not"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "parameters.properties.a."),
        (
            {"type": "object", "$ref": "http://127.0.0.1:1/schema"},
            "parameters: the $ref 'http://127.0.0.1:1/schema' leads out of the schema",
        ),
        ({"type": "object", "$ref": "file:/etc/passwd"}, "leads out of the schema"),
        ({"type": "object", "properties": {"a": {"$ref": "#/none"}}}, "leads nowhere"),
        ({"type": "object", "$dynamicRef": "#a"}, "has $dynamicRef, which is not taken"),
        ({"type": "object", "$ref": "#"}, "refers to itself"),
        (chained(30, twice=True), "applies more than 2000 parts to one value"),
        (chained(1500, twice=False), "refers from part to part too often"),
        ({"type": "object", "description": "x" * 300_000}, "is longer than 262144 bytes"),
    ],
)  # fmt: skip
def test_a_schema_that_is_no_good_is_refused(schema: Any, problem: str) -> None:
    (found,) = schema_problems(schema, "parameters")
    assert problem in str(found)


@pytest.mark.parametrize(
    "schema",
    [
        SHOP,
        {"type": "object"},
        {"type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema"},
        {
            "type": "object",
            "properties": {"tree": {"$ref": "#/$defs/Tree"}},
            "$defs": {"Tree": {"properties": {"left": {"$ref": "#/$defs/Tree"}}}},
        },
        {"type": "object", "properties": {"$ref": {"type": "string"}}},
        {"type": "object", "default": {"$ref": "http://elsewhere/"}},
        chained(8, twice=True),
    ],
)
def test_a_schema_that_is_bounded_is_taken(schema: dict[str, Any]) -> None:
    assert schema_problems(schema, "parameters") == ()


# of a job


def test_arguments_are_checked_as_they_are_merged() -> None:
    job = make_job(arguments={"count": 3}, fixed_arguments={"step": 5}, parameters=SHOP)
    checks = ArgumentChecks()
    assert checks.problems(job, {}, "arguments") == ()
    assert checks.fit(job, {"count": 4})
    assert not checks.fit(job, {"count": 99})


def test_what_the_job_fixes_may_not_be_given() -> None:
    job = make_job(fixed_arguments={"step": 5})
    (problem,) = ArgumentChecks().problems(job, {"step": 5}, "runs[3].arguments")
    assert str(problem) == "runs[3].arguments.step: is fixed by the job (leave it out)"


def test_another_schema_of_the_same_job_is_seen() -> None:
    checks = ArgumentChecks()
    text = {"type": "object", "properties": {"a": {"type": "string"}}}
    number = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert checks.fit(make_job(id=1, parameters=text), {"a": "x"})
    assert not checks.fit(make_job(id=1, parameters=number), {"a": "x"})
    assert checks.fit(make_job(id=1, parameters=dict(text)), {"a": "x"})


def test_a_job_that_is_given_nothing_is_checked_again_when_it_changed() -> None:
    """Where nothing is given the job alone decides, and the answer is kept: by the very object."""
    checks = ArgumentChecks(limit=3)
    needed = {"type": "object", "required": ["a"]}
    assert checks.fit(make_job(id=1), {})
    for _ in range(2):
        assert not checks.fit(make_job(id=1, parameters=needed), {})
        assert checks.fit(make_job(id=1, parameters=needed, arguments={"a": 1}), {})
    for id in range(10):
        checks.fit(make_job(id=id), {})
    assert len(checks._bare) == 3


def test_only_so_many_schemas_are_kept() -> None:
    checks = ArgumentChecks(limit=3)
    for id in range(10):
        checks.fit(make_job(id=id, parameters=SHOP), {"count": 1})
    assert len(checks._by_job) == 3


def test_a_stored_schema_that_nobody_understands_is_no_check() -> None:
    job = make_job(id=1, parameters={"type": "nonsense"})
    assert ArgumentChecks().problems(job, {"a": 1}, "arguments") == ()


def test_a_mapping_of_any_kind_is_looked_at() -> None:
    job = make_job(id=1, parameters=SHOP)
    proxy: Any = MappingProxyType({"count": 1, "address": MappingProxyType({"street": "x"})})
    assert ArgumentChecks().problems(job, proxy, "arguments") == ()
