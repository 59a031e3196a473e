"""A chunk's COMMIT whose answer never comes, or that never arrives (row of the crash matrix).

The connection breaks at that very moment. The stored checkpoint tells what became of the chunk: the
same process goes on, under the same lease, and no run ends up in a state that nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from acceptance.batch_scene import Case, Scene, Seen, scene
from acceptance.batch_work import COMMITS, ITEMS
from callboard.domain.batch_step import StepCounts
from callboard.domain.states import RunState
from support.relay import Relay, relay_to

WHOLE: Final = Case(job="retried", note="whole")
ARRIVED: Final = (
    Case(job="retried", trap="load:save"),
    Case(job="retried", trap="settle:save"),
    Case(job="elsewhere", trap="load:save"),
)
"""The commit takes place, and only its answer is lost."""
DECLARED: Final = Case(job="retried", trap="settle:save", note="missed")
IMPERATIVE: Final = Case(job="retried", trap="load:save", note="missed")
ALL_ITEMS: Final = StepCounts(reads=ITEMS, writes=ITEMS, commits=COMMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    seen: Mapping[Case, Seen]
    again: Seen
    """The restart of the one that failed."""


async def lost(scene: Scene, board: Relay, shop: Relay) -> Lost:
    await scene.nodes.engage("node", dsn=board.dsn, shop=shop.dsn)
    seen = {}
    for case in (WHOLE, *ARRIVED, DECLARED, IMPERATIVE):
        run = await scene.start(case)
        if case.trap:
            await scene.all_held([case])
            relay = shop if case.job == "elsewhere" else board
            relay.lose(b"COMMIT", before=case.note == "missed")
            scene.let_go(case)
        await scene.over(run.id)
        seen[case] = await scene.seen(case, run.id)
    again = await scene.desk.operator.restart(seen[IMPERATIVE].run.id)
    await scene.over(again.id)
    return Lost(seen=seen, again=await scene.seen(IMPERATIVE, again.id))


@pytest.fixture(scope="module")
def told(postgres_servers: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Lost:
    async def tell() -> Lost:
        newest = postgres_servers[max(postgres_servers, key=int)]
        async with (
            scene(newest, tmp_path_factory.mktemp("snares"), lease_s=15.0) as one,
            relay_to(one.board_dsn) as board,
            relay_to(one.shop_dsn) as shop,
        ):
            return await lost(one, board, shop)

    return asyncio.run(tell())


@pytest.mark.parametrize("case", ARRIVED, ids=lambda case: case.book)
def test_a_chunk_whose_commit_is_not_answered_is_not_done_twice(told: Lost, case: Case) -> None:
    seen = told.seen[case]
    assert (seen.run.state, seen.run.crashes, seen.run.attempt) == (RunState.SUCCEEDED, 0, 1)
    assert seen.run.epoch == told.seen[WHOLE].run.epoch, "the node has kept its lease"
    assert seen.output == told.seen[WHOLE].output
    assert seen.states() == {name: ["succeeded"] for name in ("load", "settle", "report")}
    assert seen.steps("load")[0].counts == ALL_ITEMS
    assert seen.steps("settle")[0].counts == ALL_ITEMS


def test_a_declarative_step_writes_a_chunk_again_whose_commit_never_arrived(told: Lost) -> None:
    seen = told.seen[DECLARED]
    assert (seen.run.state, seen.run.crashes) == (RunState.SUCCEEDED, 0)
    assert seen.output == told.seen[WHOLE].output
    (settle,) = seen.steps("settle")
    assert settle.counts.plus(StepCounts(retries=-1)) == ALL_ITEMS


def test_an_imperative_step_fails_by_it_and_a_restart_goes_on(told: Lost) -> None:
    """The engine cannot call its code again; the step may, for it is told that nothing is in."""
    failed = told.seen[IMPERATIVE]
    assert failed.run.state is RunState.FAILED
    assert failed.run.error is not None
    assert failed.run.error.type.endswith("StoreUnavailable")
    assert failed.states() == {"load": ["failed"]}
    assert (told.again.run.state, told.again.output) == ("succeeded", told.seen[WHOLE].output)
    assert told.again.writes("load") == ITEMS
