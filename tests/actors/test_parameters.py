"""Typed parameters: checked when a run is created, converted at the call, parked when changed."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard import (
    Action,
    Callboard,
    Concurrency,
    HandlerRegistry,
    Job,
    NewBackfill,
    RunState,
    cron,
    every,
    job,
    on_demand,
)
from callboard.errors import InvalidInput
from callboard.store.contract import RunFilter
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.boards import all_runs, answered

OBJECT = {"type": "object"}


@dataclass
class Order:
    count: int
    day: date


@job(name="ship", arguments={"express": True})
async def ship(order: Order, express: bool, *, copies: int = 1) -> str:
    return f"{order.count + 1} {order.day.year} {express!r} {copies + 1}"


@job(name="plain")
async def plain() -> str:
    return "done"


@job(name="region", fixed_arguments={"region": "eu"})
async def region(region: str, name: str = "x") -> str:
    return f"{region}-{name}"


ORDER = {"count": 2, "day": "2026-01-31"}


async def problems(work: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        await work
    return [problem.field for problem in caught.value.problems]


async def test_a_defined_job_has_the_parameters_of_its_function(board: Callboard) -> None:
    stored = await board.define(ship)
    assert stored.parameters is not None
    assert list(stored.parameters["properties"]) == ["order", "express", "copies"]  # type: ignore[call-overload]
    assert stored == await board.define(ship)


async def test_explicit_parameters_stay_as_they_are(board: Callboard) -> None:
    stored = await board.define(ship, parameters=OBJECT)
    assert stored.parameters == OBJECT


async def test_the_handler_gets_its_types(board: Callboard) -> None:
    await board.define(ship)
    run = await board.start("ship", {"order": ORDER, "copies": 3})
    assert await run.result() == "3 2026 True 4"


async def test_a_start_whose_arguments_do_not_fit_is_refused(board: Callboard) -> None:
    await board.define(ship)
    wrong = {"order": {"count": "x", "day": "never"}, "copy": 1}
    assert sorted(await problems(board.start("ship", wrong))) == [
        "arguments.copy",
        "arguments.order.count",
        "arguments.order.day",
    ]
    assert await problems(board.start("ship")) == ["arguments.order"]
    assert await all_runs(board) == []


async def test_of_many_starts_the_wrong_ones_are_named_and_none_is_made(board: Callboard) -> None:
    await board.define(ship)
    wanted = [{"order": ORDER}, {"order": 1}, {"order": ORDER, "express": "no"}]
    assert await problems(board.start_many("ship", wanted)) == [
        "runs[1].arguments.order",
        "runs[2].arguments.express",
    ]
    assert await all_runs(board) == []


async def test_a_start_by_a_cycle_is_checked_too(board: Callboard) -> None:
    await board.define(plain)
    for _ in range(2):  # the second time the job is known
        assert await (await board.start("plain")).result() == "done"
        assert await problems(board.start("plain", {"x": 1})) == ["arguments.x"]


async def test_what_is_fixed_wins_and_may_not_be_given(board: Callboard) -> None:
    await board.define(region)
    assert await (await board.start("region", {"name": "a"})).result() == "eu-a"
    assert await problems(board.start("region", {"region": "us"})) == ["arguments.region"]
    assert await problems(board.start("region", {"region": "eu"})) == ["arguments.region"]


async def test_a_job_of_any_kind_may_have_parameters(board: Callboard) -> None:
    schema = {**OBJECT, "required": ["n"], "properties": {"n": {"type": "integer"}}}
    await board.create_job(
        Job(name="echo", kind="command", spec={"argv": ["true"]}, parameters=schema)
    )
    assert await problems(board.start("echo", {"n": "x"})) == ["arguments.n"]


async def test_parameters_that_are_no_schema_are_refused(board: Callboard) -> None:
    assert await problems(board.define(plain, parameters={"type": "array"})) == ["parameters.type"]


async def test_defaults_have_to_fit_as_far_as_they_are_given(board: Callboard) -> None:
    assert await problems(board.define(ship, arguments={"copies": "x"})) == ["arguments.copies"]
    assert await problems(board.define(plain, fixed_arguments={"x": 1})) == ["fixed_arguments.x"]


async def test_concurrency_goes_by_arguments_that_there_are(board: Callboard) -> None:
    wrong = Concurrency(key=("name", "regoin"))
    assert await problems(board.define(region, concurrency=wrong)) == ["concurrency.key[1]"]
    await board.define(region, concurrency=Concurrency(key=("name", "region")))
    job = Job(name="any", kind="command", spec={"argv": ["true"]}, concurrency=wrong)
    await board.create_job(replace(job, parameters=OBJECT))


# triggers


async def test_actions_are_checked_with_the_defaults_of_the_job(board: Callboard) -> None:
    await board.define(ship)
    assert await problems(board.schedule("t", every(minutes=5), "ship", {"order": 1})) == [
        "actions[0].arguments.order"
    ]
    actions = [Action(job="ship", arguments={"order": ORDER}), Action(job="ship")]
    assert await problems(board.schedule("t", cron("@daily"), actions)) == [
        "actions[1].arguments.order"
    ]
    await board.schedule("t", every(minutes=5), actions[:1])
    assert await problems(board.schedule("t", every(minutes=5), actions)) == [
        "actions[1].arguments.order"
    ]


async def test_an_edit_beside_the_actions_is_not_refused_for_what_ceased_to_fit(
    board: Callboard, caplog: pytest.LogCaptureFixture
) -> None:
    await board.define(plain)
    await board.schedule("t", every(minutes=5), "plain")
    schema = {**OBJECT, "required": ["new"]}
    with caplog.at_level(logging.WARNING):
        await board.define(plain, parameters=schema)
    assert "the parameters of job 'plain' changed" in caplog.text
    assert caplog.messages[-1].endswith(" t")
    changed = await board.schedule("t", every(minutes=5), "plain", description="still there")
    assert changed.description == "still there"


async def test_who_fires_may_give_what_a_trigger_without_slots_leaves_out(
    board: Callboard,
) -> None:
    await board.define(ship)
    await board.schedule("t", on_demand(), "ship")
    assert await problems(board.fire_trigger("default", "t")) == ["arguments.order"]
    wrong = board.fire_trigger("default", "t", arguments={"order": ORDER, "copies": []})
    assert await problems(wrong) == ["arguments.copies"]
    (run,) = await board.fire_trigger("default", "t", arguments={"order": ORDER})
    assert run.arguments == {"order": ORDER, "express": True}


async def test_a_backfill_of_what_does_not_fit_is_refused(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.define(plain)
    await board.schedule("t", every(minutes=5), "plain")
    await board.define(plain, parameters={**OBJECT, "required": ["new"]})
    now = clock.now()
    new = NewBackfill(trigger="t", from_at=now, until_at=now + timedelta(hours=1))
    assert await problems(board.create_backfill(new)) == ["trigger"]


# a deploy


async def load(board: Callboard, function: Callable[..., Any], **fields: Any) -> Job:
    """Give the board its own code for the handler, and store the job that it makes of it."""
    board.handlers.register("work:load", function)
    stored, _ = await board.replace_job(
        Job(name="load", kind="python", spec={"handler": "work:load"}, **fields)
    )
    return stored


def old(a: int) -> int:
    return a


def new(b: int) -> int:
    return b


async def parked(board: Callboard, clock: VirtualClock) -> dict[int, str]:
    """Reasons by run."""
    await clock.settle()
    runs = await all_runs(board, states=(RunState.PARKED,))
    return {run.id: run.error.type for run in runs if run.error is not None}


@pytest.fixture
async def deploy(clock: VirtualClock, store: MemoryStore) -> AsyncIterator[Callable[..., Any]]:
    """`await deploy(function)`: another board whose code for the handler that is."""
    async with AsyncExitStack() as stack:

        async def open_one(function: Callable[..., Any], **config: Any) -> Callboard:
            handlers = HandlerRegistry()
            handlers.register("work:load", function)
            named = replace(CALM, node_name=function.__name__, **config)
            board = Callboard(
                store=store, config=named, clock=clock, handlers=handlers, rng=Random(1)
            )
            await board.open()
            stack.push_async_callback(board.close)
            await clock.run_until(lambda: board.health().is_ready)
            await load(board, function)
            return board

        yield open_one


async def test_runs_of_before_a_deploy_are_parked_and_released_by_one_call(
    deploy: Callable[..., Any], clock: VirtualClock
) -> None:
    first = await deploy(old, executes=False)
    runs = [await first.start("load", {"a": number}) for number in range(3)]
    second = await deploy(new)
    reasons = await parked(second, clock)
    assert reasons == {run.id: "ArgumentMismatch" for run in runs}
    await second.close()
    third = await deploy(older)
    dry = await third.release_runs(RunFilter(job="load"), dry_run=True)
    assert set(dry.run_ids) == set(reasons)
    assert await parked(third, clock) == reasons
    released = await third.release_runs(RunFilter(job="load"), error_type="ArgumentMismatch")
    assert (set(released.run_ids), released.before_id) == (set(reasons), None)
    await clock.settle()
    assert [(await third.get_run(run.id)).result for run in runs] == [0, 1, 2]
    assert (await third.release_runs(RunFilter(job="load"))).count == 0


def older(a: int) -> int:
    return a


async def test_a_slot_whose_arguments_do_not_fit_any_more_still_makes_its_run(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    board = await open_board()
    await load(board, old)
    await board.schedule("t", every(minutes=5), "load", {"a": 1})
    board.handlers = HandlerRegistry()
    job = await board.get_job("default", "load")
    schema = {**OBJECT, "required": ["b"], "properties": {"b": {"type": "integer"}}}
    await board.replace_job(replace(job, spec={"handler": "work:other"}, parameters=schema))
    await clock.advance(301)
    assert set((await parked(board, clock)).values()) == {"UnknownHandler"}
    (run, *_) = await all_runs(board)
    assert (run.trigger, run.arguments) == ("t", {"a": 1})


async def test_a_missing_handler_leaves_parameters_unknown_until_somebody_knows_it(
    open_board: Callable[..., Any],
) -> None:
    door, worker = await open_board(executes=False), await open_board()
    wanted = Job(name="load", kind="python", spec={"handler": "work:load"})
    assert (await door.create_job(wanted)).parameters is None
    known = await load(worker, old)
    assert known.parameters is not None
    again, _ = await door.replace_job(wanted)
    assert again == known
    other, _ = await door.replace_job(replace(wanted, spec={"handler": "work:unheard_of"}))
    assert other.parameters is None


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of one that can be imported, and of which nothing is known yet."""
    (tmp_path / "cb_typed.py").write_text("print('imported')\ndef load(count: int): return count\n")
    (tmp_path / "cb_broken.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "cb_typed"
    for name in ("cb_typed", "cb_broken"):
        sys.modules.pop(name, None)


async def test_a_handler_that_can_be_imported_is_asked(board: Callboard, module: str) -> None:
    job = Job(name="typed", kind="python", spec={"handler": f"{module}:load"})
    stored = await board.create_job(job)
    assert stored.parameters is not None
    assert stored.parameters["required"] == ["count"]


async def test_a_handler_of_other_processes_is_not_imported_here(
    board: Callboard, module: str
) -> None:
    spec = {"handler": f"{module}:load", "isolation": "process"}
    assert (await board.create_job(Job(name="j", kind="python", spec=spec))).parameters is None
    assert module not in sys.modules


@pytest.mark.parametrize("handler", ["cb_broken:load", "cb_none:load", "nothing", "cb_typed:no"])
async def test_a_handler_that_nobody_finds_is_no_error(
    board: Callboard, module: str, handler: str
) -> None:
    stored = await board.create_job(Job(name="j", kind="python", spec={"handler": handler}))
    assert stored.parameters is None


# whatever the arguments

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("n"), each)
    ),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["order", "express", "copies", "count", "x", "\x00", "\ud800"]), ANY
) | st.fixed_dictionaries(
    {
        "order": st.fixed_dictionaries(
            {"count": st.integers() | st.floats() | ANY, "day": st.dates().map(str) | st.text()}
        )
    },
    optional={"copies": st.integers() | st.floats(), "express": st.booleans() | ANY},
)


@given(arguments=ARGUMENTS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_whatever_is_given_is_refused_by_field_or_executed(
    board: Callboard, clock: VirtualClock, arguments: dict[str, Any]
) -> None:
    await board.define(ship)
    answer = await answered(board.start("ship", arguments))
    if isinstance(answer, InvalidInput):
        assert all(problem.field.startswith("arguments") for problem in answer.problems)
    else:
        ended = await answer.wait()
        assert ended.state is RunState.SUCCEEDED, ended.error


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 2**20, "bytes of JSON, more than 1048576"),
        (float("nan"), "is nan, which JSON does not have"),
        (b"x", "is a bytes, not a JSON value"),
        (object(), "is an object, not a JSON value"),
        (2**70, "is an integer beyond 64 bits"),
    ],
)
async def test_what_is_no_json_or_too_long_is_named(
    board: Callboard, value: Any, reason: str
) -> None:
    await board.define(plain, parameters=OBJECT)
    with pytest.raises(InvalidInput, match=reason) as caught:
        await board.start("plain", {"x": value})
    assert caught.value.problems[0].field.startswith("arguments")
    with pytest.raises(InvalidInput, match=reason) as caught:
        await board.start_many("plain", [{}, {"x": value}])
    assert caught.value.problems[0].field.startswith("runs[1].arguments")


async def test_what_is_nested_too_deep_is_named(board: Callboard) -> None:
    deep: Any = None
    for _ in range(70):
        deep = [deep]
    await board.define(plain, parameters=OBJECT)
    (field,) = await problems(board.start("plain", {"x": deep}))
    assert field.startswith("arguments.x[0]")


@pytest.mark.parametrize("given", [[], "a", 3, {"order": float("inf")}, {1: 2}])
async def test_who_fires_with_what_is_no_json_object_is_told(board: Callboard, given: Any) -> None:
    await board.define(ship)
    await board.schedule("t", on_demand(), "ship")
    (field,) = await problems(board.fire_trigger("default", "t", arguments=given))
    assert field.startswith("arguments")


@pytest.mark.parametrize("given", [[], "a", {"x": b"1"}, {"x": "x" * 2**20}])
async def test_actions_with_what_is_no_json_object_are_refused(
    board: Callboard, given: Any
) -> None:
    await board.define(plain, parameters=OBJECT)
    with pytest.raises(InvalidInput) as caught:
        await board.schedule("t", on_demand(), [Action(job="plain", arguments=given)])
    assert caught.value.problems[0].field.startswith("actions[0].arguments")
