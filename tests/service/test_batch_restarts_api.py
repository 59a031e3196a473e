"""Batch runs over HTTP: stop, restart, abandon, recover.

The numbers in docstrings are those of the behaviour cases in the specification of batch jobs.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from callboard import BoardConfig, Callboard
from callboard.clock import SystemClock
from callboard.store.memory import MemoryStore
from service.conftest import Client, Serve
from support.batch_calls import DAY, DONE, JOBS, RUNS, failed, held, let_go, start
from support.batch_shop import Shop
from support.service_calls import call, refused


async def test_a_stop_ends_the_chunk_and_a_restart_goes_on_behind_it(
    client: Client, shop: Shop
) -> None:
    """Cases 28, 40, B01, B02."""
    run = await held(client, shop, at=5)
    path = f"/v1/runs/{run['id']}"
    for _ in range(2):
        assert (await call(client, "POST", f"{path}/stop"))["state"] == "stopping"
    await refused(client, "POST", f"{path}/restart", "run_already_running")
    ended = await let_go(client, shop, run)
    assert (ended["state"], ended["result"]["exit_code"]) == ("stopped", "STOPPED")
    assert shop.rows == [1, 2, 3, 4, 5, 6]
    (step,) = (await call(client, "GET", f"{path}/steps"))["items"]
    assert (step["state"], step["counts"]["commits"]) == ("stopped", 2)
    again = await call(client, "POST", f"{path}/restart?{DONE}", 201)
    assert again["id"] != run["id"]
    assert (again["instance_id"], again["previous_run_id"]) == (run["instance_id"], run["id"])
    assert (again["state"], again["arguments"]) == ("succeeded", run["arguments"])
    assert shop.rows == list(range(1, 10))


async def test_what_has_ended_is_not_stopped(client: Client, shop: Shop) -> None:
    """Case 29."""
    run = await failed(client, shop)
    path = f"/v1/runs/{run['id']}"
    problem = await refused(client, "POST", f"{path}/stop", "run_not_running")
    assert (problem["run_id"], problem["state"]) == (run["id"], "failed")
    await call(client, "POST", f"{path}/abandon")
    problem = await refused(client, "POST", f"{path}/stop", "run_not_running")
    assert problem["state"] == "abandoned"


async def test_a_queued_run_is_stopped_without_a_step(client: Client, shop: Shop) -> None:
    """Case 31."""
    body = {"parameters": DAY, "due_at": "2100-01-01T00:00:00Z"}
    run = await call(client, "POST", RUNS, 201, json=body)
    stopped = await call(client, "POST", f"/v1/runs/{run['id']}/stop")
    assert stopped["state"] == "stopped"
    assert (await call(client, "GET", f"/v1/runs/{run['id']}/steps"))["items"] == []
    instance = await call(client, "GET", f"/v1/instances/{run['instance_id']}")
    assert (instance["state"], instance["live_run_id"]) == ("stopped", None)


async def test_a_step_that_ended_before_the_stop_is_not_executed_again(
    client: Client, shop: Shop
) -> None:
    """Cases 32, 35, B05: a tasklet that does not look ends by itself, and the run is stopped."""
    shop.holds_report = True
    run = await start(client, query="wait_s=0", **DAY)
    await asyncio.wait_for(shop.reached.wait(), 20)
    await call(client, "POST", f"/v1/runs/{run['id']}/stop")
    assert (await let_go(client, shop, run))["state"] == "stopped"
    steps = (await call(client, "GET", f"/v1/runs/{run['id']}/steps"))["items"]
    assert [(each["name"], each["state"]) for each in steps] == [
        ("load", "succeeded"),
        ("report", "succeeded"),
    ]
    again = await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    assert (again["state"], again["result"]["exit_code"]) == ("succeeded", "NOOP")
    assert shop.reports == 1


async def test_every_partition_stops_at_its_own_boundary(
    client: Client, shop: Shop, board: Callboard
) -> None:
    """Case 34."""
    await board.define(shop.parted())
    shop.holds_all = True
    run = await start(client, "/v1/jobs/parted/runs", "wait_s=0")
    await asyncio.wait_for(shop.reached.wait(), 20)
    await call(client, "POST", f"/v1/runs/{run['id']}/stop")
    assert (await let_go(client, shop, run))["state"] == "stopped"
    manager, *parts = (await call(client, "GET", f"/v1/runs/{run['id']}/steps"))["items"]
    assert (manager["state"], manager["partitions"]) == ("stopped", ["low", "high"])
    assert {each["name"]: each["counts"]["writes"] for each in parts} == {
        "all:low": 1,
        "all:high": 1,
    }
    assert {each["manager_id"] for each in parts} == {manager["id"]}
    again = await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    assert again["state"] == "succeeded"
    assert sorted(shop.rows) == [1, 2, 3, 11, 12, 13]
    async with client.get(
        f"/v1/runs/{run['id']}/picture?instance=true", headers={"Accept": "text/plain"}
    ) as response:
        assert "\n  low " in await response.text()


async def test_a_tasklet_that_looks_ends_early(
    client: Client, shop: Shop, board: Callboard
) -> None:
    """Case 35."""
    await board.define(shop.patient())
    run = await start(client, "/v1/jobs/patient/runs", "wait_s=0")
    await asyncio.wait_for(shop.reached.wait(), 20)
    ended = await call(client, "POST", f"/v1/runs/{run['id']}/stop?{DONE}")
    assert (ended["state"], ended["result"]["exit_code"]) == ("stopped", "STOPPED")


async def test_a_node_that_does_not_know_the_job_stops_a_run_of_it(serve: Serve) -> None:
    """Case 38."""
    store, shop = MemoryStore(SystemClock()), Shop()
    near_config = BoardConfig(drain_s=0, node_name="near")
    far_config = BoardConfig(drain_s=0, node_name="far", executes=False)
    async with (
        Callboard(store=store, config=near_config) as near,
        Callboard(store=store, config=far_config) as far,
    ):
        await near.define(shop.settle())
        client, other = await serve(near), await serve(far)
        run = await held(client, shop)
        stopping = await call(other, "POST", f"/v1/runs/{run['id']}/stop")
        assert stopping["state"] == "stopping"
        assert (await let_go(other, shop, run))["state"] == "stopped"
        assert shop.rows == [1, 2, 3, 4, 5, 6]


async def test_nodes_on_one_database_share_runs_and_what_is_told_of_them(
    serve: Serve, postgres_dsn: str
) -> None:
    """Cases 38, 40 on PostgreSQL."""
    shop = Shop()
    near_config = BoardConfig(drain_s=0, node_name="near")
    far_config = BoardConfig(drain_s=0, node_name="far", executes=False)
    async with (
        Callboard(postgres_dsn, config=near_config) as near,
        Callboard(postgres_dsn, config=far_config) as far,
    ):
        await near.define(shop.settle())
        client, other = await serve(near), await serve(far)
        run = await held(other, shop)
        path = f"/v1/runs/{run['id']}"
        await call(other, "POST", f"{path}/stop")
        assert (await let_go(other, shop, run))["state"] == "stopped"
        again = await call(other, "POST", f"{path}/restart?{DONE}", 201)
        assert (again["state"], shop.rows) == ("succeeded", list(range(1, 10)))
        instance = f"/v1/instances/{run['instance_id']}"
        for read in (f"{path}/summary", f"{path}/steps", f"{instance}/totals", f"{instance}/runs"):
            here, there = await call(client, "GET", read), await call(other, "GET", read)
            assert here == there
        summary = await call(other, "GET", f"{path}/summary")
        assert (summary["exit_code"], summary["counts"]["writes"]) == ("STOPPED", 6)
        await call(other, "DELETE", instance, 204)
        await refused(client, "GET", instance, "not_found")


async def test_a_closed_instance_is_not_restarted(client: Client, shop: Shop) -> None:
    """Cases 44, 70."""
    run = await start(client)
    path = f"/v1/runs/{run['id']}"
    problem = await refused(client, "POST", f"{path}/restart", "instance_already_complete")
    assert (problem["instance_id"], problem["state"]) == (run["instance_id"], "succeeded")
    await refused(client, "POST", f"{path}/abandon", "instance_already_complete")


async def test_a_live_run_is_neither_restarted_nor_abandoned(client: Client, shop: Shop) -> None:
    """Cases 46, 70."""
    run = await held(client, shop)
    for verb in ("restart", "abandon", "recover"):
        problem = await refused(
            client, "POST", f"/v1/runs/{run['id']}/{verb}", "run_already_running"
        )
        assert problem["run_id"] == run["id"]
    await let_go(client, shop, run)


async def test_a_job_that_does_not_restart_says_so(client: Client, shop: Shop) -> None:
    shop.fails_at = 5
    run = await start(client, "/v1/jobs/once/runs")
    await refused(client, "POST", f"/v1/runs/{run['id']}/restart", "job_not_restartable")


async def test_a_run_of_which_nobody_knows_the_end_is_not_restarted(
    client: Client, shop: Shop
) -> None:
    """Case 47: parked, for no node has its code."""
    job = await call(client, "GET", JOBS)
    spec = {**job["spec"], "handler": "nobody.knows:this"}
    body = {"name": "lost", "kind": "batch", "spec": spec}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    run = await start(client, "/v1/jobs/lost/runs")
    assert run["state"] == "parked"
    path = f"/v1/runs/{run['id']}"
    problem = await refused(client, "POST", f"{path}/restart", "run_state_unknown")
    assert problem["run_id"] == run["id"]
    plan = await call(client, "GET", f"{path}/restart-plan")
    assert plan["refusal"]["code"] == "run_state_unknown"


async def test_the_history_of_a_deleted_job_stays_readable(client: Client, shop: Shop) -> None:
    """Case 49."""
    run = await failed(client, shop)
    await call(client, "DELETE", JOBS, 204)
    path = f"/v1/runs/{run['id']}"
    await refused(client, "POST", f"{path}/restart", "not_found")
    assert (await call(client, "GET", f"{path}/summary"))["state"] == "failed"
    assert len((await call(client, "GET", f"{JOBS}/instances"))["items"]) == 1
    assert len((await call(client, "GET", RUNS))["items"]) == 1


async def test_of_restarts_at_once_one_wins(client: Client, shop: Shop) -> None:
    """Case 50."""
    run = await failed(client, shop)

    async def one() -> tuple[int, Any]:
        async with client.post(f"/v1/runs/{run['id']}/restart") as response:
            return response.status, await response.json()

    answers = await asyncio.gather(*(one() for _ in range(20)))
    assert sorted(status for status, _ in answers) == [201] + [409] * 19
    codes = {body["code"] for status, body in answers if status == 409}
    assert codes <= {"run_already_running", "instance_already_complete"}


async def test_a_restart_goes_on_behind_the_last_run_whichever_is_named(
    client: Client, shop: Shop
) -> None:
    """Cases 61, 62."""
    first = await failed(client, shop, at=5)
    shop.fails_at = 8
    second = await call(client, "POST", f"/v1/runs/{first['id']}/restart?{DONE}", 201)
    shop.fails_at = None
    third = await call(client, "POST", f"/v1/runs/{first['id']}/restart?{DONE}", 201)
    assert shop.rows == list(range(1, 10))
    listed = await call(client, "GET", f"/v1/instances/{first['instance_id']}/runs")
    assert [run["id"] for run in listed["items"]] == [third["id"], second["id"], first["id"]]
    page = await call(client, "GET", f"/v1/instances/{first['instance_id']}/runs?limit=2")
    rest = await call(
        client,
        "GET",
        f"/v1/instances/{first['instance_id']}/runs?limit=2&cursor={page['next_cursor']}",
    )
    assert [run["id"] for run in rest["items"]] == [first["id"]]


async def test_steps_that_are_gone_or_renamed_are_told_and_mapped(
    client: Client, shop: Shop, board: Callboard
) -> None:
    """Case B18."""
    run = await failed(client, shop)
    job = await call(client, "GET", JOBS)
    spec = json.loads(json.dumps(job["spec"]).replace('"load"', '"load_orders"'))
    await call(client, "PUT", JOBS, json={**job, "spec": spec})
    path = f"/v1/runs/{run['id']}/restart"
    problem = await refused(client, "POST", path, "definition_changed")
    assert [each["step"] for each in problem["differences"]] == ["load"]
    wrong = {"steps": {"nobody": "load_orders"}}
    await refused(client, "POST", path, "invalid_input", json=wrong)
    for wrong in ({"steps": []}, {"steps": {"load": 1}}, {"step": {}}):
        await refused(client, "POST", path, "invalid_input", json=wrong)
    plan = await call(client, "GET", f"{path}-plan?step=load:load_orders")
    assert plan["refusal"] is None
    assert (plan["steps"][0]["name"], plan["steps"][0]["what"]) == ("load_orders", "resume")
    again = await call(client, "POST", path, 201, json={"steps": {"load": "load_orders"}})
    await call(client, "POST", f"/v1/runs/{again['id']}/stop")


async def test_what_a_restart_would_do_is_told_step_by_step(client: Client, shop: Shop) -> None:
    run = await failed(client, shop)
    plan = await call(client, "GET", f"/v1/runs/{run['id']}/restart-plan")
    assert plan["refusal"] is None
    assert [(each["name"], each["what"]) for each in plan["steps"]] == [
        ("load", "resume"),
        ("report", "run"),
        ("COMPLETED", "end"),
    ]
    assert plan["steps"][0]["cursor"] is not None
    assert plan["steps"][0]["counts"]["writes"] == 3
    path = f"/v1/runs/{run['id']}/restart-plan"
    for wrong in ("step=load", "step=load:a&step=load:b", "step=load:a&drop=load"):
        await refused(client, "GET", f"{path}?{wrong}", "invalid_query")
    await refused(client, "GET", f"{path}?drop=nobody", "invalid_input")
    again = await call(client, "POST", f"/v1/runs/{run['id']}/restart?{DONE}", 201)
    plan = await call(client, "GET", f"/v1/runs/{again['id']}/restart-plan")
    assert plan["refusal"]["code"] == "instance_already_complete"


async def test_an_abandoned_run_stays_so_and_so_do_its_steps(client: Client, shop: Shop) -> None:
    """Cases 73, 74."""
    run = await failed(client, shop)
    path = f"/v1/runs/{run['id']}"
    before = (await call(client, "GET", f"{path}/steps"))["items"]
    for _ in range(2):
        assert (await call(client, "POST", f"{path}/abandon"))["state"] == "abandoned"
    assert (await call(client, "GET", f"{path}/steps"))["items"] == before
    await refused(client, "POST", f"{path}/restart", "instance_already_complete")


async def test_a_stopping_run_may_be_given_up_and_writes_nothing_more(
    client: Client, shop: Shop
) -> None:
    """Case 71."""
    run = await held(client, shop, at=5)
    path = f"/v1/runs/{run['id']}"
    await call(client, "POST", f"{path}/stop")
    given_up = await call(client, "POST", f"{path}/abandon")
    assert given_up["state"] == "abandoned"
    shop.go_on.set()
    (step,) = (await call(client, "GET", f"{path}/steps"))["items"]
    assert (step["state"], step["counts"]["writes"]) == ("stopped", 3)
    assert (await call(client, "GET", path))["state"] == "abandoned"


async def test_a_recovered_run_can_be_restarted(client: Client, shop: Shop) -> None:
    """Case B16: forced, for its node lives; again it is answered as it is."""
    run = await held(client, shop, at=5)
    path = f"/v1/runs/{run['id']}"
    body = {"reason": "stuck", "force": True}
    recovered = await call(client, "POST", f"{path}/recover", json=body)
    assert (recovered["state"], recovered["instance_id"]) == ("failed", run["instance_id"])
    assert await call(client, "POST", f"{path}/recover", json=body) == recovered
    summary = await call(client, "GET", f"{path}/summary")
    assert summary["recovery"] == "stuck"
    shop.holds_at = None
    shop.go_on.set()
    again = await call(client, "POST", f"{path}/restart?{DONE}", 201)
    assert again["state"] == "succeeded"
    done = await call(client, "POST", f"/v1/runs/{again['id']}/recover")
    assert done["state"] == "succeeded"
    for wrong in ({"force": "yes"}, {"reason": 1}, {"why": "x"}):
        await refused(client, "POST", f"{path}/recover", "invalid_input", json=wrong)
