"""Probes, nodes and metrics."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callboard import Callboard, Health
from callboard_service.native.health import HOPELESS_SKEW_S
from support.service_calls import Client, call, refused

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(client: Client) -> Samples:
    async with client.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_process_is_live(client: Client) -> None:
    assert await call(client, "GET", "/healthz") == {"status": "live"}


async def test_node_is_ready(client: Client, board: Callboard) -> None:
    ready = await call(client, "GET", "/readyz")
    assert (ready["status"], ready["node"], ready["store"]) == (
        "ready",
        board.health().node,
        "up",
    )
    assert ready["warnings"] == []


async def test_node_that_is_not_ready_says_why(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwell = replace(
        board.health(), is_ready=False, is_store_up=False, reasons=("no database", "no lease")
    )
    monkeypatch.setattr(board, "health", lambda: unwell)
    problem = await refused(client, "GET", "/readyz", "not_ready")
    assert problem["reasons"] == ["no database", "no lease"]
    assert problem["store"] == "down"
    await call(client, "GET", "/healthz")
    assert (await scraped(client))[key("callboard_ready")] == 0


def skewed(board: Callboard, by_s: float) -> Health:
    """The board's health as if its clock were that far ahead."""
    warnings = (f"this node's clock is {by_s} s ahead of the database's",)
    return replace(board.health(), clock_skew_s=by_s, warnings=warnings)


async def test_t04_node_with_a_wrong_clock_is_degraded_and_says_why(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwell = skewed(board, 30.0)
    monkeypatch.setattr(board, "health", lambda: unwell)
    ready = await call(client, "GET", "/readyz")
    assert (ready["status"], ready["clock_skew_s"]) == ("degraded", 30.0)
    assert ready["warnings"] == ["this node's clock is 30.0 s ahead of the database's"]
    assert (await scraped(client))[key("callboard_clock_skew_seconds")] == 30


async def test_t04_node_whose_clock_is_far_off_is_not_ready(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwell = skewed(board, HOPELESS_SKEW_S + 1)
    monkeypatch.setattr(board, "health", lambda: unwell)
    problem = await refused(client, "GET", "/readyz", "not_ready")
    assert problem["reasons"] == ["this node's clock is 301.0 s ahead of the database's"]


async def test_steps_of_clocks_are_counted(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumped = replace(board.health(), clock_jumps={"node": 2, "store": 1})
    monkeypatch.setattr(board, "health", lambda: jumped)
    found = await scraped(client)
    assert found[key("callboard_clock_jumps_total", source="node")] == 2
    assert found[key("callboard_clock_jumps_total", source="store")] == 1


async def test_closed_board_is_not_ready_and_refuses_with_503(
    client: Client, board: Callboard
) -> None:
    await board.close()
    await refused(client, "GET", "/readyz", "not_ready")
    async with client.get("/v1/jobs") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
    assert (await scraped(client))[key("callboard_store_up")] == 0


async def test_nodes_are_listed(client: Client, board: Callboard) -> None:
    (node,) = (await call(client, "GET", "/v1/nodes"))["items"]
    assert node["name"] == board.health().node
    assert node["is_live"] is True
    assert (node["role"], node["shards"]) == ("active", 64)
    assert (node["fires"], node["executes"]) == (True, True)


async def test_a_passive_node_is_ready_and_says_that_it_is(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    passive = replace(board.health(), shards=0, shards_taken_over=3)
    monkeypatch.setattr(board, "health", lambda: passive)
    ready = await call(client, "GET", "/readyz")
    assert (ready["status"], ready["role"], ready["shards"]) == ("ready", "passive", 0)
    found = await scraped(client)
    assert found[key("callboard_shards")] == 0
    assert found[key("callboard_shards_taken_over_total")] == 3


async def test_metrics_count_what_ended_and_what_lives(client: Client, jobs: list[str]) -> None:
    await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)
    await call(client, "POST", "/v1/jobs/fail/runs?wait_s=10", 201)
    await call(client, "POST", "/v1/runs", 201, json={"runs": [{"job": "gate", "due_at": FAR}] * 3})
    wanted = {
        key("callboard_runs_ended_total", state="succeeded"): 1,
        key("callboard_runs_ended_total", state="failed"): 1,
        key("callboard_run_duration_seconds_count", state="failed"): 1,
        key("callboard_run_wait_seconds_count"): 2,
        key("callboard_live_runs", state="queued"): 3,
        key("callboard_store_up"): 1,
        key("callboard_ready"): 1,
        key("callboard_stream_clients"): 0,
        key("callboard_mailbox_depth", actor="job_store"): 0,
    }
    found: Samples = {}
    while not wanted.items() <= found.items():  # the events follow the answers
        found = await scraped(client)
    route = {"method": "POST", "route": "/v1/jobs/{name}/runs"}
    assert found[key("callboard_http_requests_total", status="201", **route)] == 2
    assert found[key("callboard_http_request_duration_seconds_count", **route)] == 2


async def test_metrics_measure_how_late_slots_are(client: Client, jobs: list[str]) -> None:
    body = {
        "name": "soon",
        "schedule": {"kind": "interval", "every_s": 0.1},
        "actions": [{"job": "add"}],
        "max_firings": 1,
    }
    await call(client, "POST", "/v1/triggers", 201, json=body)
    while not (await scraped(client)).get(key("callboard_slot_lateness_seconds_count")):
        pass
    while (await scraped(client)).get(key("callboard_slots_total", decision="fired")) != 1:
        pass


async def test_metrics_name_the_jobs_that_blocked_the_loop(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T06."""
    blocked = replace(board.health(), loop_blocks={"report": (2, 61.5), "": (1, 1.25)})
    monkeypatch.setattr(board, "health", lambda: blocked)
    found = await scraped(client)
    name = "callboard_loop_blocked_seconds"
    assert found[key(f"{name}_count", job="report")] == 2
    assert found[key(f"{name}_sum", job="report")] == 61.5
    assert found[key(f"{name}_sum", job="")] == 1.25


async def test_two_services_in_one_process_count_apart(serve, jobs) -> None:  # type: ignore[no-untyped-def]
    first, second = await serve(), await serve()
    await call(first, "GET", "/v1/nodes")
    nodes = key("callboard_http_requests_total", method="GET", route="/v1/nodes", status="200")
    assert (await scraped(first))[nodes] == 1
    assert nodes not in await scraped(second)


async def test_unknown_paths_share_one_label(client: Client) -> None:
    for number in range(3):
        await refused(client, "GET", f"/nothing/{number}", "not_found")
    labels = {"method": "GET", "route": "(none)", "status": "404"}
    assert (await scraped(client))[key("callboard_http_requests_total", **labels)] == 3


FAR = "2100-01-01T00:00:00Z"
