"""Conditional triggers over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard
from callboard.store.contract import RunFilter
from callboard.subscription import EventFilter
from support.service_calls import Client, call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")


def conditional(name: str, starts: str, *conditions: dict[str, Any], **fields: Any) -> Any:
    schedule = {"kind": "conditional", "conditions": list(conditions), **fields}
    return {"name": name, "schedule": schedule, "actions": [{"job": starts}]}


async def started_by(board: Callboard, client: Client, trigger: str, job: str) -> Any:
    """The run that the trigger starts when a run of the job has ended; and that run's id."""
    async with board.subscribe(filter=EventFilter(trigger=trigger)) as events:
        run = await call(client, "POST", f"/v1/jobs/{job}/runs?wait_s=10", 201)
        async with asyncio.timeout(10):
            async for event in events:
                if getattr(event, "type", "") == "run.ended":
                    break
    (started,) = await board.list_runs(RunFilter(trigger=trigger))
    return await call(client, "GET", f"/v1/runs/{started.id}"), run["id"]


async def test_a_conditional_trigger_is_shown_with_all_its_defaults(client: Client) -> None:
    body = conditional("t", "talk", {"job": "add"}, {"job": "fail", "states": ["failed"]})
    trigger = await call(client, "POST", "/v1/triggers", 201, json=body)
    assert trigger["schedule"] == {
        "kind": "conditional",
        "logical": "and",
        "conditions": [
            {"job": "add", "states": ["succeeded"]},
            {"job": "fail", "states": ["failed"]},
        ],
    }
    assert (trigger["state"], trigger["next_slot"]) == ("active", None)
    assert await call(client, "GET", "/v1/triggers/t") == trigger
    slots = await call(client, "GET", "/v1/triggers/t/slots?until=2099-01-01T00:00:00Z")
    assert slots["items"] == []


async def test_an_end_fires_it_and_the_slot_says_which(board: Callboard, client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=conditional("t", "talk", {"job": "add"}))
    started, cause = await started_by(board, client, "t", "add")
    ledger = await call(client, "GET", "/v1/triggers/t/ledger")
    (slot,) = ledger["items"]
    assert (slot["slot"], slot["decision"], slot["run_ids"], slot["caused_by"]) == (
        started["slot"],
        "fired",
        [started["id"]],
        [cause],
    )
    answer = await call(client, "GET", f"/v1/triggers/t/explain?at={slot['slot']}")
    assert answer["caused_by"] == [cause]
    assert f"Its conditions were met by the end of run {cause}." in answer["sentence"]


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"kind": "conditional"}, "schedule.conditions"),
        ({"kind": "conditional", "conditions": []}, "schedule.conditions"),
        (
            {"kind": "conditional", "conditions": [{"job": "add"}, {"job": "nope"}]},
            "schedule.conditions[1].job",
        ),
        (
            {"kind": "conditional", "conditions": [{"job": "add", "states": ["lost"]}]},
            "schedule.conditions[0].states[0]",
        ),
        (
            {"kind": "conditional", "logical": "xor", "conditions": [{"job": "add"}]},
            "schedule.logical",
        ),
    ],
)
async def test_wrong_conditions_are_named(client: Client, schedule: Any, field: str) -> None:
    body = {"name": "t", "schedule": schedule, "actions": [{"job": "talk"}]}
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=body)
    assert set(reasons(problem)) == {field}


async def test_r11_cycles_are_refused_by_every_way(client: Client) -> None:
    """R11: create, replace, patch, many at once."""
    await call(client, "POST", "/v1/triggers", 201, json=conditional("t", "talk", {"job": "add"}))
    back = conditional("u", "add", {"job": "talk"})
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=back)
    words = "talk -(u)-> add -(t)-> talk"
    assert words in reasons(problem)["schedule.conditions"]
    harmless = conditional("u", "gate", {"job": "talk"})
    await call(client, "POST", "/v1/triggers", 201, json=harmless)
    problem = await refused(client, "PUT", "/v1/triggers/u", "invalid_input", json=back)
    assert words in reasons(problem)["schedule.conditions"]
    patch = {"actions": [{"job": "add"}]}
    problem = await refused(client, "PATCH", "/v1/triggers/u", "invalid_input", json=patch)
    assert words in reasons(problem)["schedule.conditions"]


async def test_a_watched_job_is_in_use(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=conditional("t", "talk", {"job": "add"}))
    await refused(client, "DELETE", "/v1/jobs/add", "job_in_use")
    await call(client, "DELETE", "/v1/triggers/t", 204)
    await call(client, "DELETE", "/v1/jobs/add", 204)


async def test_conditions_are_patched_as_a_whole(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=conditional("t", "talk", {"job": "add"}))
    patch = {"schedule": {"logical": "any", "conditions": [{"job": "fail"}, {"job": "gate"}]}}
    trigger = await call(client, "PATCH", "/v1/triggers/t", json=patch)
    assert trigger["schedule"]["logical"] == "any"
    assert [each["job"] for each in trigger["schedule"]["conditions"]] == ["fail", "gate"]
    assert trigger["generation"] == 2
