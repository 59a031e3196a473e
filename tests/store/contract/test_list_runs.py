"""Lists of runs: newest first, by every condition, page by page."""

from typing import Any

import pytest

from callboard.domain.run import Run
from callboard.domain.states import ENDED, LIVE, RunState
from callboard.store.contract import RunFilter, Store
from support.factories import (
    after,
    changed_run,
    ended_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
)


async def ids(store: Store, **conditions: Any) -> list[int]:
    return [run.id for run in await store.list_runs(RunFilter(**conditions))]


async def one_in_each_state(store: Store) -> dict[RunState, Run]:
    """A run in each state, in the order of the states."""
    job, node = await stored_job(store), await stored_node(store)
    runs: dict[RunState, Run] = {}
    for state in RunState:
        run = await running_run(store, job, node)
        if state is RunState.ABANDONED:
            failed = await ended_run(store, run, RunState.FAILED)
            runs[state] = await changed_run(store, failed, state=state)
        elif state in ENDED:
            runs[state] = await ended_run(store, run, state)
        else:
            held = state in (RunState.RUNNING, RunState.STOPPING, RunState.LOST)
            later = after(3600)
            epoch = run.epoch if held else None
            runs[state] = await changed_run(store, run, state=state, epoch=epoch, due_at=later)
    return runs


async def test_runs_are_listed_newest_first(store: Store) -> None:
    job = await stored_job(store)
    runs = await stored_runs(store, job, 5)
    assert await store.list_runs(RunFilter()) == runs[::-1]


async def test_live_and_ended_runs_are_listed_together(store: Store) -> None:
    runs = await one_in_each_state(store)
    assert await store.list_runs(RunFilter()) == list(runs.values())[::-1]


@pytest.mark.parametrize("state", RunState)
async def test_runs_are_listed_by_state(store: Store, state: RunState) -> None:
    runs = await one_in_each_state(store)
    assert await store.list_runs(RunFilter(states=(state,))) == [runs[state]]


async def test_runs_are_listed_by_several_states(store: Store) -> None:
    runs = await one_in_each_state(store)
    states = (RunState.FAILED, RunState.QUEUED, RunState.RUNNING)
    expected = sorted((runs[state].id for state in states), reverse=True)
    assert await ids(store, states=states) == expected
    assert len(await ids(store, states=tuple(LIVE))) == len(LIVE)
    assert len(await ids(store, states=tuple(ENDED))) == len(ENDED)


async def test_runs_are_listed_by_job_trigger_and_group(store: Store) -> None:
    a, b = await stored_job(store, "a"), await stored_job(store, "b")
    other = await stored_job(store, "a", group="other")
    one = await stored_run(store, a, trigger="t", trigger_id=1)
    two = await stored_run(store, b, trigger="t", trigger_id=1)
    three = await stored_run(store, other, trigger="t", trigger_id=2)
    four = await stored_run(store, a)
    assert await ids(store, job="a") == [four.id, three.id, one.id]
    assert await ids(store, job="a", group="default") == [four.id, one.id]
    assert await ids(store, group="other") == [three.id]
    assert await ids(store, trigger="t") == [three.id, two.id, one.id]
    assert await ids(store, trigger="t", group="default", job="a") == [one.id]
    assert await ids(store, job="c") == []
    assert await ids(store, trigger="u", group="default") == []
    assert await ids(store, group="c") == []


async def test_runs_are_listed_by_their_creation_from_inclusive_until_exclusive(
    store: Store,
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    runs = [await stored_run(store, job, created_at=after(second)) for second in (0, 10, 20)]
    await ended_run(store, await running_run_of(store, runs[1], node.epoch))
    one, two, three = (run.id for run in runs)
    assert await ids(store, created_from=after(10)) == [three, two]
    assert await ids(store, created_from=after(10.000001)) == [three]
    assert await ids(store, created_until=after(10)) == [one]
    assert await ids(store, created_until=after(10.000001)) == [two, one]
    assert await ids(store, created_from=after(10), created_until=after(20)) == [two]
    assert await ids(store, created_from=after(20), created_until=after(10)) == []


async def running_run_of(store: Store, run: Run, epoch: int) -> Run:
    """The run as if the node of that epoch had claimed it."""
    return await changed_run(
        store, run, state=RunState.RUNNING, node="node-a", epoch=epoch, started_at=after(0)
    )


async def test_runs_are_listed_by_their_chain(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first = await running_run(store, job, node)
    await ended_run(store, first, RunState.FAILED)
    other = await stored_run(store, job, due_at=after(60))
    second = await stored_run(store, job, chain_id=first.id, previous_run_id=first.id, attempt=2)
    third = await stored_run(store, job, chain_id=first.id, previous_run_id=second.id, attempt=3)
    assert await ids(store, chain_id=first.id) == [third.id, second.id, first.id]
    assert await ids(store, chain_id=first.id, before_id=third.id, limit=1) == [second.id]
    assert await ids(store, chain_id=first.id, states=(RunState.FAILED,)) == [first.id]
    assert await ids(store, chain_id=other.id) == [other.id]
    assert await ids(store, chain_id=second.id) == []


async def test_all_conditions_hold_together(store: Store) -> None:
    job, other, node = (
        await stored_job(store),
        await stored_job(store, "b"),
        await stored_node(store),
    )
    runs = []
    for number in range(6):
        run = await running_run(
            store,
            (job, other)[number % 2],
            node,
            trigger="t",
            trigger_id=1,
            created_at=after(number),
        )
        runs.append(await ended_run(store, run, (RunState.FAILED, RunState.SUCCEEDED)[number // 3]))
    listed = await ids(
        store,
        group="default",
        job="report",
        trigger="t",
        states=(RunState.FAILED,),
        created_from=after(1),
        created_until=after(5),
        before_id=runs[5].id,
    )
    assert listed == [runs[2].id]


@pytest.mark.parametrize(
    "condition", [{}, {"job": "report", "group": "default"}, {"job": "report"}]
)
async def test_pages_join_up(store: Store, condition: dict[str, str]) -> None:
    job, node = await stored_job(store), await stored_node(store)
    for number in range(11):
        run = await running_run(store, job, node)
        if number % 3:
            await ended_run(store, run)
    read: list[int] = []
    before_id: int | None = None
    while page := await ids(store, before_id=before_id, limit=4, **condition):
        read += page
        before_id = page[-1]
    assert len(read) == 11
    assert read == sorted(set(read), reverse=True)


async def test_paging_is_stable_while_runs_come_and_end(store: Store) -> None:
    """A04: nothing is skipped or repeated."""
    job, node = await stored_job(store), await stored_node(store)
    at_first = [await running_run(store, job, node) for _ in range(9)]
    read: list[int] = []
    before_id: int | None = None
    while page := await ids(store, before_id=before_id, limit=2):
        read += page
        before_id = page[-1]
        await stored_run(store, job, due_at=after(60))
        for index in (len(read) // 2, -len(read) // 2):
            run = await store.get_run(at_first[index].id)
            if run is not None and not run.has_ended:
                await ended_run(store, run)
    assert read == [run.id for run in reversed(at_first)]


async def test_a_limit_of_nothing_gives_nothing(store: Store) -> None:
    await stored_runs(store, await stored_job(store), 2)
    assert await ids(store, limit=0) == []
