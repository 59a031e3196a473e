"""Refusals under load and without a database: 503, told when to try again (A14)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pykka
import pytest

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard.errors import CallboardError, Overloaded, StoreUnavailable
from callboard.runtime import AskTimeout
from support.service_calls import Client, call, refused

Serve = Callable[..., Awaitable[Client]]


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (Overloaded("JobStore", 1000, retry_after_s=3), "overloaded", "3"),
        (Overloaded("JobStore", 1000, retry_after_s=0.1), "overloaded", "1"),
        (StoreUnavailable("the database does not answer"), "store_unavailable", "1"),
        (AskTimeout(("JobStore",), "ListJobs", 30), "store_unavailable", "1"),
        (pykka.ActorDeadError("JobStore has stopped"), "store_unavailable", "1"),
    ],
)
async def test_a14_overload_is_503_with_retry_after(
    client: Client,
    board: Callboard,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    retry_after: str,
) -> None:
    async def refuse(filter: Any) -> Any:
        raise error

    monkeypatch.setattr(board, "list_jobs", refuse)
    async with client.get("/v1/jobs") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == retry_after
        assert (await response.json())["code"] == code


async def test_unexpected_fault_is_500_with_an_incident_in_the_log(
    client: Client,
    board: Callboard,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def burst(filter: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(board, "list_jobs", burst)
    async with client.get("/v1/jobs") as response:
        assert response.status == 500
        text = await response.text()
        problem = await response.json()
    assert problem["code"] == "internal_error"
    assert "secret" not in text
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.__dict__["incident"] == problem["incident"]
    assert record.exc_info


def test_every_refusal_has_an_answer_of_its_own() -> None:
    """A new exception of the library must not end as an internal error."""
    from callboard import errors
    from callboard_service.problems import answer_to

    samples = {
        "InvalidInput": errors.invalid("a", "b"),
        "NotSupportedYet": errors.NotSupportedYet("a", "b"),
        "NotFound": errors.NotFound("job", "x"),
        "AlreadyExists": errors.AlreadyExists("job", "x"),
        "Conflict": errors.Conflict("job_in_use", "x"),
        "StaleVersion": errors.StaleVersion("job", "x", expected=1, present=2),
        "Overloaded": errors.Overloaded("x", 1),
        "TooManyQueued": errors.TooManyQueued("x", "[1]", 1),
        "StoreUnavailable": errors.StoreUnavailable("x"),
        "TransactionConflict": errors.TransactionConflict("x"),
        "LedgerConflict": errors.LedgerConflict("x"),
        "SchemaMismatch": errors.SchemaMismatch("x"),
    }
    refusals = (errors.UsageError, errors.RefusedError, errors.StoreError)
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, refusals) and kind not in refusals:
            assert answer_to(samples[name]).status != 500, name
    assert issubclass(errors.BugError, CallboardError)
    assert answer_to(errors.BugError("x")).status == 500


async def test_a14_a_flood_of_requests_is_refused_early_and_told_when_to_come_again(
    serve: Serve, handlers: HandlerRegistry
) -> None:
    config = BoardConfig(drain_s=0, executes=False, calls_limit=3)
    async with Callboard("memory:", config=config, handlers=handlers) as board:
        client = await serve(on=board)
        job = {"name": "add", "kind": "python", "spec": {"handler": "add"}}
        await call(client, "POST", "/v1/jobs", 201, json=job)
        answers = await asyncio.gather(*(_start(client) for _ in range(200)))
        started = [body for status, _, body in answers if status == 201]
        others = [(status, after, body["code"]) for status, after, body in answers if status > 201]
        assert set(others) <= {(503, "1", "overloaded")}
        listed = await call(client, "GET", "/v1/runs?limit=1000")
        assert {run["id"] for run in listed["items"]} == {run["id"] for run in started}


async def test_a14_a_full_board_still_tells_how_it_is(client: Client, board: Callboard) -> None:
    turnstile = board._turnstile
    full = 2 * board.config.calls_limit
    assert turnstile.enters(full)
    try:
        await refused(client, "GET", "/v1/jobs", "overloaded")
        for path in ("/healthz", "/readyz", "/openapi.json", "/"):
            async with client.get(path) as response:
                assert response.status == 200, path
    finally:
        turnstile.leave(full)
    await call(client, "GET", "/v1/jobs")


async def _start(client: Client) -> tuple[int, str | None, Any]:
    async with client.post("/v1/jobs/add/runs", json={}) as response:
        return response.status, response.headers.get("Retry-After"), await response.json()
