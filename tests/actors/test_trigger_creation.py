"""Creating triggers, one by one and many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from callboard import Action, Callboard, Trigger, TriggerState, every, job
from callboard.domain.calendar_rule import CalendarRule
from callboard.errors import AlreadyExists, InvalidInput
from callboard.store.contract import RunFilter, TriggerFilter
from callboard.store.memory import MemoryStore
from callboard.store.memory_transaction import MemoryTransaction
from callboard.testing import VirtualClock
from support.boards import answered


@job(name="greet")
async def greet() -> None:
    """Say hello."""


def hourly(name: str, **changes: Any) -> Trigger:
    values: dict[str, Any] = {"schedule": every(hours=1), "actions": (Action(job="greet"),)}
    return Trigger(name=name, **{**values, **changes})


async def names(board: Callboard) -> list[str]:
    return [trigger.name for trigger in await board.list_triggers(TriggerFilter(limit=10_000))]


async def test_many_created_in_one_call_are_active_and_fire(board: Callboard, clock: VirtualClock):
    await board.define(greet)
    stored = await board.create_triggers([hourly("b"), hourly("a")])
    assert [trigger.name for trigger in stored] == ["b", "a"]
    assert {trigger.state for trigger in stored} == {TriggerState.ACTIVE}
    assert await board.get_trigger("default", "a") == stored[1]
    await clock.advance(3601)
    runs = await board.list_runs(RunFilter())
    assert sorted(run.trigger or "" for run in runs) == ["a", "b"]


async def test_one_that_is_given_as_inactive_stays_so(board: Callboard):
    await board.define(greet)
    wanted = [hourly("a"), hourly("b", state=TriggerState.INACTIVE)]
    assert [each.state for each in await board.create_triggers(wanted)] == [
        TriggerState.ACTIVE,
        TriggerState.INACTIVE,
    ]
    (idle,) = await board.create_triggers([hourly("c")], activate=False)
    assert (idle.state, idle.next_slot) == (TriggerState.INACTIVE, None)


async def test_everything_that_is_wrong_is_named_by_place_and_nothing_is_created(board: Callboard):
    await board.define(greet)
    wanted = [
        hourly("a"),
        hourly("b", actions=(Action(job="greet"), Action(job="gret"))),
        hourly("c", calendars=(CalendarRule(calendar="none"),)),
        hourly("a"),
    ]
    with pytest.raises(InvalidInput) as caught:
        await board.create_triggers(wanted)
    assert [problem.field for problem in caught.value.problems] == [
        "triggers[1].actions[1].job",
        "triggers[2].calendars[0].calendar",
        "triggers[3].name",
    ]
    assert await names(board) == []


async def test_a_taken_name_refuses_all_of_the_call(board: Callboard):
    await board.define(greet)
    await board.create_trigger(hourly("b"))
    with pytest.raises(AlreadyExists, match="'b'"):
        await board.create_triggers([hourly("a"), hourly("b")])
    assert await names(board) == ["b"]


async def test_none_create_none(board: Callboard):
    assert await board.create_triggers([]) == []


async def test_the_same_name_at_the_same_moment_is_created_once(board: Callboard):
    await board.define(greet)
    answers = await asyncio.gather(
        *(answered(board.create_trigger(hourly("a", description=str(n)))) for n in range(5)),
        answered(board.create_triggers([hourly("b"), hourly("c")])),
        answered(board.create_triggers([hourly("c"), hourly("d")])),
        answered(board.create_triggers([hourly("d"), hourly("e")])),
        answered(board.create_triggers([hourly("e"), hourly("a")])),
    )
    assert [type(answer) for answer in answers] == [
        Trigger,
        *[AlreadyExists] * 4,
        list,
        AlreadyExists,
        list,
        AlreadyExists,
    ]
    assert await names(board) == ["a", "b", "c", "d", "e"]
    assert (await board.get_trigger("default", "a")).description == "0"


async def test_a_job_that_is_defined_at_the_same_moment_is_known(board: Callboard):
    answers = await asyncio.gather(board.create_trigger(hourly("a")), board.define(greet))
    assert answers[0].name == "a"


async def test_one_that_is_wrong_does_not_refuse_those_that_share_its_commit(board: Callboard):
    await board.define(greet)
    wanted = [hourly("a"), hourly("b", actions=(Action(job="gret"),)), hourly("c")]
    answers = await asyncio.gather(*(answered(board.create_trigger(each)) for each in wanted))
    assert [type(answer) for answer in answers] == [Trigger, InvalidInput, Trigger]
    assert await names(board) == ["a", "c"]


async def test_creations_that_wait_together_share_a_commit(board: Callboard, store: MemoryStore):
    await board.define(greet)
    _, before = await store.event_range()
    stored = await asyncio.gather(*(board.create_trigger(hourly(f"t{n}")) for n in range(50)))
    batches = await store.read_events(before, 100)
    assert sum(len(batch.records) for batch in batches) == 50
    assert len(batches) <= 2
    assert len({trigger.id for trigger in stored}) == 50


async def test_a_created_trigger_is_the_given_one_with_what_the_store_adds(board: Callboard):
    await board.define(greet)
    wanted = hourly("a", description="täglich", max_firings=3, jitter_s=5)
    (stored,) = await board.create_triggers([wanted])
    assert replace(
        stored,
        id=0,
        version=0,
        next_slot=None,
        anchor_at=None,
        created_at=None,
        updated_at=None,
    ) == replace(wanted, next_slot=None)


async def test_a_name_that_another_node_takes_at_the_same_moment_is_found_by_a_new_try(
    board: Callboard, monkeypatch: pytest.MonkeyPatch
):
    await board.define(greet)
    await board.create_trigger(hourly("b"))
    look, looks = MemoryTransaction.taken_trigger_names, 0

    async def too_early(tx: MemoryTransaction, wanted: Sequence[tuple[str, str]]) -> Any:
        nonlocal looks
        looks += 1
        return set() if looks == 1 else await look(tx, wanted)

    monkeypatch.setattr(MemoryTransaction, "taken_trigger_names", too_early)
    with pytest.raises(AlreadyExists, match="'b'"):
        await board.create_triggers([hourly("a"), hourly("b")])
    assert looks == 2
    assert await names(board) == ["b"]
