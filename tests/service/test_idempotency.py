"""Idempotency-Key: a POST that is sent again is not done again (G26, A01)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from callboard import Callboard, Job
from callboard.clock import SystemClock
from callboard.errors import StoreUnavailable
from callboard.store.contract import IdempotencyRecord
from callboard_service.idempotency import GIVEN_UP_AFTER, KEPT_FOR
from support.service_calls import Client, call, refused

Serve = Callable[..., Awaitable[Client]]
KEY: dict[str, str] = {"Idempotency-Key": "b1946ac9"}


@pytest.fixture(autouse=True)
def _jobs(jobs: list[str]) -> None:
    """The jobs of the handlers exist."""


class ShiftedClock(SystemClock):
    """The machine's clock, `ahead` of itself."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def count_runs(client: Client) -> int:
    return len((await call(client, "GET", "/v1/runs"))["items"])


async def test_a01_repeated_start_answers_the_same_run_byte_for_byte(client: Client) -> None:
    answers = []
    for _ in range(3):
        async with client.post("/v1/jobs/add/runs?wait_s=10", headers=KEY, json={}) as response:
            assert response.status == 201
            answers.append((await response.read(), response.headers["Location"]))
    assert len(set(answers)) == 1
    assert await count_runs(client) == 1


async def test_replayed_answer_says_so(client: Client) -> None:
    async with client.post("/v1/jobs/add/runs", headers=KEY) as response:
        assert "Idempotent-Replayed" not in response.headers
        tag = response.headers["ETag"]
    async with client.post("/v1/jobs/add/runs", headers=KEY) as response:
        assert response.headers["Idempotent-Replayed"] == "true"
        assert response.headers["ETag"] == tag
        assert response.content_type == "application/json"


async def test_a01_other_body_under_the_key_is_409(client: Client) -> None:
    await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY, json={"arguments": {"a": 1}})
    body = {"arguments": {"a": 2}}
    await refused(
        client, "POST", "/v1/jobs/add/runs", "idempotency_key_reused", headers=KEY, json=body
    )
    assert await count_runs(client) == 1


async def test_key_belongs_to_its_path_and_group(client: Client) -> None:
    await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    await call(client, "POST", "/v1/jobs/fail/runs", 201, headers=KEY)
    await refused(client, "POST", "/v1/jobs/add/runs?group=other", "not_found", headers=KEY)
    assert await count_runs(client) == 2


async def test_every_post_knows_the_key(client: Client) -> None:
    job = {"name": "new", "kind": "python", "spec": {"handler": "add"}}
    trigger = {"name": "new", "schedule": {"kind": "on_demand"}, "actions": [{"job": "add"}]}
    dates = {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24"]}
    yearly = {"kind": "cron", "expression": "0 0 1 1 *"}
    times = {"from_at": "2025-02-01T00:00:00Z", "until_at": "2025-02-02T00:00:00Z"}
    path = "/v1/triggers/yearly"
    await call(client, "PUT", path, 201, json={**trigger, "name": "yearly", "schedule": yearly})
    posts: list[tuple[str, Any]] = [
        ("/v1/jobs", job),
        ("/v1/triggers", trigger),
        ("/v1/runs", {"runs": [{"job": "add"}, {"job": "add"}]}),
        ("/v1/triggers/new/fire", None),
        ("/v1/calendars", {"name": "new", "definition": dates}),
        ("/v1/triggers/new/pause", None),
        ("/v1/triggers/new/resume", {"missed": "catch_up"}),
        ("/v1/triggers/pause", {"all": True}),
        ("/v1/jobs/add/resume", None),
        ("/v1/groups/default/pause", {"dry_run": True}),
        ("/v1/backfills", {"trigger": "yearly", **times, "max_concurrent": 2}),
        ("/v1/triggers/new/deactivate", None),
    ]
    for path, body in posts:
        answers = []
        for _ in range(2):
            async with (
                client.post(path, headers=KEY, json=body)
                if body
                else client.post(path, headers=KEY) as response
            ):
                answers.append((response.status, await response.read()))
        assert answers[0] == answers[1], path
        assert answers[0][0] in (200, 201), path
    assert await count_runs(client) == 3


async def test_refused_request_leaves_the_key_free(client: Client) -> None:
    path = "/v1/jobs/add/runs"
    await refused(client, "POST", path, "invalid_input", headers=KEY, json={"x": 1})
    await call(client, "POST", path, 201, headers=KEY, json={})


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
async def test_wrong_key_is_400(client: Client, key: str) -> None:
    headers = {"Idempotency-Key": key}
    problem = await refused(client, "POST", "/v1/jobs/add/runs", "invalid_header", headers=headers)
    assert problem["errors"][0]["field"] == "Idempotency-Key"
    assert await count_runs(client) == 0


async def test_starts_that_meet_under_one_key_start_one_run(client: Client) -> None:
    starts = (call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY) for _ in range(10))
    runs = await asyncio.gather(*starts)
    assert len({run["id"] for run in runs}) == 1
    assert await count_runs(client) == 1


async def test_a01_answer_lost_behind_the_commit_does_not_double(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(record: IdempotencyRecord) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as outage:
        outage.setattr(board, "finish_request", lose)
        first = await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    again = await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    assert again["id"] == first["id"]
    assert await count_runs(client) == 1


async def test_key_is_forgotten_after_a_day(board: Callboard, serve: Serve) -> None:
    clock = ShiftedClock()
    client = await serve(clock=clock)
    first = await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    clock.ahead = KEPT_FOR - timedelta(minutes=1)
    again = await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    clock.ahead = KEPT_FOR + timedelta(minutes=1)
    later = await call(client, "POST", "/v1/jobs/add/runs", 201, headers=KEY)
    assert again["id"] == first["id"] != later["id"]


async def test_request_of_unknown_end_is_in_progress_for_a_minute(
    board: Callboard, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was committed, nobody can say; so it is neither repeated nor answered."""

    async def lose(job: Job) -> Job:
        raise StoreUnavailable("no answer in time")

    clock = ShiftedClock()
    client = await serve(clock=clock)
    body = {"name": "new", "kind": "python", "spec": {"handler": "add"}}
    options = {"headers": KEY, "json": body}
    with monkeypatch.context() as outage:
        outage.setattr(board, "create_job", lose)
        await refused(client, "POST", "/v1/jobs", "store_unavailable", **options)
    async with client.post("/v1/jobs", headers=KEY, json=body) as response:
        assert (response.status, response.headers["Retry-After"]) == (409, "1")
    await refused(client, "POST", "/v1/jobs", "request_in_progress", **options)
    clock.ahead = GIVEN_UP_AFTER + timedelta(seconds=1)
    await call(client, "POST", "/v1/jobs", 201, **options)
