"""Batch runs over HTTP: what is told of them, their instances and steps.

The numbers in docstrings are those of the behaviour cases in the specification of batch jobs.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from callboard import Callboard
from callboard.batch import BatchJob
from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_step import StepCounts, StepState
from callboard.domain.batch_summary import MOST_SHOWN
from callboard.domain.batch_totals import InstanceTotals, StepTotals
from callboard.errors import Conflict
from callboard_service.problems import answer_to
from callboard_service.wire.batch_totals import totals_resource
from service.conftest import Client
from support.batch_calls import DAY, DONE, JOBS, RUNS, failed, held, let_go, start
from support.batch_shop import Shop
from support.service_calls import call, refused


async def test_batch_jobs_are_listed_with_what_they_are_made_of(client: Client, shop: Shop) -> None:
    """Case 82: sorted, also those that never ran."""
    listed = await call(client, "GET", "/v1/jobs?kind=batch")
    assert [job["name"] for job in listed["items"]] == ["count", "once", "plain", "settle"]
    spec = listed["items"][3]["spec"]
    assert [step["name"] for step in spec["steps"]] == ["load", "report"]
    assert [rule["name"] for rule in spec["parameters"]] == ["day", "operator"]


async def test_live_runs_of_an_idle_and_of_an_unknown_job(client: Client, shop: Shop) -> None:
    """Case 83."""
    live = "state=queued&state=running&state=stopping"
    assert (await call(client, "GET", f"{RUNS}?{live}"))["items"] == []
    over = await start(client)
    assert (await call(client, "GET", f"{RUNS}?{live}"))["items"] == []
    assert (await call(client, "GET", RUNS))["items"] == [over]
    await refused(client, "GET", f"/v1/jobs/none/runs?{live}", "not_found")


async def test_steps_are_listed_by_id_with_counts(client: Client, shop: Shop) -> None:
    """Case 85."""
    run = await start(client)
    load, report = (await call(client, "GET", f"/v1/runs/{run['id']}/steps"))["items"]
    assert load["id"] < report["id"]
    assert (load["counts"]["reads"], load["counts"]["writes"], load["counts"]["commits"]) == (
        9,
        9,
        3,
    )
    assert load["summary"]
    assert (load["expected"], load["visit"], load["manager_id"]) == (9, 1, None)
    page = await call(client, "GET", f"/v1/runs/{run['id']}/steps?limit=1")
    rest = f"/v1/runs/{run['id']}/steps?limit=1&cursor={page['next_cursor']}"
    assert (await call(client, "GET", rest))["items"] == [report]
    assert await call(client, "GET", f"/v1/steps/{load['id']}") == load
    context = await call(client, "GET", f"/v1/steps/{report['id']}/context")
    assert context["context"] == {"pages": 2}


async def test_instances_are_listed_newest_first_in_pages(client: Client, shop: Shop) -> None:
    """Case 86."""
    for day in range(1, 6):
        await start(client, day=f"2026-01-0{day}")
    listed: list[str] = []
    query = "limit=2"
    while True:
        page = await call(client, "GET", f"{JOBS}/instances?{query}")
        listed += [each["parameters"]["day"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert listed == [f"2026-01-0{day}" for day in range(5, 0, -1)]


async def test_a_summary_comes_as_json_and_as_text(client: Client, shop: Shop) -> None:
    run = await start(client)
    path = f"/v1/runs/{run['id']}/summary"
    summary = await call(client, "GET", path)
    assert (summary["exit_code"], summary["counts"]["writes"]) == ("COMPLETED", 9)
    assert [step["name"] for step in summary["steps"]] == ["load", "report"]
    async with client.get(path, headers={"Accept": "text/plain"}) as response:
        assert response.content_type == "text/plain"
        assert await response.text() == summary["text"].rstrip("\n") + "\n"
    context = await call(client, "GET", f"/v1/runs/{run['id']}/context")
    assert context["context"] == {"loaded": 9}


async def test_totals_add_up_all_runs(client: Client, shop: Shop) -> None:
    run = await failed(client, shop)
    await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    totals = await call(client, "GET", f"/v1/instances/{run['instance_id']}/totals")
    assert (totals["runs"], totals["counts"]["writes"]) == (2, 9)
    assert [(each["name"], each["executions"]) for each in totals["steps"]] == [
        ("load", 2),
        ("report", 1),
    ]


async def test_single_things_have_etags_that_change_with_them(client: Client, shop: Shop) -> None:
    run = await failed(client, shop)
    (step,) = (await call(client, "GET", f"/v1/runs/{run['id']}/steps"))["items"]
    paths = [f"/v1/runs/{run['id']}", f"/v1/instances/{run['instance_id']}"]
    paths += [f"/v1/steps/{step['id']}", f"{paths[0]}/summary", f"{paths[0]}/restart-plan"]
    paths += [f"{paths[1]}/totals"]
    tags = {}
    for path in paths:
        async with client.get(path) as response:
            tags[path] = response.headers["ETag"]
        async with client.get(path, headers={"If-None-Match": tags[path]}) as response:
            assert response.status == 304
    await call(client, "POST", f"/v1/runs/{run['id']}/abandon")
    for path in (*paths[:2], *paths[3:]):
        async with client.get(path, headers={"If-None-Match": tags[path]}) as response:
            assert response.status == 200, path


async def test_an_instance_that_has_changed_since_is_not_forgotten(
    client: Client, shop: Shop
) -> None:
    run = await failed(client, shop)
    path = f"/v1/instances/{run['instance_id']}"
    async with client.get(path) as response:
        seen = {"If-Match": response.headers["ETag"]}
    await call(client, "POST", f"/v1/runs/{run['id']}/abandon")
    await refused(client, "DELETE", path, "stale_version", headers=seen)
    async with client.get(path) as response:
        seen = {"If-Match": response.headers["ETag"]}
    await call(client, "DELETE", path, 204, headers=seen)


async def test_an_instance_is_forgotten_when_it_is_over(client: Client, shop: Shop) -> None:
    run = await held(client, shop)
    path = f"/v1/instances/{run['instance_id']}"
    await refused(client, "DELETE", path, "run_already_running")
    await let_go(client, shop, run)
    await call(client, "DELETE", path, 204)
    await refused(client, "GET", path, "not_found")
    assert (await start(client))["state"] == "succeeded"


async def test_a_picture_comes_as_svg_and_as_text(client: Client, shop: Shop) -> None:
    run = await failed(client, shop)
    again = await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    path = f"/v1/runs/{again['id']}/picture"
    async with client.get(path) as response:
        assert response.content_type == "image/svg+xml"
        document = await response.text()
        assert document.startswith("<svg ")
        assert f"run {run['id']} failed" not in document
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    async with client.get(f"{path}?instance=true", headers={"Accept": "text/plain"}) as response:
        text = await response.text()
        assert f"run {run['id']} failed" in text
        assert f"run {again['id']} succeeded" in text
    await refused(client, "GET", f"{path}?columns=1", "invalid_query")


async def test_the_stream_tells_of_steps_and_of_progress_with_its_rate(
    client: Client, shop: Shop
) -> None:
    """Case 37: the stop comes within the last chunk."""
    shop.holds_at = 8
    run = await start(client, query="wait_s=0", **DAY)
    await asyncio.wait_for(shop.reached.wait(), 20)
    seen: list[Any] = []
    async with client.ws_connect(f"/v1/stream?after=0&run={run['id']}") as socket:
        await call(client, "POST", f"/v1/runs/{run['id']}/stop")
        shop.go_on.set()
        while not seen or seen[-1]["type"] != "run.ended":
            seen.append(await socket.receive_json(timeout=20))
    types = [message["type"] for message in seen]
    assert types.count("step.started") == types.count("step.ended") == 1
    began, ended = (each["step"] for each in seen if each["type"].startswith("step."))
    assert (began["step"], began["run_id"], began["name"]) == ("load", run["id"], "settle")
    assert (ended["state"], ended["counts"]["writes"]) == ("stopped", 9)
    said = seen[-1]["run"]["progress"]
    assert (said["done"], said["total"], said["step"]) == (9, 9, "load")
    assert said["rate"] > 0


async def test_facts_of_a_refusal_are_members_of_its_document_and_replace_none() -> None:
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    conflict = Conflict("run_not_running", "it has ended", run_id=7, at=at, status=1, detail="x")
    answer = answer_to(conflict)
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "type": "/problems/run_not_running",
        "title": "The run has ended",
        "status": 409,
        "code": "run_not_running",
        "detail": "it has ended",
        "errors": [],
        "run_id": 7,
        "at": "2026-01-05T10:00:00Z",
    }


async def test_what_was_skipped_is_listed_in_pages(client: Client, board: Callboard) -> None:
    job = BatchJob("skipping")

    @job.step
    async def sort(ctx: Any) -> None:
        async for chunk in ctx.chunks(range(5), size=2):
            for item in chunk:
                chunk.skip(item, f"{item} is odd" if item % 2 else "even")
            async with chunk:
                pass

    await board.define(job)
    run = await start(client, "/v1/jobs/skipping/runs")
    path = f"/v1/runs/{run['id']}/skipped"
    seen: list[str] = []
    query = "limit=2"
    while True:
        page = await call(client, "GET", f"{path}?{query}")
        seen += [item["item"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert seen == ["0", "1", "2", "3", "4"]
    first, second = (await call(client, "GET", f"{path}?limit=2"))["items"]
    assert (first["phase"], second["error_message"]) == ("process", "1 is odd")
    assert len(first["item_hash"]) == 64


def test_of_very_many_partitions_the_totals_show_the_steps_and_the_first_ones() -> None:
    parts = [a_total(f"all:{number}") for number in range(2 * MOST_SHOWN)]
    steps = (a_total("all"), *parts, a_total("report"))
    totals = InstanceTotals(
        runs=1, counts=StepCounts(), wall_s=1, expected=None, rate=None, eta_s=None, steps=steps
    )
    instance = BatchInstance(job="settle", key="k", parameters={}, live_run_id=1)
    shown = totals_resource(instance, totals)
    names = [each.name for each in parts[: MOST_SHOWN - 2]]
    assert [each.name for each in shown.steps] == ["all", "report", *names]
    assert shown.steps_total == 2 * MOST_SHOWN + 2


def a_total(name: str) -> StepTotals:
    return StepTotals(
        name=name,
        visit=1,
        executions=1,
        state=StepState.SUCCEEDED,
        exit_code="COMPLETED",
        counts=StepCounts(writes=1),
        wall_s=1,
        expected=None,
        rate=None,
        eta_s=None,
    )
