"""`callboard release` and `callboard retry`, and the parameters of a job."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from callboard_service.cli.parameters import type_text
from service.cli.conftest import Callboard

Make = Callable[..., str]


@pytest.fixture
def parked(callboard: Callboard, name: str) -> str:
    """The job of a run that no handler is known for."""
    body = {"name": name, "kind": "python", "spec": {"handler": "no.such:handler"}}
    callboard("jobs", "create", "-", stdin=json.dumps(body))
    callboard("start", name, "--wait")
    return name


def test_parked_runs_are_listed_with_their_reason(callboard: Callboard, parked: str) -> None:
    listed = callboard("runs", "list", "--state", "parked", "--job", parked).out
    assert "UnknownHandler: handler 'no.such:handler'" in listed


def test_parked_runs_are_counted_and_released(callboard: Callboard, parked: str) -> None:
    options = ("release", "--job", parked, "--type", "UnknownHandler")
    assert callboard(*options, "--dry-run").out == "1 run would be released\n"
    assert callboard(*options).out == "1 run released\n"
    assert callboard("release", "--job", parked, "--type", "Other").out == "no runs released\n"


def test_failed_runs_are_tried_again_once(callboard: Callboard, make_job: Make) -> None:
    job = make_job("exit 3")
    for _ in range(2):
        callboard("start", job, "--wait")
    tried = callboard("retry", "--job", job, "--failed", "--json").value
    assert (tried["count"], len(tried["run_ids"]), tried["dry_run"]) == (2, 2, False)
    stopped = callboard("retry", "--job", job, "--state", "stopped", "--state", "abandoned")
    assert stopped.out == "no runs tried again\n"


def test_a_retry_of_everything_has_to_be_said(callboard: Callboard) -> None:
    refused = callboard("retry", "--failed")
    assert refused.code != 0
    assert "all: no filter, and not all" in refused.err


def test_a_job_shows_its_parameters_as_a_table(callboard: Callboard, name: str) -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "name": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "day": {"type": "string", "format": "date", "default": "2026-01-31"},
            "region": {"type": "string"},
        },
        "required": ["count", "region"],
        "additionalProperties": False,
    }
    body = {
        "name": name,
        "kind": "command",
        "spec": {"argv": ["true"]},
        "parameters": schema,
        "fixed_arguments": {"region": "eu"},
    }
    shown = callboard("jobs", "create", "-", stdin=json.dumps(body)).out
    assert [line.split() for line in shown.splitlines()[-4:]] == [
        ["PARAMETER", "TYPE", "DEFAULT", "REQUIRED"],
        ["count", "integer", "-", "yes"],
        ["name", "string", "or", "null", "null", "no"],
        ["day", "string", "(date)", '"2026-01-31"', "no"],
    ]
    assert "fixed" in shown


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "any"),
        (True, "any"),
        ({"type": "array", "items": {"$ref": "#/$defs/shop.Order"}}, "array of Order"),
        ({"$ref": "#/$defs/Colour"}, '"red" or "blue"'),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "object", "title": "Tree"}, "Tree"),
        ({"oneOf": [{"type": "integer"}, {"type": "integer"}]}, "integer"),
    ],
)
def test_types_are_shown_in_a_few_words(schema: object, text: str) -> None:
    root = {"$defs": {"Colour": {"enum": ["red", "blue"]}, "shop.Order": {"type": "object"}}}
    assert type_text(root, schema) == text
