"""Nodes that stand still past their lease while they execute batch runs, and go on when those are
another node's (case 80).

The zombie does not even notice that it has lost them: only the database stands between it and what
is done by now. The sleeper is a node as any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from acceptance.batch_blow import seen_over
from acceptance.batch_scene import Case, Scene, Seen, scene
from acceptance.batch_work import ITEMS, SIZE
from acceptance.nodes import NodeProcess
from callboard import Run
from callboard.domain.batch_step import StepState
from callboard.domain.states import RunState
from callboard.errors import Conflict

WHOLE: Final = Case(job="retried", note="whole")
ABANDONED: Final = Case(job="retried", trap="load:write", note="abandoned")
RECOVERED: Final = Case(job="retried", trap="load:write", note="recovered")
REPLACED: Final = (
    *(Case(job="retried", trap=f"load:{point}") for point in ("process", "write")),
    *(Case(job="elsewhere", trap=f"load:{point}") for point in ("process", "write", "copy")),
)
FURTHER: Final = tuple(
    Case(job="retried", trap=trap)
    for trap in ("run:begin", "load:end", "settle:begin", "settle:process", "job:end")
)
"""Held where no chunk of an imperative step is under way."""
ASLEEP: Final = (
    Case(job="retried", trap="load:process", note="asleep"),
    Case(job="retried", trap="load:write", note="asleep"),
    Case(job="elsewhere", trap="load:write", note="asleep"),
)
OF_ZOMBIE: Final = (*REPLACED, *FURTHER, ABANDONED, RECOVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw:
    over: Mapping[Case, Seen]
    """When other nodes were done, and the frozen ones still stood still."""
    late: Mapping[Case, Seen]
    """When those had gone on, and were closed."""
    left_by: Mapping[Case, str]
    """The exception by which a frozen node's chunk was left."""
    refusal: Conflict
    """Of a recovery while the lease ran."""
    exits: tuple[int, int]


async def thawed(scene: Scene) -> Thaw:
    zombie = await scene.nodes.engage("zombie", zombie=1)
    runs = await held(scene, (WHOLE, *OF_ZOMBIE))
    with pytest.raises(Conflict) as refused:
        await scene.desk.operator.recover(runs[RECOVERED].id)
    await scene.desk.operator.stop(runs[ABANDONED].id)
    sleeper = await scene.nodes.engage("sleeper")
    zombie.freeze()
    await scene.desk.operator.abandon(runs[ABANDONED].id)
    await scene.desk.operator.recover(runs[RECOVERED].id, reason="it hangs", force=True)
    runs[RECOVERED] = await scene.desk.operator.restart(runs[RECOVERED].id)
    runs |= await held(scene, ASLEEP)
    sleeper.freeze()
    await scene.nodes.engage("healer")
    over = await seen_over(scene, runs)
    left_by = await gone_on(scene, [zombie, sleeper], (*OF_ZOMBIE, *ASLEEP))
    exits = await zombie.close(), await sleeper.close()
    late = {case: await scene.seen(case, run.id) for case, run in runs.items()}
    return Thaw(over=over, late=late, left_by=left_by, refusal=refused.value, exits=exits)


async def held(scene: Scene, cases: tuple[Case, ...]) -> dict[Case, Run]:
    """Their runs, those without a trap at their ends."""
    runs = {case: await scene.start(case) for case in cases}
    await scene.all_held([case for case in cases if case.trap])
    return {case: run if case.trap else await scene.over(run.id) for case, run in runs.items()}


async def gone_on(
    scene: Scene, nodes: list[NodeProcess], cases: tuple[Case, ...]
) -> dict[Case, str]:
    """By what the chunks were left that frozen nodes went on with."""
    for case in cases:
        scene.let_go(case)
    for node in nodes:
        node.thaw()
    told = [case for case in cases if case not in FURTHER]
    return {case: await scene.ended_chunk(case) for case in told}


@pytest.fixture(scope="module")
def thaw(postgres_servers: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Thaw:
    async def tell() -> Thaw:
        newest = postgres_servers[max(postgres_servers, key=int)]
        async with scene(newest, tmp_path_factory.mktemp("snares")) as one:
            return await thawed(one)

    return asyncio.run(tell())


REFUSED = ("StepNotHeld", "StoreUnavailable")
"""By the fence; or by the database, which ends a transaction that says nothing for a minute: on a
slow machine the frozen ones sleep longer."""


def by_id(case: Case) -> str:
    return case.book


@pytest.mark.parametrize("case", [*REPLACED, *FURTHER, *ASLEEP], ids=by_id)
def test_80_a_run_is_taken_from_a_frozen_node_and_nothing_is_done_twice(
    thaw: Thaw, case: Case
) -> None:
    over = thaw.over[case]
    assert (over.run.state, over.run.crashes) == (RunState.SUCCEEDED, 1)
    assert over.run.node != ("sleeper" if case in ASLEEP else "zombie")
    assert over.output == thaw.over[WHOLE].output
    assert thaw.late[case] == over, "what woke up has changed something"


@pytest.mark.parametrize("case", REPLACED, ids=by_id)
def test_80_the_database_refuses_the_commit_of_a_node_that_has_noticed_nothing(
    thaw: Thaw, case: Case
) -> None:
    assert thaw.left_by[case] in REFUSED


@pytest.mark.parametrize("case", ASLEEP, ids=by_id)
def test_a_node_that_wakes_up_gives_up_the_chunk_by_itself_or_is_refused(
    thaw: Thaw, case: Case
) -> None:
    assert thaw.left_by[case] in ("CancelledError", *REFUSED)


def test_71_a_stopping_run_of_a_frozen_node_is_given_up_for_good(thaw: Thaw) -> None:
    over = thaw.over[ABANDONED]
    assert over.run.state is RunState.ABANDONED
    assert over.history.instance.state == "abandoned"
    assert [step.state for step in over.history.steps] == [StepState.STOPPED]
    assert over.output.lines == tuple(range(1, SIZE + 1))
    assert thaw.left_by[ABANDONED] in REFUSED
    assert thaw.late[ABANDONED] == over


def test_a_run_whose_lease_runs_is_recovered_by_force_alone(thaw: Thaw) -> None:
    assert thaw.refusal.code == "run_already_running"
    assert "by force" in str(thaw.refusal)
    over = thaw.over[RECOVERED]
    recovered, again = over.history.runs
    assert (recovered.exit_code, recovered.recovery) == ("FAILED", "it hangs")
    assert (again.run_id, over.run.state) == (over.run.id, RunState.SUCCEEDED)
    assert over.output == thaw.over[WHOLE].output
    assert [step.counts.writes for step in over.steps("load")] == [SIZE, ITEMS - SIZE]


def test_a_recovered_run_leaves_no_trace_when_its_node_wakes_up(thaw: Thaw) -> None:
    assert thaw.left_by[RECOVERED] in REFUSED
    assert thaw.late[RECOVERED] == thaw.over[RECOVERED]


def test_the_nodes_that_woke_up_end_in_order(thaw: Thaw) -> None:
    assert thaw.exits == (0, 0)


@pytest.mark.slow  # the database gives up on a commit that does not come after ten seconds
@pytest.mark.timeout(200)
async def test_a_node_that_froze_between_save_and_commit_keeps_nobody_else_waiting(
    postgres_servers: Mapping[str, str], tmp_path: Path
) -> None:
    """Its open transaction keeps its own step from everybody, until the database ends that."""
    saved, other = (Case(job="retried", trap=f"load:{point}") for point in ("save", "process"))
    newest = postgres_servers[max(postgres_servers, key=int)]
    async with scene(newest, tmp_path) as here:
        zombie = await here.nodes.engage("zombie", zombie=1)
        runs = await held(here, (saved, other))
        zombie.freeze()
        await here.nodes.engage("healer")
        assert (await here.over(runs[other].id)).state is RunState.SUCCEEDED
        assert (await here.desk.get_run(runs[saved].id)).state is RunState.RUNNING
        await here.desk.operator.wait(runs[saved].id, timeout_s=100)
        over = await seen_over(here, runs)
        left_by = await gone_on(here, [zombie], (saved,))
        assert await zombie.close() == 0
        assert left_by[saved] in REFUSED
        for case in runs:
            assert (over[case].run.state, over[case].run.crashes) == (RunState.SUCCEEDED, 1)
            assert over[case].output.lines == tuple(range(1, ITEMS + 1))
            assert await here.seen(case, runs[case].id) == over[case]
