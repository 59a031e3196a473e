"""Talking to a service in tests: requests whose answers are checked on the way."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient

from callboard_service.problem_codes import PROBLEM_CODES

Client = TestClient[Any, Any]


async def call(client: Client, method: str, path: str, status: int = 200, **options: Any) -> Any:
    """The JSON of an answer that has the status (None where it has no body)."""
    async with client.request(method, path, **options) as response:
        text = await response.text()
        assert response.status == status, f"{method} {path}: {response.status} {text}"
        return await response.json() if text else None


async def refused(
    client: Client, method: str, path: str, code: str, **options: Any
) -> dict[str, Any]:
    """The problem document of an answer that is refused with the code, by the code's status."""
    async with client.request(method, path, **options) as response:
        text = await response.text()
        assert response.content_type == "application/problem+json", text
        problem: dict[str, Any] = await response.json()
        assert problem["code"] == code, text
        assert problem["status"] == response.status == PROBLEM_CODES[code].status, text
        assert problem["type"] == f"/problems/{code}"
        return problem


def reasons(problem: dict[str, Any]) -> dict[str, str]:
    """What a problem says of each field."""
    return {each["field"]: each["reason"] for each in problem["errors"]}
