"""`callboard triggers create --when`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from callboard_service.cli.condition_text import conditions_text, parse_conditions
from service.cli.conftest import Callboard

Make = Callable[..., str]
ALL = ["succeeded", "failed", "timed_out", "stopped"]


@pytest.mark.parametrize(
    ("text", "logical", "conditions"),
    [
        ("a", "and", [{"job": "a"}]),
        ("a=succeeded, b", "and", [{"job": "a", "states": ["succeeded"]}, {"job": "b"}]),
        ("And: a = Failed|timed_out", "and", [{"job": "a", "states": ["failed", "timed_out"]}]),
        ("any:a=ended", "any", [{"job": "a", "states": ALL}]),
        ("shop:load", "and", [{"job": "shop:load"}]),
    ],
)
def test_conditions_are_read_from_text(text: str, logical: str, conditions: object) -> None:
    read = parse_conditions(text)
    assert read == {"kind": "conditional", "logical": logical, "conditions": conditions}


@pytest.mark.parametrize("text", ["", "a,,b", "=failed", "a=", "a=running", "a=failed|x", "and:"])
def test_wrong_texts_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_conditions(text)


def test_they_are_shown_as_they_are_written() -> None:
    conditions = [{"job": "a", "states": ALL}, {"job": "b", "states": ["failed", "stopped"]}]
    schedule = {"logical": "any", "conditions": conditions}
    assert conditions_text(schedule) == "when a=ended or b=failed|stopped"
    assert conditions_text({**schedule, "logical": "and"}) == "when a=ended and b=failed|stopped"


def test_a_conditional_trigger_is_created_and_listed(callboard: Callboard, make_job: Make) -> None:
    started = make_job()
    watched = f"{started}-watched"
    make_job(name=watched)
    when = f"any: {watched}=failed|timed_out"
    created = callboard("triggers", "create", started, "-j", started, "--when", when, "--json")
    assert created.code == 0, created.err
    conditions = [{"job": watched, "states": ["failed", "timed_out"]}]
    schedule = {"kind": "conditional", "logical": "any", "conditions": conditions}
    assert created.value["schedule"] == schedule
    (_, row) = callboard("triggers", "list", "--job", started).out.splitlines()
    assert f"when {watched}=failed|timed_out {started} active" in " ".join(row.split())
    back = callboard("triggers", "create", "back", "-j", watched, "--when", started)
    assert back.code == 2
    assert f"{started} -(back)-> {watched} -({started})-> {started}" in " ".join(back.err.split())
    assert callboard("triggers", "delete", started).code == 0


def test_when_stands_alone(callboard: Callboard) -> None:
    refused = callboard("triggers", "create", "x", "-j", "x", "--when", "a", "--every", "5m")
    assert refused.code == 2
