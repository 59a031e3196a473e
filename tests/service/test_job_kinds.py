"""Kinds of jobs over HTTP: http, and those that nobody executes."""

from __future__ import annotations

from typing import Any

import pytest

from support.service_calls import Client, call, reasons, refused

HTTP: dict[str, Any] = {
    "name": "ping",
    "kind": "http",
    "spec": {"url": "http://127.0.0.1:8080/{{ arguments.x }}", "headers": {"X-A": "{{ run_id }}"}},
    "arguments": {"x": "y"},
}


async def test_an_http_job_is_refused_by_the_egress_guard_when_it_runs(client: Client) -> None:
    """G40"""
    await call(client, "POST", "/v1/jobs", 201, json=HTTP)
    run = await call(client, "POST", "/v1/jobs/ping/runs", 201, json={})
    run = await call(client, "GET", f"/v1/runs/{run['id']}?wait_s=10")
    assert (run["state"], run["error"]["type"]) == ("failed", "HttpRefused")
    assert "127.0.0.1 is a loopback address" in run["error"]["message"]


async def test_what_is_wrong_with_an_http_spec_is_named(client: Client) -> None:
    spec = {"url": "https://{{ arguments.host }}/", "headers": {"X": "a\r\nb"}, "timeout": 3}
    problem = await refused(
        client, "POST", "/v1/jobs", "invalid_input", json={**HTTP, "spec": spec}
    )
    assert set(reasons(problem)) == {"spec.url", "spec.headers.X", "spec.timeout"}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/jobs"), ("PUT", "/v1/jobs/x"), ("PATCH", "/v1/jobs/ping")]
)
async def test_a_kind_that_nobody_executes_is_refused(
    client: Client, method: str, path: str
) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=HTTP)
    body: dict[str, Any] = {"kind": "ssh", "spec": {"host": "x"}}
    if method == "POST":
        body["name"] = "x"
    problem = await refused(client, method, path, "invalid_input", json=body)
    assert reasons(problem) == {"kind": "'ssh' is a kind that no runner here executes"}
    assert "python, command, http, script" in problem["errors"][0]["fix"]
    stored = await call(client, "GET", "/v1/jobs")
    assert [job["kind"] for job in stored["items"]] == ["http"]
