"""`callboard workflows`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.cli.conftest import Callboard, Done

Make = Callable[..., str]


@pytest.fixture
def make_workflow(callboard: Callboard, name: str) -> Make:
    """A workflow with a name that nobody else has: start -> NAME-a -> NAME-b."""

    def make(first: str = "true", second: str = "true", **fields: Any) -> str:
        put(callboard, "workflows", {"name": name, **fields})
        for job, shell in (("a", first), ("b", second)):
            spec = {"shell": shell}
            put(callboard, "jobs", {"name": f"{name}-{job}", "kind": "command", "spec": spec})
        on_demand = {"kind": "on_demand"}
        then = {"kind": "conditional", "conditions": [{"job": f"{name}-a"}]}
        for job, schedule in (("a", on_demand), ("b", then)):
            trigger = {
                "name": f"{name}-{job}",
                "schedule": schedule,
                "actions": [{"job": f"{name}-{job}"}],
                "workflow": name,
            }
            put(callboard, "triggers", trigger)
        return name

    return make


def put(callboard: Callboard, kind: str, document: dict[str, Any]) -> None:
    file = ("--file", "-") if kind == "triggers" else ("-",)
    done = callboard(kind, "create", *file, stdin=json.dumps(document))
    assert done.code == 0, done.err


def facts(done: Done) -> dict[str, str]:
    """What was printed a fact a line, before the first empty one."""
    parts = (line.partition("  ") for line in done.out.partition("\n\n")[0].splitlines())
    return {name: value.strip() for name, _, value in parts}


def table(done: Done) -> list[list[str]]:
    """The cells behind the facts."""
    return [line.split() for line in done.out.partition("\n\n")[2].splitlines()]


def test_a_workflow_is_created_listed_shown_replaced_and_deleted(
    callboard: Callboard, name: str
) -> None:
    document = {"name": name, "properties": {"day": "1", "region": "eu"}, "labels": {"of": name}}
    put(callboard, "workflows", document)
    listed = callboard("workflows", "list", "--label", f"of:{name}").out.splitlines()
    assert listed[1].split() == [name, "default", "any", "number", "day=1", "region=eu", "-"]
    assert facts(callboard("workflows", "get", name))["properties"] == "day=1 region=eu"
    changed = json.dumps({"name": name, "max_concurrent_runs": 2})
    assert callboard("workflows", "create", "-", stdin=changed).code == 3
    replaced = callboard("workflows", "create", "-", "--replace", stdin=changed)
    assert (facts(replaced)["at once"], facts(replaced)["version"]) == ("2", "2")
    assert callboard("workflows", "get", name, "--json").value["max_concurrent_runs"] == 2
    assert callboard("workflows", "delete", name).err == f"deleted the workflow {name}\n"
    assert callboard("workflows", "get", name).code == 3


def test_a_run_is_started_waited_for_and_listed(callboard: Callboard, make_workflow: Make) -> None:
    name = make_workflow(properties={"day": "1"})
    started = callboard("workflows", "start", name, "day=2", "who=me", "--wait")
    assert started.code == 0, started.err
    shown = facts(started)
    assert (shown["state"], shown["properties"]) == ("completed", "day=2 who=me")
    assert [(row[0], row[2]) for row in table(started)[1:]] == [
        (f"{name}-a", "succeeded"),
        (f"{name}-b", "succeeded"),
    ]
    number = shown["workflow run"]
    again = callboard("workflows", "run", number)
    assert again.out == started.out
    listed = callboard("workflows", "runs", name).out.splitlines()
    assert [listed[1].split()[n] for n in (0, 1, 3, 4)] == [number, "completed", "2", "0"]
    assert callboard("workflows", "runs", name, "--json").value["items"][0]["id"] == int(number)


def test_a_run_that_fails_says_where_and_is_resumed_there(
    callboard: Callboard, make_workflow: Make
) -> None:
    name = make_workflow(second="exit 7")
    started = callboard("workflows", "start", name, "--wait")
    assert started.code == 1
    job, _, state, *error = table(started)[2]
    assert (job, state) == (f"{name}-b", "failed")
    assert "7" in " ".join(error)
    number = facts(started)["workflow run"]
    resumed = callboard("workflows", "resume", number, f"{name}-b", "--wait")
    assert (resumed.code, facts(resumed)["resumes"]) == (1, number)
    assert callboard("workflows", "resume", number, "nobody").code == 2


def test_a_live_run_is_given_properties_and_stopped(
    callboard: Callboard, make_workflow: Make
) -> None:
    name = make_workflow(first="sleep 600", max_concurrent_runs=1)
    number = facts(callboard("workflows", "start", name))["workflow run"]
    assert callboard("workflows", "start", name).code == 3
    given = callboard("workflows", "set", number, "day=3", "note=a=b")
    assert facts(given)["properties"] == "day=3 note=a=b"
    stopped = callboard("workflows", "stop", number, "--wait")
    assert (stopped.code, facts(stopped)["state"]) == (0, "stopped")
    assert callboard("workflows", "stop", number).code == 3


def test_a_key_starts_a_run_once(callboard: Callboard, make_workflow: Make) -> None:
    name = make_workflow()
    words = ("workflows", "start", name, "--idempotency-key", name, "--json")
    first, second = callboard(*words).value, callboard(*words).value
    assert first["id"] == second["id"]


@pytest.mark.parametrize("words", [["day"], ["=1"], ["day=1", "day=2"]])
def test_a_property_is_a_name_and_a_text(callboard: Callboard, words: list[str]) -> None:
    done = callboard("workflows", "start", "any", *words)
    assert done.code == 2
    assert "NAME=TEXT" in done.err
