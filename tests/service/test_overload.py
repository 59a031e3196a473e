"""Refusals under load and without a database: 503, told when to try again (A14)."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from callboard import Callboard
from callboard.errors import CallboardError, Overloaded, StoreUnavailable
from callboard.runtime import AskTimeout
from support.service_calls import Client


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
