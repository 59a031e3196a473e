"""Batch jobs over HTTP: starts, next instances, ids.

The numbers in docstrings are those of the behaviour cases in the specification of batch jobs.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.conftest import Client
from support.batch_calls import DAY, DONE, JOBS, RUNS, failed, held, let_go, start
from support.batch_shop import Shop
from support.service_calls import call, reasons, refused


async def test_a_start_makes_an_instance_and_a_run_of_it(client: Client, shop: Shop) -> None:
    """Case 1."""
    async with client.post(f"{RUNS}?{DONE}", json={"parameters": DAY}) as response:
        run = await response.json()
        assert response.status == 201
        assert response.headers["Location"] == f"/v1/runs/{run['id']}"
        assert response.headers["ETag"]
    assert (run["state"], run["result"]["exit_code"]) == ("succeeded", "COMPLETED")
    instance = await call(client, "GET", f"/v1/instances/{run['instance_id']}")
    assert (instance["job"], instance["parameters"]) == ("settle", DAY)
    assert (instance["state"], instance["last_run_id"]) == ("succeeded", run["id"])
    assert instance["live_run_id"] is None


async def test_a_start_of_an_unknown_job_stores_nothing(client: Client, shop: Shop) -> None:
    """Case 2."""
    await refused(client, "POST", "/v1/jobs/none/runs", "not_found", json={"parameters": DAY})
    await refused(client, "GET", "/v1/jobs/none/instances", "not_found")


async def test_an_identity_is_started_once_whatever_became_of_it(
    client: Client, shop: Shop
) -> None:
    """Cases 4, 7: failed counts as well, and what does not identify makes no difference."""
    run = await failed(client, shop)
    for given in ({}, DAY, {**DAY, "operator": "bob"}):
        problem = await refused(
            client, "POST", RUNS, "instance_already_exists", json={"arguments": given}
        )
        assert problem["instance_id"] == run["instance_id"]
        assert (problem["last_run_id"], problem["state"]) == (run["id"], "failed")
    listed = await call(client, "GET", f"/v1/instances/{run['instance_id']}/runs")
    assert [each["id"] for each in listed["items"]] == [run["id"]]


async def test_a_live_instance_is_not_started_again(client: Client, shop: Shop) -> None:
    """Case 5."""
    run = await held(client, shop)
    problem = await refused(client, "POST", RUNS, "instance_already_exists", json={})
    assert problem["state"] == "live"
    assert (await let_go(client, shop, run))["state"] == "succeeded"


async def test_without_identifying_parameters_there_is_one_instance(
    client: Client, shop: Shop
) -> None:
    """Case 8."""
    note = {"value": "x", "type": "string", "identifying": False}
    await start(client, "/v1/jobs/plain/runs")
    path = "/v1/jobs/plain/runs"
    body = {"parameters": {"note": note}}
    await refused(client, "POST", path, "instance_already_exists", json=body)


async def test_a_datetime_keeps_its_microseconds_over_a_restart(client: Client, shop: Shop) -> None:
    """Case 10."""
    shop.fails_at = 1
    at = "2026-01-05T10:00:00.123456Z"
    run = await start(client, "/v1/jobs/count/runs", n=1, at=at)
    again = await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    assert again["instance_id"] == run["instance_id"]
    shown = await call(client, "GET", f"/v1/runs/{again['id']}/parameters")
    assert shown["parameters"]["at"] == at


async def test_other_jobs_have_instances_of_their_own(client: Client, shop: Shop) -> None:
    """Case 11."""
    one = await start(client, **DAY)
    other = await start(client, "/v1/jobs/once/runs", **DAY)
    assert one["instance_id"] != other["instance_id"]


@pytest.mark.parametrize("word", ["arguments", "parameters"])
async def test_wrong_parameters_are_all_named(client: Client, shop: Shop, word: str) -> None:
    """Case 13."""
    path = "/v1/jobs/count/runs"
    for wrong in ("foo", 1.03):
        problem = await refused(client, "POST", path, "invalid_input", json={word: {"n": wrong}})
        assert list(reasons(problem)) == ["arguments.n"]
    body = {word: {"at": "noon", "who": 1}}
    problem = await refused(client, "POST", path, "invalid_input", json=body)
    assert set(reasons(problem)) == {"arguments.n", "arguments.at", "arguments.who"}
    assert (await call(client, "GET", "/v1/jobs/count/instances"))["items"] == []


async def test_arguments_and_parameters_at_once_are_refused(client: Client, shop: Shop) -> None:
    for path in (RUNS, f"{RUNS}/next"):
        body = {"arguments": DAY, "parameters": DAY}
        problem = await refused(client, "POST", path, "invalid_input", json=body)
        assert list(reasons(problem)) == ["parameters"]


async def test_many_instances_are_started_at_once_or_none(client: Client, shop: Shop) -> None:
    days = [f"2026-01-0{n}" for n in range(1, 5)]
    runs = [{"job": "settle", "parameters": {"day": day}} for day in days]
    started = await call(client, "POST", "/v1/runs", 201, json={"runs": runs})
    assert len({run["instance_id"] for run in started["items"]}) == 4
    fresh = {"job": "settle", "arguments": {"day": "2026-02-01"}}
    body = {"runs": [fresh, runs[0]]}
    await refused(client, "POST", "/v1/runs", "instance_already_exists", json=body)
    wrong = {"runs": [fresh, {**fresh, **runs[0]}]}
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=wrong)
    assert list(reasons(problem)) == ["runs[1].parameters"]
    twice = {"runs": [fresh, {"job": "settle", "parameters": {"day": "2026-02-01"}}]}
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=twice)
    said = "has the job and the identifying parameters of runs[0]"
    assert reasons(problem) == {"runs[1]": said}
    assert len((await call(client, "GET", f"{JOBS}/instances"))["items"]) == 4
    for run in started["items"]:
        await call(client, "GET", f"/v1/runs/{run['id']}?{DONE}")


async def test_texts_come_back_as_they_were_given(client: Client, shop: Shop) -> None:
    """Case 14."""
    note = "a,b=c\nd;  'e' \"f\" ř 結算"
    run = await start(client, "/v1/jobs/count/runs", n=1, note=note)
    shown = await call(client, "GET", f"/v1/runs/{run['id']}/parameters")
    assert shown["parameters"] == {"n": 1, "note": note}
    assert shown["identifying"] == ["n", "note"]


async def test_of_equal_starts_at_once_one_wins(client: Client, shop: Shop) -> None:
    """Case 16."""

    async def one() -> tuple[int, Any]:
        async with client.post(RUNS, json={"parameters": DAY}) as response:
            return response.status, await response.json()

    answers = await asyncio.gather(*(one() for _ in range(20)))
    (won,) = [body for status, body in answers if status == 201]
    lost = [body for status, body in answers if status == 409]
    assert len(lost) == 19
    assert {each["code"] for each in lost} == {"instance_already_exists"}
    assert {each["instance_id"] for each in lost} == {won["instance_id"]}
    assert len((await call(client, "GET", RUNS))["items"]) == 1


async def test_two_instances_of_a_job_run_at_once(client: Client, shop: Shop) -> None:
    """Case 17."""
    shop.holds_at = 5
    runs = [await start(client, query="wait_s=0", day=f"2026-01-0{n}") for n in (1, 2)]
    await asyncio.wait_for(shop.reached.wait(), 20)
    listed = await call(client, "GET", f"{RUNS}?state=queued&state=running")
    assert {run["id"] for run in runs} == {run["id"] for run in listed["items"]}
    for run in runs:
        assert (await let_go(client, shop, run))["state"] == "succeeded"


async def test_a_key_starts_restarts_and_goes_on_once(client: Client, shop: Shop) -> None:
    headers = {"Idempotency-Key": "k1"}
    shop.fails_at = 5
    body = {"parameters": DAY}
    first = await call(client, "POST", RUNS, 201, json=body, headers=headers)
    again = await call(client, "POST", RUNS, 201, json=body, headers=headers)
    assert first["id"] == again["id"]
    await call(client, "GET", f"/v1/runs/{first['id']}?{DONE}")
    shop.fails_at = None
    for path in (f"/v1/runs/{first['id']}/restart", f"{RUNS}/next"):
        ids = {
            (await call(client, "POST", f"{path}?{DONE}", 201, headers=headers))["id"]
            for _ in range(2)
        }
        assert len(ids) == 1
    assert len((await call(client, "GET", RUNS))["items"]) == 3


async def test_next_increments_and_keeps_what_does_not_identify(client: Client, shop: Shop) -> None:
    """Cases 64, 65: also behind a run that failed."""
    run = await failed(client, shop, **DAY, operator="ada")
    body = {"parameters": {}}
    second = await call(client, "POST", f"{RUNS}/next?{DONE}", 201, json=body)
    assert second["arguments"] == {"day": "2026-01-06", "operator": "ada"}
    assert second["instance_id"] != run["instance_id"]
    body = {"parameters": {"operator": "bob"}}
    third = await call(client, "POST", f"{RUNS}/next?{DONE}", 201, json=body)
    assert third["arguments"] == {"day": "2026-01-07", "operator": "bob"}
    problem = await refused(
        client, "POST", f"{RUNS}/next", "invalid_input", json={"arguments": DAY}
    )
    assert list(reasons(problem)) == ["arguments.day"]
    first = await call(client, "GET", f"/v1/instances/{run['instance_id']}")
    assert first["state"] == "failed"


async def test_nexts_at_once_are_all_different(client: Client, shop: Shop) -> None:
    """Case 67."""
    runs = await asyncio.gather(*(call(client, "POST", f"{RUNS}/next", 201) for _ in range(10)))
    assert {run["arguments"]["day"] for run in runs} == {f"2026-01-{n:02}" for n in range(5, 15)}
    for run in runs:
        await call(client, "GET", f"/v1/runs/{run['id']}?{DONE}")


async def test_a_start_never_increments(client: Client, shop: Shop) -> None:
    """Case 68."""
    await start(client, **DAY)
    run = await start(client, day="2026-03-01")
    assert run["arguments"]["day"] == "2026-03-01"


async def test_a_job_without_increments_has_no_next(client: Client, shop: Shop) -> None:
    await refused(client, "POST", "/v1/jobs/count/runs/next", "no_incrementer")
    await refused(client, "POST", "/v1/jobs/none/runs/next", "not_found")


@pytest.mark.parametrize("number", ["77", "x", "0", "-1", "99999999999999999"])
async def test_unknown_runs_are_not_found(client: Client, shop: Shop, number: str) -> None:
    """Case 26."""
    for verb in ("stop", "restart", "abandon", "recover"):
        await refused(client, "POST", f"/v1/runs/{number}/{verb}", "not_found")
    for noun in ("summary", "parameters", "steps", "context", "skipped", "restart-plan", "picture"):
        await refused(client, "GET", f"/v1/runs/{number}/{noun}", "not_found")
    for path in (f"/v1/instances/{number}", f"/v1/steps/{number}"):
        await refused(client, "GET", path, "not_found")
    for path in ("runs", "totals"):
        await refused(client, "GET", f"/v1/instances/{number}/{path}", "not_found")
    await refused(client, "DELETE", f"/v1/instances/{number}", "not_found")
    await refused(client, "GET", f"/v1/steps/{number}/context", "not_found")


async def test_instances_of_another_group_are_not_found(client: Client, shop: Shop) -> None:
    run = await start(client)
    path = f"/v1/instances/{run['instance_id']}"
    await call(client, "GET", f"{path}?group=default")
    await refused(client, "GET", f"{path}?group=other", "not_found")
    await refused(client, "DELETE", f"{path}?group=other", "not_found")
    for noun in ("instances", "runs"):
        await refused(client, "GET", f"{JOBS}/{noun}?group=other", "not_found")
    await refused(client, "POST", f"{RUNS}/next?group=other", "not_found")
    await refused(client, "POST", f"{RUNS}?group=other", "not_found")


async def test_runs_of_other_jobs_are_no_batch_runs(
    client: Client, shop: Shop, jobs: list[str]
) -> None:
    run = await call(client, "POST", f"/v1/jobs/add/runs?{DONE}", 201)
    assert run["instance_id"] is None
    for verb in ("restart", "recover"):
        await refused(client, "POST", f"/v1/runs/{run['id']}/{verb}", "not_batch")
    for noun in ("summary", "steps", "context", "restart-plan", "picture"):
        await refused(client, "GET", f"/v1/runs/{run['id']}/{noun}", "not_batch")
    await refused(client, "POST", "/v1/jobs/add/runs/next", "not_batch")
