"""/v1/runs over HTTP: starting, waiting, finding, stopping."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard, HandlerRegistry, RunContext, StopMode
from support.service_calls import Client, call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")


async def ended(client: Client, run_id: int) -> dict[str, Any]:
    run: dict[str, Any] = await call(client, "GET", f"/v1/runs/{run_id}?wait_s=10")
    return run


async def test_runs_are_found_by_the_words_of_other_systems(client: Client) -> None:
    run = await call(
        client, "POST", "/v1/jobs/add/runs?wait_s=10", 201, json={"arguments": {"a": 1, "b": 2}}
    )
    assert run["state_word"] == "complete"
    for word, count in (("complete", 1), ("COMPLETE", 1), ("SUCCEEDED", 1), ("fail", 0)):
        found = await call(client, "GET", f"/v1/runs?state={word}")
        assert len(found["items"]) == count, word


async def test_started_run_has_every_field_of_the_resource(client: Client) -> None:
    body = {"arguments": {"a": 1, "b": 2}}
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201, json=body)
    for name in ("created_at", "due_at", "started_at", "ended_at"):
        assert run.pop(name).endswith("Z")
    assert len(run.pop("trace_id")) == 32
    assert run.pop("node")
    id = run["id"]
    assert run == {
        "id": id,
        "job": "add",
        "group": "default",
        "trigger": None,
        "slot": None,
        "state": "succeeded",
        "attempt": 1,
        "previous_run_id": None,
        "chain_id": id,
        "arguments": {"a": 1, "b": 2},
        "result": 3,
        "error": None,
        "progress": None,
        "unique_key": None,
        "priority": 0,
        "queue": None,
        "concurrency_key": None,
        "start_by": None,
        "chain_until": None,
        "timeout_s": None,
        "workflow_run_id": None,
        "instance_id": None,
        "annotations": {},
        "state_word": "complete",
        "held": False,
        "crashes": 0,
    }


async def test_failed_run_says_why(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/fail/runs?wait_s=10", 201)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "ValueError"
    assert run["error"]["message"] == "no luck"
    assert "conftest.py" in run["error"]["traceback"]
    assert run["error"]["exit_code"] is None


async def test_start_without_waiting_answers_at_once(client: Client) -> None:
    async with client.post("/v1/jobs/gate/runs") as response:
        assert response.status == 201
        run = await response.json()
        assert run["state"] in ("queued", "running")
        assert response.headers["Location"] == f"/v1/runs/{run['id']}"


async def test_wait_ends_with_the_time(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/gate/runs?wait_s=0.05", 201)
    assert run["state"] in ("queued", "running")


@pytest.mark.parametrize("wait_s", ["-1", "301", "nan", "soon"])
async def test_wrong_wait_is_400(client: Client, wait_s: str) -> None:
    path = f"/v1/jobs/add/runs?wait_s={wait_s}"
    await refused(client, "POST", path, "invalid_query")
    assert (await call(client, "GET", "/v1/runs"))["items"] == []


async def test_run_of_an_unknown_job_is_404(client: Client) -> None:
    await refused(client, "POST", "/v1/jobs/nope/runs", "not_found")
    await refused(client, "POST", "/v1/jobs/add/runs?group=other", "not_found")


async def test_run_of_a_disabled_job_is_409(client: Client) -> None:
    await call(client, "PATCH", "/v1/jobs/add", json={"disabled": True})
    await refused(client, "POST", "/v1/jobs/add/runs", "job_disabled")


async def test_later_run_waits_for_its_instant(client: Client) -> None:
    body = {"due_at": "2100-01-01T00:00:00.000001+01:00"}
    run = await call(client, "POST", "/v1/jobs/add/runs", 201, json=body)
    assert run["due_at"] == "2099-12-31T23:00:00.000001Z"
    assert run["state"] == "queued"


async def test_wrong_fields_of_a_start_are_all_listed(client: Client) -> None:
    body = {"arguments": 1, "due_at": "2026-01-01T00:00:00", "unique_key": "", "args": {}}
    problem = await refused(client, "POST", "/v1/jobs/add/runs", "invalid_input", json=body)
    assert set(reasons(problem)) == {"arguments", "due_at", "unique_key", "args"}


async def test_unique_key_gives_the_live_run(client: Client) -> None:
    body = {"unique_key": "nightly"}
    first = await call(client, "POST", "/v1/jobs/gate/runs", 201, json=body)
    second = await call(client, "POST", "/v1/jobs/gate/runs", 201, json=body)
    assert second["id"] == first["id"]


async def test_bulk_start_is_in_order(client: Client) -> None:
    body = {"runs": [{"job": "add", "arguments": {"a": n}} for n in range(5)]}
    items = (await call(client, "POST", "/v1/runs", 201, json=body))["items"]
    assert [run["arguments"]["a"] for run in items] == [0, 1, 2, 3, 4]
    assert [run["id"] for run in items] == sorted(run["id"] for run in items)


async def test_bulk_start_is_all_or_none(client: Client) -> None:
    body = {"runs": [{"job": "add"}, {"job": "nope"}, {"job": "add"}, {"job": "gone"}]}
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=body)
    assert set(reasons(problem)) == {"runs[1].job", "runs[3].job"}
    assert (await call(client, "GET", "/v1/runs"))["items"] == []


async def test_wrong_fields_of_a_bulk_start_are_named_by_place(client: Client) -> None:
    body = {"runs": [{"job": "add"}, {"job": "a b", "x": 1}, 5, {"job": "add", "due_at": "now"}]}
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=body)
    assert {"runs[1].x", "runs[2]"} <= set(reasons(problem))


@pytest.mark.parametrize(
    ("count", "reason"), [(0, "is empty"), (10_001, "has more than 10000 items")]
)
async def test_too_many_runs_or_none_are_refused(client: Client, count: int, reason: str) -> None:
    body = {"runs": [{"job": "add"}] * count}
    problem = await call(client, "POST", "/v1/runs", 422, json=body)
    assert reasons(problem) == {"runs": reason}


async def test_ten_thousand_runs_start_in_one_request(client: Client) -> None:
    body = {"runs": [{"job": "gate", "due_at": "2100-01-01T00:00:00Z"}] * 10_000}
    answer = await call(client, "POST", "/v1/runs", 201, json=body)
    assert len({run["id"] for run in answer["items"]}) == 10_000
    body["runs"].append({"job": "gate"})
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=body)
    assert set(reasons(problem)) == {"runs"}


async def test_list_is_newest_first_and_filtered(client: Client) -> None:
    added = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)
    failed = await call(client, "POST", "/v1/jobs/fail/runs?wait_s=10", 201)

    async def ids(query: str) -> list[int]:
        return [run["id"] for run in (await call(client, "GET", f"/v1/runs?{query}"))["items"]]

    assert await ids("") == [failed["id"], added["id"]]
    assert await ids("job=add") == [added["id"]]
    assert await ids("state=failed&state=stopped") == [failed["id"]]
    assert await ids("state=succeeded&job=fail") == []
    assert await ids(f"chain_id={added['id']}") == [added["id"]]
    assert await ids(f"from={failed['created_at']}") == [failed["id"]]
    assert await ids(f"until={failed['created_at']}") == [added["id"]]
    assert await ids("group=other") == []


async def test_a04_pages_neither_skip_nor_repeat_while_runs_come(client: Client) -> None:
    for n in range(7):
        await call(client, "POST", "/v1/jobs/add/runs", 201, json={"arguments": {"a": n}})
    seen, cursor = [], ""
    while cursor is not None:
        page = await call(client, "GET", f"/v1/runs?limit=2{cursor and '&cursor=' + cursor}")
        seen += [run["arguments"]["a"] for run in page["items"]]
        cursor = page["next_cursor"]
        await call(client, "POST", "/v1/jobs/add/runs", 201, json={"arguments": {"a": 99}})
    assert seen == [6, 5, 4, 3, 2, 1, 0]


async def test_cursor_of_other_filters_is_400(client: Client) -> None:
    for _ in range(3):
        await call(client, "POST", "/v1/jobs/add/runs", 201)
    cursor = (await call(client, "GET", "/v1/runs?limit=1"))["next_cursor"]
    await call(client, "GET", f"/v1/runs?limit=2&cursor={cursor}")
    await refused(client, "GET", f"/v1/runs?job=add&cursor={cursor}", "invalid_cursor")
    await refused(client, "GET", f"/v1/jobs?cursor={cursor}", "invalid_cursor")


async def test_running_run_is_stopped(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    stopped = await call(client, "POST", f"/v1/runs/{run['id']}/stop", json={"grace_s": 1})
    assert stopped["state"] in ("stopping", "stopped")
    assert (await ended(client, run["id"]))["state"] == "stopped"


async def test_stop_of_an_ended_run_is_409(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)
    await refused(client, "POST", f"/v1/runs/{run['id']}/stop", "illegal_transition")


async def test_wrong_fields_of_a_stop_are_listed(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    path, body = f"/v1/runs/{run['id']}/stop", {"mode": "gently", "grace_s": -1, "why": "x"}
    problem = await refused(client, "POST", path, "invalid_input", json=body)
    assert set(reasons(problem)) == {"mode", "grace_s", "why"}


async def test_retry_is_a_new_run_of_the_chain(client: Client) -> None:
    failed = await call(client, "POST", "/v1/jobs/fail/runs?wait_s=10", 201)
    again = await call(client, "POST", f"/v1/runs/{failed['id']}/retry", 201)
    assert again["id"] > failed["id"]
    assert again["previous_run_id"] == failed["id"]
    assert again["chain_id"] == failed["chain_id"]
    assert again["attempt"] == 2


async def test_retry_of_a_succeeded_run_is_409(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)
    await refused(client, "POST", f"/v1/runs/{run['id']}/retry", "not_retryable")


async def test_parked_run_is_released_by_retry(client: Client) -> None:
    body = {"name": "lost", "kind": "python", "spec": {"handler": "nowhere:none"}}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    run = await call(client, "POST", "/v1/jobs/lost/runs", 201)
    while run["state"] != "parked":
        run = await call(client, "GET", f"/v1/runs/{run['id']}")
    assert "nowhere" in run["error"]["message"]
    released = await call(client, "POST", f"/v1/runs/{run['id']}/retry", 200)
    assert released["id"] == run["id"]


async def test_failed_run_is_abandoned_once(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/fail/runs?wait_s=10", 201)
    abandoned = await call(client, "POST", f"/v1/runs/{run['id']}/abandon")
    assert abandoned["state"] == "abandoned"
    await refused(client, "POST", f"/v1/runs/{run['id']}/abandon", "illegal_transition")


async def test_unchanged_run_is_304(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)
    path = f"/v1/runs/{run['id']}"
    async with client.get(path) as response:
        tag = response.headers["ETag"]
    async with client.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
        assert response.headers["ETag"] == tag


async def test_wait_hears_of_a_run_that_ends_elsewhere(client: Client, board: Callboard) -> None:
    run = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    waiting = asyncio.ensure_future(ended(client, run["id"]))
    await board.stop_run(run["id"], mode=StopMode.KILL)
    assert (await waiting)["state"] == "stopped"


async def test_log_is_given_in_pages(client: Client) -> None:
    body = {"arguments": {"lines": 5}}
    run = await call(client, "POST", "/v1/jobs/talk/runs?wait_s=10", 201, json=body)
    path = f"/v1/runs/{run['id']}/log"
    first = await call(client, "GET", f"{path}?limit=3")
    assert [line["text"] for line in first["items"]] == ["line 0", "line 1", "line 2"]
    assert set(first["items"][0]) == {"seq", "at", "stream", "level", "text", "fields"}
    second = await call(client, "GET", f"{path}?limit=3&cursor={first['next_cursor']}")
    assert [line["seq"] for line in second["items"]] == [4, 5]
    assert second["next_cursor"] is None
    after = await call(client, "GET", f"{path}?after=4")
    assert [line["seq"] for line in after["items"]] == [5]


async def test_log_of_a_level_leaves_out_what_is_below(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/talk/runs?wait_s=10", 201)
    page = await call(client, "GET", f"/v1/runs/{run['id']}/log?level=warning")
    assert page == {"items": [], "next_cursor": None}


async def test_log_is_searched(client: Client) -> None:
    run = await call(
        client, "POST", "/v1/jobs/talk/runs?wait_s=10", 201, json={"arguments": {"lines": 12}}
    )
    path = f"/v1/runs/{run['id']}/log"
    first = await call(client, "GET", f"{path}?search=E%201&limit=2")
    assert [line["seq"] for line in first["items"]] == [2, 11]
    query = f"search=E%201&limit=2&cursor={first['next_cursor']}"
    second = await call(client, "GET", f"{path}?{query}")
    assert ([line["seq"] for line in second["items"]], second["next_cursor"]) == ([12], None)
    assert (await call(client, "GET", f"{path}?search=%25"))["items"] == []
    assert (await call(client, "GET", f"{path}?stream=stderr"))["items"] == []


@pytest.mark.parametrize(
    "query", ["search=", "search=" + "x" * 201, "stream=stdin", "level=loud", "search=a%00"]
)
async def test_log_is_not_searched_for_what_cannot_be(client: Client, query: str) -> None:
    run = await call(client, "POST", "/v1/jobs/talk/runs", 201)
    await refused(client, "GET", f"/v1/runs/{run['id']}/log?{query}", "invalid_query")


async def test_progress_of_a_run_is_shown(client: Client, handlers: HandlerRegistry) -> None:
    def work(ctx: RunContext) -> None:
        ctx.progress(1, 4, "\x1b[31mrows")

    handlers.register("work", work)
    body = {"name": "work", "kind": "python", "spec": {"handler": "work"}}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    run = await call(client, "POST", "/v1/jobs/work/runs?wait_s=10", 201)
    said = run["progress"]
    assert said.pop("at").endswith("Z")
    of_batch_runs = {"rate": None, "eta_s": None, "step": None}
    assert said == {"done": 1, "total": 4, "note": "\x1b[31mrows", **of_batch_runs}
