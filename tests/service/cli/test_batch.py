"""`callboard batch`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer

from callboard import Callboard as Board
from callboard_service.cli.batch_parameters import (
    as_declared,
    parse_mapping,
    parse_parameters,
    quoting_fixes,
)
from callboard_service.cli.batch_view import instance_rows
from callboard_service.cli.views import progress_text
from service.cli.conftest import Beside, Done
from service.conftest import Client
from support.batch_shop import Shop
from support.service_calls import call

Batch = Callable[..., Awaitable[Done]]


@pytest.fixture
def batch(beside: Beside, client: Client, shop: Shop) -> Batch:
    """`callboard batch ...` against the service of the test; one command at a time."""
    url = str(client.make_url("/"))

    async def run(*words: str) -> Done:
        return await beside("batch", *words, env={"CALLBOARD_URL": url})

    return run


def test_progress_of_a_batch_run_has_its_rate_and_what_is_left() -> None:
    said = {"done": 50, "total": 200, "note": "load", "rate": 1234.5, "eta_s": 90.0, "step": "load"}
    assert progress_text(said) == "25 % (50 of 200), load, 1,234 a second, 1m 30s left"


def test_instances_show_first_what_tells_them_apart() -> None:
    def instance(**parameters: Any) -> dict[str, Any]:
        same = {"state": "succeeded", "last_run_id": 1, "created_at": None, "ended_at": None}
        return {"id": 1, "parameters": parameters, **same}

    note = "an order as any other"
    rows = instance_rows(
        [
            instance(b=True, note=note, on="x" * 40, day="2026-01-05", n=7),
            instance(b=True, note=note, on="x" * 40, day="2026-01-06", n=7, late="1"),
        ],
        utc=True,
    )
    shown = [str(row[2]) for row in rows]
    assert shown[0].startswith(f'day=2026-01-05 b=true note="{note}" on=xxx')
    assert shown[1].startswith(f'day=2026-01-06 late=1 b=true note="{note}"')
    assert all(len(text) == 60 for text in shown)
    assert [row[2] for row in instance_rows([instance(n=7, day="2026-01-05")], utc=True)] == [
        "n=7 day=2026-01-05"
    ]
    assert [row[2] for row in instance_rows([instance()], utc=True)] == [""]


async def document(batch: Batch, *words: str) -> Any:
    """What a command prints with --json."""
    done = await batch(*words, "--json")
    assert done.code == 0, done.err
    return done.value


def facts(done: Done) -> dict[str, str]:
    """What was printed a fact a line, by its first word."""
    assert done.code == 0, done.err
    parts = (line.partition(" ") for line in done.out.splitlines())
    return {name: value.strip() for name, _, value in parts}


def test_parameters_are_json_where_they_can_be() -> None:
    given = [
        "n=3",
        "x=1.50",
        "on=true",
        "day=2026-01-05",
        "code=007",
        "t=a=b",
        'q="1"',
        "e=",
        "s=NaN",
    ]
    assert parse_parameters(given) == {
        "n": 3,
        "x": 1.5,
        "on": True,
        "day": "2026-01-05",
        "code": "007",
        "t": "a=b",
        "q": "1",
        "e": "",
        "s": "NaN",
    }
    assert quoting_fixes(["n=3", "day=x"]) == {"arguments.n": "as a text: n='\"3\"'"}


def test_what_the_job_declares_as_a_text_stays_as_it_was_written() -> None:
    given = ["code=42", "price=0.10", "n=3", "token=null", 'q="1"', "on=true"]
    types = {"code": "string", "price": "decimal", "n": "integer", "token": "string"}
    types |= {"q": "string", "on": "boolean"}
    rules = [{"name": name, "type": kind} for name, kind in types.items()]
    assert as_declared(parse_parameters(given), given, rules) == {
        "code": "42",
        "price": "0.10",
        "n": 3,
        "token": None,
        "q": "1",
        "on": True,
    }
    assert as_declared(parse_parameters(given), given, None)["code"] == 42


@pytest.mark.parametrize("given", [["x"], ["=1"], ["a=1", "a=2"]])
def test_what_is_no_parameter_is_refused(given: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parse_parameters(given)


def test_steps_are_mapped_to_names_or_to_nothing() -> None:
    assert parse_mapping(["a=b"], ["c"]) == {"a": "b", "c": None}
    for wrong in (["a"], ["a="], ["c=d"]):
        with pytest.raises(typer.BadParameter):
            parse_mapping(wrong, ["c"])


async def test_a_job_of_code_is_stored(
    batch: Batch, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        from callboard.batch import BatchJob

        demo = BatchJob("demo", restartable=False)

        @demo.step(start_limit=2)
        async def only(ctx):
            pass
        """
    (tmp_path / "batch_demo_of_a_test.py").write_text(dedent(code))
    monkeypatch.syspath_prepend(str(tmp_path))
    done = await batch("define", "batch_demo_of_a_test:demo")
    assert done.err == "created the job demo, version 1\n"
    spec = (await call(client, "GET", "/v1/jobs/demo"))["spec"]
    assert (spec["handler"], spec["restartable"]) == ("batch_demo_of_a_test:demo", False)
    assert [step["start_limit"] for step in spec["steps"]] == [2]
    again = await batch("define", "batch_demo_of_a_test:demo", "--name", "other", "--json")
    assert again.value["name"] == "other"
    for wrong in ("batch_demo_of_a_test:only", "batch_demo_of_a_test:none", "nowhere:x", "x"):
        assert (await batch("define", wrong)).code == 2


async def test_a_run_is_started_waited_for_and_shown(batch: Batch) -> None:
    done = await batch("start", "settle", "day=2026-01-05", "operator=ada", "--wait")
    assert done.code == 0, done.err
    assert "succeeded, exit code COMPLETED" in done.err
    (run,) = (await document(batch, "runs", "1"))["items"]
    number = str(run["id"])
    summary = (await batch("summary", number)).out
    assert "settle" in summary
    assert "load" in summary
    shown = (await batch("parameters", number)).out
    assert "day        *  2026-01-05" in shown
    rows = [row.split() for row in (await batch("steps", number)).out.splitlines()]
    assert [row[1:7] for row in rows[1:]] == [
        ["load", "succeeded", "COMPLETED", "9", "9", "0"],
        ["report", "succeeded", "COMPLETED", "0", "0", "0"],
    ]
    assert json.loads((await batch("context", number)).out) == {"loaded": 9}
    step = rows[2][0]
    assert json.loads((await batch("context", number, "--step", step)).out) == {"pages": 2}
    assert (await batch("skipped", number)).out.split() == ["STEP", "PHASE", "ITEM", "ERROR"]


async def test_jobs_instances_and_totals_are_listed(batch: Batch) -> None:
    assert "day:date?, (operator:string?)" in (await batch("jobs")).out
    assert "load report" in (await batch("jobs")).out
    await batch("start", "settle", "--wait")
    await batch("next", "settle", "--wait")
    rows = (await batch("instances", "settle")).out.splitlines()
    assert ["2026-01-06" in row for row in rows[1:]] == [True, False]
    assert facts(await batch("instance", "1"))["state"] == "succeeded"
    totals = await batch("totals", "1")
    assert facts(totals)["writes"] == "9"
    assert "load" in totals.out
    assert (await batch("delete", "1")).err == "deleted the instance 1\n"
    assert (await batch("instance", "1")).code == 3


async def test_a_stopped_run_is_explained_and_restarted(
    batch: Batch, shop: Shop, client: Client
) -> None:
    shop.holds_at = 5
    number = str((await document(batch, "start", "settle"))["id"])
    await asyncio.wait_for(shop.reached.wait(), 20)
    assert [str(run["id"]) for run in (await document(batch, "running", "settle"))["items"]] == [
        number
    ]
    assert (await batch("restart", number)).code == 3
    stopping = asyncio.ensure_future(batch("stop", number, "--wait"))
    while (await call(client, "GET", f"/v1/runs/{number}"))["state"] != "stopping":
        pass
    shop.holds_at = None
    shop.go_on.set()
    assert facts(await stopping)["state"] == "stopped"
    plan = await batch("explain-restart", number)
    assert plan.code == 0
    rows = [row.split()[:3] for row in plan.out.splitlines()]
    assert rows[1:3] == [["load", "1", "resume"], ["report", "1", "run"]]
    again = await batch("restart", number, "--wait")
    assert again.code == 0, again.err
    plan = await batch("explain-restart", number)
    assert plan.code == 3
    assert "instance_already_complete" in plan.err


async def test_a_failed_run_exits_with_1_and_can_be_given_up(batch: Batch, shop: Shop) -> None:
    shop.fails_at = 5
    done = await batch("start", "settle", "--wait", "--json")
    assert done.code == 1
    number = str(done.value["id"])
    assert (await batch("watch", number)).code == 1
    assert facts(await batch("recover", number, "--reason", "x"))["state"] == "failed"
    assert facts(await batch("abandon", number))["state"] == "abandoned"
    assert (await batch("restart", number)).code == 3


async def test_a_run_is_watched_with_its_steps_and_its_rate(
    batch: Batch, shop: Shop, client: Client, board: Board
) -> None:
    shop.holds_at = 5
    number = str((await document(batch, "start", "settle"))["id"])
    await asyncio.wait_for(shop.reached.wait(), 20)
    await client.post(f"/v1/runs/{number}/stop")
    watching = asyncio.ensure_future(batch("watch", number, "--json"))
    stream: Any = board._actors["stream"]._actor_weakref()
    while int(number) not in stream._live_by_run:
        await call(client, "GET", f"/v1/runs/{number}")
    shop.holds_at = None
    shop.go_on.set()
    done = await watching
    assert done.code == 1
    *messages, run = map(json.loads, done.out.splitlines())
    ended = next(each for each in messages if each["type"] == "step.ended")
    assert (ended["step"]["step"], ended["step"]["counts"]["writes"]) == ("load", 6)
    assert run["progress"]["rate"] > 0
    told = await batch("watch", number)
    assert f"run {number} stopped, exit code STOPPED" in told.err


async def test_pictures_are_written_and_drawn_in_text(batch: Batch, tmp_path: Path) -> None:
    await batch("start", "settle", "--wait")
    number = str((await document(batch, "runs", "1"))["items"][0]["id"])
    file = tmp_path / "run.svg"
    assert (await batch("picture", number, "-o", str(file))).code == 0
    assert file.read_text().startswith("<svg ")
    text = (await batch("picture", number, "--text", "--instance")).out
    assert f"run {number} succeeded" in text
    assert (await batch("picture", number, "-o", str(tmp_path))).code == 2
    assert (await batch("picture", "9999")).code == 3


async def test_wrong_parameters_are_named_with_what_helps(batch: Batch) -> None:
    done = await batch("start", "settle", "day=5", "who=1")
    assert done.code == 2
    assert "arguments.day" in done.err
    assert "arguments.who" in done.err
    assert (await batch("start", "settle", "day")).code == 2
    assert (await batch("start", "none")).code == 3
    assert (await batch("running", "none")).code == 3


async def test_a_server_that_is_away_is_told_by_4(beside: Beside) -> None:
    done = await beside("batch", "jobs", env={"CALLBOARD_URL": "http://127.0.0.1:9"})
    assert done.code == 4
