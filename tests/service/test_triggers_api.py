"""/v1/triggers and their slots over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from support.service_calls import Client, call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")

NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "schedule": {"kind": "cron", "expression": "0 2 * * *", "zone": "Europe/Prague"},
    "actions": [{"job": "add", "arguments": {"a": 1}}],
}


async def test_created_trigger_has_every_field_of_the_resource(client: Client) -> None:
    trigger = await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    for name in ("created_at", "updated_at", "next_slot"):
        assert trigger.pop(name).endswith("Z")
    assert trigger == {
        "name": "nightly",
        "group": "default",
        "schedule": {
            "kind": "cron",
            "expression": "0 2 * * *",
            "dialect": "vixie",
            "zone": "Europe/Prague",
            "gap": "run",
            "fold": "first",
        },
        "actions": [{"job": "add", "arguments": {"a": 1}}],
        "description": "",
        "state": "active",
        "reason": None,
        "misfire": {
            "policy": "fire_once",
            "coalesce": "latest",
            "grace_s": 60.0,
            "window_s": None,
            "cap": None,
        },
        "overlap": {"policy": "allow", "limit": None},
        "start_at": None,
        "end_at": None,
        "max_firings": None,
        "jitter_s": 0.0,
        "flexible_window_s": 0.0,
        "calendars": [],
        "deadlines": None,
        "on_missing": "refuse",
        "workflow": None,
        "labels": {},
        "annotations": {},
        "resume_at": None,
        "last_slot": None,
        "events": None,
        "firings": 0,
        "generation": 1,
        "version": 1,
    }


async def test_start_on_create_false_only_stores(client: Client) -> None:
    body = {**NIGHTLY, "start_on_create": False}
    trigger = await call(client, "POST", "/v1/triggers", 201, json=body)
    assert (trigger["state"], trigger["next_slot"]) == ("inactive", None)


async def test_activation_and_its_end_are_idempotent(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json={**NIGHTLY, "start_on_create": False})
    states = [
        (await call(client, "POST", f"/v1/triggers/nightly/{verb}"))["state"]
        for verb in ("activate", "activate", "deactivate", "deactivate")
    ]
    assert states == ["active", "active", "inactive", "inactive"]


async def test_every_wrong_field_is_listed_at_once(client: Client) -> None:
    body = {
        "name": "",
        "schedule": {"kind": "cron", "expression": "61 * * * *", "zone": "Mars/Base", "gap": "x"},
        "actions": [{"job": "add", "argument": {}}, {"job": 5}],
        "misfire": {"policy": "later", "grace_s": -1},
        "overlap": {"limit": 0},
        "start_at": "2026-01-01T00:00:00",
        "max_firings": 0,
        "jitter_s": -1,
        "stat": "active",
    }
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=body)
    assert {
        "name",
        "schedule.expression",
        "schedule.zone",
        "schedule.gap",
        "actions[0].argument",
        "actions[1].job",
        "misfire.policy",
        "misfire.grace_s",
        "overlap.limit",
        "start_at",
        "max_firings",
        "jitter_s",
        "stat",
    } == set(reasons(problem))


async def test_action_on_an_unknown_job_is_named_by_place(client: Client) -> None:
    body = {**NIGHTLY, "actions": [{"job": "add"}, {"job": "nope"}]}
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=body)
    assert set(reasons(problem)) == {"actions[1].job"}
    assert (await call(client, "GET", "/v1/triggers"))["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": {"kind": "delay", "after_s": 5.0}},
        {
            "schedule": {
                "kind": "calendar_interval",
                "months": 1,
                "days": 0,
                "at_local": "02:30",
                "zone": "Europe/Prague",
                "day_overflow": "skip",
                "anchor_on": "2026-01-31",
            }
        },
        {"schedule": {"kind": "cron", "expression": "0 0 12 ? * 6L", "dialect": "quartz"}},
        {"schedule": {"kind": "cron", "expression": "cron(0 9 ? * MON-FRI *)", "dialect": "aws"}},
        {"schedule": {"kind": "cron", "expression": "rate(5 minutes)", "dialect": "aws"}},
        {"schedule": {"kind": "cron", "expression": "0 */5 * * * *", "dialect": "spring"}},
        {"schedule": {"kind": "cron", "expression": "@reboot"}},
        {"schedule": {"kind": "cron", "expression": "H H * * *"}},
        {"jitter_s": 5.0, "flexible_window_s": 60.0},
        {"overlap": {"policy": "buffer", "limit": 3}},
    ],
)
async def test_what_a_trigger_is_made_with_is_what_it_shows(
    client: Client, change: dict[str, Any]
) -> None:
    stored = await call(client, "POST", "/v1/triggers", 201, json={**NIGHTLY, **change})
    for field, value in change.items():
        shown = stored[field]
        assert shown == (value if not isinstance(value, dict) else shown | value)


async def test_put_keeps_the_state_of_an_existing_trigger(client: Client) -> None:
    await call(client, "PUT", "/v1/triggers/nightly", 201, json=NIGHTLY)
    await call(client, "POST", "/v1/triggers/nightly/deactivate")
    body = {**NIGHTLY, "description": "new", "start_on_create": True}
    trigger = await call(client, "PUT", "/v1/triggers/nightly", json=body)
    assert (trigger["state"], trigger["description"]) == ("inactive", "new")


async def test_what_get_gave_can_be_put_back(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    trigger = await call(client, "GET", "/v1/triggers/nightly")
    body = {**trigger, "max_firings": 5}
    changed = await call(client, "PUT", "/v1/triggers/nightly", json=body)
    assert (changed["max_firings"], changed["generation"]) == (5, 2)
    body = {**changed, "state": "paused"}
    problem = await refused(client, "PUT", "/v1/triggers/nightly", "invalid_input", json=body)
    assert "activate" in problem["errors"][0]["fix"]


async def test_a_paused_trigger_can_be_put_back_as_it_is(client: Client) -> None:
    definition = {"kind": "annual", "zone": "UTC", "days": ["12-24"]}
    body = {"name": "holidays", "definition": definition}
    await call(client, "POST", "/v1/calendars", 201, json=body)
    fields = {
        "schedule": {"kind": "calendar_interval", "months": 1, "at_local": "02:30"},
        "calendars": [{"calendar": "holidays", "mode": "exclude", "shift": "next"}],
        "overlap": {"policy": "buffer", "limit": 3},
        "jitter_s": 5,
        "flexible_window_s": 60,
    }
    await call(client, "POST", "/v1/triggers", 201, json={**NIGHTLY, **fields})
    until = {"until": "2999-01-01T00:00:00Z"}
    paused = await call(client, "POST", "/v1/triggers/nightly/pause", json=until)
    put = await call(client, "PUT", "/v1/triggers/nightly", json=paused)
    assert {**put, "updated_at": None} == {**paused, "updated_at": None}


async def test_a_patch_of_a_paused_trigger_leaves_it_paused(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    until = {"until": "2999-01-01T00:00:00Z"}
    await call(client, "POST", "/v1/triggers/nightly/pause", json=until)
    patch = {"overlap": {"policy": "buffer", "limit": 2}, "jitter_s": 3, "calendars": []}
    patched = await call(client, "PATCH", "/v1/triggers/nightly", json=patch)
    assert (patched["state"], patched["resume_at"]) == ("paused", until["until"])
    assert (patched["overlap"], patched["jitter_s"]) == (patch["overlap"], 3.0)
    assert patched["next_slot"] is None


async def test_null_in_a_patch_is_the_default(client: Client) -> None:
    fields = {"overlap": {"policy": "skip"}, "jitter_s": 5, "flexible_window_s": 60}
    made = await call(client, "POST", "/v1/triggers", 201, json={**NIGHTLY, **fields})
    assert made["overlap"] == {"policy": "skip", "limit": None}
    patch: dict[str, None] = dict.fromkeys([*fields, "calendars"])
    patched = await call(client, "PATCH", "/v1/triggers/nightly", json=patch)
    assert patched["overlap"] == {"policy": "allow", "limit": None}
    assert (patched["jitter_s"], patched["flexible_window_s"]) == (0, 0)


async def test_a_firing_refused_by_the_overlap_policy_can_be_had_anyway(client: Client) -> None:
    fields = {"schedule": {"kind": "on_demand"}, "actions": [{"job": "gate"}]}
    body = {**NIGHTLY, **fields, "overlap": {"policy": "skip"}}
    await call(client, "POST", "/v1/triggers", 201, json=body)
    path = "/v1/triggers/nightly/fire"
    await call(client, "POST", path, 201)
    await refused(client, "POST", path, "overlap")
    anyway = await call(client, "POST", path, 201, json={"overlap": "allow"})
    assert anyway["items"][0]["held"] is False


async def test_slots_to_come_begin_a_day_ago_whatever_their_end(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    path = "/v1/triggers/nightly/slots?limit=2&until=2150-01-01T00:00:00Z"
    listed = await call(client, "GET", path)
    made = await call(client, "GET", "/v1/triggers/nightly")
    assert listed["items"][0]["slot"] == made["next_slot"]


async def test_patched_schedule_merges_within_its_kind(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    patch = {"schedule": {"expression": "*/5 * * * *"}, "misfire": {"policy": "skip"}}
    trigger = await call(client, "PATCH", "/v1/triggers/nightly", json=patch)
    assert trigger["schedule"] == {
        "kind": "cron",
        "expression": "*/5 * * * *",
        "dialect": "vixie",
        "zone": "Europe/Prague",
        "gap": "skip",
        "fold": "both",
    }
    assert trigger["misfire"]["policy"] == "skip"
    assert trigger["misfire"]["coalesce"] == "latest"


@pytest.mark.parametrize("schedule", [{"expression": "x"}, {"every_s": 5}, {"kind": "at"}, 5, None])
async def test_wrong_patch_of_a_schedule_is_refused(client: Client, schedule: object) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    path, patch = "/v1/triggers/nightly", {"schedule": schedule}
    problem = await refused(client, "PATCH", path, "invalid_input", json=patch)
    assert {name.partition(".")[0] for name in reasons(problem)} == {"schedule"}
    assert (await call(client, "GET", path))["version"] == 1


async def test_fire_starts_all_actions_without_a_slot(client: Client) -> None:
    body = {
        "name": "both",
        "schedule": {"kind": "on_demand"},
        "actions": [{"job": "add", "arguments": {"a": 1}}, {"job": "add"}],
    }
    await call(client, "POST", "/v1/triggers", 201, json=body)
    path, given = "/v1/triggers/both/fire", {"arguments": {"b": 2}}
    runs = (await call(client, "POST", path, 201, json=given))["items"]
    assert [(run["job"], run["trigger"], run["slot"]) for run in runs] == [
        ("add", "both", None),
        ("add", "both", None),
    ]
    assert [run["arguments"] for run in runs] == [{"a": 1, "b": 2}, {"b": 2}]


async def test_due_slot_runs_and_is_in_the_ledger(client: Client) -> None:
    body = {
        "name": "often",
        "schedule": {"kind": "interval", "every_s": 0.1},
        "actions": [{"job": "add"}],
        "max_firings": 2,
    }
    await call(client, "POST", "/v1/triggers", 201, json=body)
    while (await call(client, "GET", "/v1/triggers/often"))["state"] != "completed":
        pass
    slots = (await call(client, "GET", "/v1/triggers/often/slots"))["items"]
    assert [slot["decision"] for slot in slots] == ["fired", "fired"]
    runs = (await call(client, "GET", "/v1/runs?trigger=often"))["items"]
    assert sorted(run["id"] for run in runs) == [slot["run_ids"][0] for slot in slots]
    assert {run["slot"] for run in runs} == {slot["slot"] for slot in slots}


async def test_slots_to_come_are_pending_and_marked(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    window = "from=2027-03-27T00:00:00Z&until=2027-03-30T00:00:00Z"
    page = await call(client, "GET", f"/v1/triggers/nightly/slots?{window}")
    assert [(slot["slot"], slot["local"], slot["marks"]) for slot in page["items"]] == [
        ("2027-03-27T01:00:00Z", "2027-03-27T02:00:00+01:00", []),
        ("2027-03-28T01:00:00Z", "2027-03-28T03:00:00+02:00", ["dst_gap"]),
        ("2027-03-29T00:00:00Z", "2027-03-29T02:00:00+02:00", []),
    ]
    assert {slot["decision"] for slot in page["items"]} == {"pending"}


async def test_pages_of_slots_neither_skip_nor_repeat(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    path = "/v1/triggers/nightly/slots?from=2027-05-01T00:00:00Z&until=2027-05-08T00:00:00Z"
    whole = (await call(client, "GET", path))["items"]
    parts, cursor = [], ""
    while cursor is not None:
        page = await call(client, "GET", f"{path}&limit=3{cursor and '&cursor=' + cursor}")
        parts += page["items"]
        cursor = page["next_cursor"]
    assert parts == whole
    assert len(whole) == 7


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "from=9999-12-31T23:59:59Z",
        "from=x",
        "limit=0",
        "until=2026-01-01",
    ],
)
async def test_wrong_window_of_slots_is_400(client: Client, query: str) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    await refused(client, "GET", f"/v1/triggers/nightly/slots?{query}", "invalid_query")


async def test_triggers_are_listed_by_job_and_state(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    other = {**NIGHTLY, "name": "other", "actions": [{"job": "fail"}], "start_on_create": False}
    await call(client, "POST", "/v1/triggers", 201, json=other)

    async def names(query: str) -> list[str]:
        page = await call(client, "GET", f"/v1/triggers?{query}")
        return [trigger["name"] for trigger in page["items"]]

    assert await names("") == ["nightly", "other"]
    assert await names("job=fail") == ["other"]
    assert await names("state=active") == ["nightly"]
    assert await names("state=active&job=fail") == []


async def test_deleted_trigger_is_gone_and_its_runs_stay(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    (run,) = (await call(client, "POST", "/v1/triggers/nightly/fire", 201))["items"]
    await call(client, "DELETE", "/v1/triggers/nightly", 204)
    for suffix in ("", "/slots"):
        await refused(client, "GET", f"/v1/triggers/nightly{suffix}", "not_found")
    assert (await call(client, "GET", f"/v1/runs/{run['id']}"))["trigger"] == "nightly"


def listed(*names: str, **changes: Any) -> dict[str, Any]:
    """A request for triggers of these names."""
    return {"triggers": [{**NIGHTLY, "name": name, **changes} for name in names]}


async def test_many_triggers_are_created_in_order_by_one_request(client: Client) -> None:
    body = listed("b", "a")
    body["triggers"][1]["start_on_create"] = False
    answer = await call(client, "POST", "/v1/triggers/bulk?group=default", 201, json=body)
    assert [(each["name"], each["state"]) for each in answer["items"]] == [
        ("b", "active"),
        ("a", "inactive"),
    ]
    assert await call(client, "GET", "/v1/triggers/b") == answer["items"][0]


async def test_wrong_fields_of_many_triggers_are_named_by_place(client: Client) -> None:
    body = listed("a", "b", "c")
    body["triggers"][0]["jitter_s"] = -1
    body["triggers"][1] = 5
    body["triggers"][2]["schedule"] = {"kind": "cron", "expression": "61 * * * *"}
    problem = await refused(client, "POST", "/v1/triggers/bulk", "invalid_input", json=body)
    assert set(reasons(problem)) == {
        "triggers[0].jitter_s",
        "triggers[1]",
        "triggers[2].schedule.expression",
    }
    assert (await call(client, "GET", "/v1/triggers"))["items"] == []


async def test_what_the_store_finds_wrong_in_many_triggers_is_named_by_place_too(
    client: Client,
) -> None:
    body = listed("a", "b", "a")
    body["triggers"][1]["actions"] = [{"job": "add"}, {"job": "nope"}]
    problem = await refused(client, "POST", "/v1/triggers/bulk", "invalid_input", json=body)
    assert set(reasons(problem)) == {"triggers[1].actions[1].job", "triggers[2].name"}


async def test_a_taken_name_among_many_creates_none(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    body = listed("a", "nightly")
    problem = await refused(client, "POST", "/v1/triggers/bulk", "already_exists", json=body)
    assert "'nightly'" in problem["detail"]
    assert len((await call(client, "GET", "/v1/triggers"))["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"triggers": []}, {"triggers": {}}, {"triggers": None}, [], {"trigger": [NIGHTLY]}],
)
async def test_a_list_of_triggers_has_to_be_one(client: Client, body: Any) -> None:
    await refused(client, "POST", "/v1/triggers/bulk", "invalid_input", json=body)


async def test_a_thousand_triggers_are_one_request_and_more_are_refused(client: Client) -> None:
    small = {"schedule": {"kind": "interval", "every_s": 3600}, "misfire": {"grace_s": 5}}
    most = listed(*(f"t{number}" for number in range(1000)), **small)
    answer = await call(client, "POST", "/v1/triggers/bulk", 201, json=most)
    assert len(answer["items"]) == 1000
    most["triggers"].append({**NIGHTLY, "name": "one-more"})
    problem = await refused(client, "POST", "/v1/triggers/bulk", "invalid_input", json=most)
    assert set(reasons(problem)) == {"triggers"}


async def test_a_trigger_may_be_named_as_the_path_of_many(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json={**NIGHTLY, "name": "bulk"})
    assert (await call(client, "GET", "/v1/triggers/bulk"))["name"] == "bulk"
    await call(client, "DELETE", "/v1/triggers/bulk", 204)
