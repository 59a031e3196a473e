"""Requests to the door whose answers are checked on the way."""

from __future__ import annotations

from typing import Any

from callboard import Callboard
from doors.batch.conftest import Client
from support.service_calls import call

PROBLEM = "application/problem+json"


async def refused(
    client: Client, method: str, path: str, status: int, code: str, **options: Any
) -> dict[str, Any]:
    """The problem document of an answer that is refused with the status and the code."""
    async with client.request(method, path, **options) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (status, PROBLEM), text
        problem: dict[str, Any] = await response.json()
    assert (problem["code"], problem["status"]) == (code, status), text
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"].startswith("/problems/")
    return problem


async def start(client: Client, job: str, **parameters: Any) -> dict[str, Any]:
    """The document of the execution that was started with these parameters."""
    body = {"parameters": parameters}
    path = f"/api/jobs/{job}/executions"
    document: dict[str, Any] = await call(client, "POST", path, 202, json=body)
    return document


async def ended(client: Client, board: Callboard, execution: dict[str, Any]) -> dict[str, Any]:
    """The execution when it has ended."""
    await board.wait_run(execution["id"], timeout_s=20)
    document: dict[str, Any] = await call(client, "GET", f"/api/executions/{execution['id']}")
    return document


async def run(client: Client, board: Callboard, job: str, **parameters: Any) -> dict[str, Any]:
    """An execution that was started with these parameters, when it has ended."""
    return await ended(client, board, await start(client, job, **parameters))


async def post(client: Client, execution: dict[str, Any], what: str, status: int = 202) -> Any:
    """The answer to stop, restart, abandon, recover."""
    return await call(client, "POST", f"/api/executions/{execution['id']}/{what}", status)
