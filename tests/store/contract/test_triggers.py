"""Triggers: insert, change, delete, find by job, list, and what is due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from callboard.domain.given_terms import GivenTerms
from callboard.domain.schedule import at, cron, every, on_demand, on_event
from callboard.domain.trigger import (
    Action,
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    OnMissing,
    Trigger,
    TriggerState,
)
from callboard.store.contract import Store, TriggerFilter
from callboard.testing import VirtualClock
from support.factories import (
    NOW,
    after,
    make_entry,
    make_trigger,
    stored_job,
    stored_run,
    stored_trigger,
    the_run,
)


async def update(store: Store, trigger: Trigger) -> Trigger | None:
    async with store.begin() as tx:
        return await tx.update_trigger(trigger)


async def names(store: Store, **conditions: object) -> list[str]:
    triggers = await store.list_triggers(TriggerFilter(**conditions))  # type: ignore[arg-type]
    return [trigger.name for trigger in triggers]


async def due_names(store: Store, until: float, limit: int = 100) -> list[str]:
    return [trigger.name for trigger in await store.due_triggers(after(until), limit)]


async def test_an_inserted_trigger_has_an_identity_and_is_at_version_1(store: Store) -> None:
    trigger = await stored_trigger(store)
    assert trigger.id > 0
    assert trigger == replace(
        make_trigger(), id=trigger.id, version=1, created_at=NOW, updated_at=NOW
    )
    assert await store.get_trigger("default", "hourly") == trigger


@pytest.mark.parametrize(
    "schedule",
    [
        cron("*/5 2 * * MON-FRI", zone="Europe/Berlin"),
        every(seconds=90),
        at(after(86_400.000001)),
        on_demand(),
        on_event(batch_size=5, window_s=1.5),
    ],
    ids=lambda schedule: schedule.kind,
)
async def test_a_schedule_of_every_kind_comes_back(store: Store, schedule: object) -> None:
    trigger = await stored_trigger(store, schedule=schedule)
    stored = await store.get_trigger("default", "hourly")
    assert stored is not None
    assert stored.schedule == schedule
    assert stored == trigger


async def test_a_trigger_comes_back_with_every_field(store: Store) -> None:
    trigger = await stored_trigger(
        store,
        "full",
        group="tenant",
        actions=(
            Action(job="a", arguments={"ä": [1]}),
            Action(job="b", terms=GivenTerms(timeout_s=1.5, annotations={"a": {"b": [1]}})),
            Action(job="a"),
        ),
        description="täglich",
        misfire=MisfirePolicy(
            policy=MisfirePolicyName.FIRE_ALL,
            coalesce=Coalesce.EARLIEST,
            grace_s=1.5,
            window_s=3600.0,
            cap=5,
        ),
        start_at=after(1.000001),
        end_at=after(10**6),
        max_firings=10,
        state=TriggerState.PARKED,
        reason="its zone is gone",
        next_slot=after(3600.000001),
        last_slot=after(-3600),
        firings=4,
        generation=7,
        anchor_at=after(-0.5),
        on_missing=OnMissing.SKIP,
        workflow="wörk flow",
        labels={"team": "öl", "tier": ""},
        annotations={"door": {"deep": [None, 1.5]}},
    )
    assert await store.get_trigger("tenant", "full") == trigger
    assert trigger.reason == "its zone is gone"
    assert trigger.generation == 7


async def test_a_taken_name_is_refused_and_the_first_trigger_stays(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        assert await tx.insert_triggers([make_trigger(job="other")]) == [None]
        assert await tx.triggers_of_job("default", "other") == []
    assert await store.list_triggers(TriggerFilter()) == [trigger]


async def test_a_changed_trigger_is_one_version_on(store: Store, clock: VirtualClock) -> None:
    trigger = await stored_trigger(store)
    await clock.advance(60)
    wanted = replace(
        trigger,
        schedule=every(minutes=5),
        actions=(Action(job="other"),),
        state=TriggerState.PAUSED,
        next_slot=after(300),
        last_slot=after(0),
        firings=3,
        generation=2,
        anchor_at=after(60),
    )
    changed = await update(store, wanted)
    assert changed == replace(wanted, version=2, updated_at=after(60))
    assert await store.get_trigger("default", "hourly") == changed


async def test_a_change_at_an_old_version_is_left_out(store: Store) -> None:
    trigger = await stored_trigger(store)
    second = await update(store, replace(trigger, description="second"))
    assert await update(store, replace(trigger, description="third", next_slot=None)) is None
    assert await store.get_trigger("default", "hourly") == second
    assert await due_names(store, 3600) == ["hourly"]


async def test_a_change_of_a_trigger_that_is_gone_is_left_out(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        await tx.delete_trigger(trigger.id)
    assert await update(store, trigger) is None


async def test_a_change_leaves_the_names_alone(store: Store) -> None:
    trigger = await stored_trigger(store)
    changed = await update(store, replace(trigger, name="other", group="elsewhere"))
    assert changed is not None
    assert (changed.group, changed.name) == ("default", "hourly")
    assert await store.get_trigger("default", "hourly") == changed


async def test_a_locked_trigger_is_given_as_it_is(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        assert await tx.lock_trigger("default", "hourly") == trigger
        assert await tx.lock_trigger("other", "hourly") is None
        assert await tx.lock_trigger("default", "daily") is None


async def test_a_deleted_trigger_is_gone_and_never_due(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        assert await tx.delete_trigger(trigger.id) is True
        assert await tx.delete_trigger(trigger.id) is False
        assert await tx.triggers_of_job("default", "report") == []
    assert await store.get_trigger("default", "hourly") is None
    assert await due_names(store, 10**9) == []
    assert await store.next_slot_after(NOW) is None


async def test_the_ledger_and_the_runs_of_a_deleted_trigger_stay(store: Store) -> None:
    job, trigger = await stored_job(store), await stored_trigger(store)
    run = await stored_run(store, job, trigger_id=trigger.id, trigger=trigger.name, slot=NOW)
    entry = make_entry(trigger, NOW, run_ids=(run.id,))
    async with store.begin() as tx:
        await tx.insert_ledger([entry])
    async with store.begin() as tx:
        await tx.delete_trigger(trigger.id)
    assert await the_run(store, run.id) == run
    assert await store.read_ledger(trigger.id, since=NOW, until=after(1), limit=9) == [entry]


async def test_the_triggers_of_a_job_are_those_with_an_action_on_it(store: Store) -> None:
    await stored_trigger(store, "b", actions=(Action(job="x"), Action(job="report")))
    await stored_trigger(store, "a", actions=(Action(job="report"), Action(job="report")))
    await stored_trigger(store, "c", job="other")
    await stored_trigger(store, "d", group="elsewhere")
    async with store.begin() as tx:
        assert await tx.triggers_of_job("default", "report") == ["a", "b"]
        assert await tx.triggers_of_job("default", "x") == ["b"]
        assert await tx.triggers_of_job("default", "nobody's") == []


async def test_the_triggers_of_a_job_follow_a_change_of_its_actions(store: Store) -> None:
    trigger = await stored_trigger(store)
    await update(store, replace(trigger, actions=(Action(job="other"),)))
    async with store.begin() as tx:
        assert await tx.triggers_of_job("default", "report") == []
        assert await tx.triggers_of_job("default", "other") == ["hourly"]


async def test_the_triggers_of_a_job_are_ten_at_the_most(store: Store) -> None:
    for number in range(12):
        await stored_trigger(store, f"t{number:02}")
    async with store.begin() as tx:
        found = await tx.triggers_of_job("default", "report")
    assert found == [f"t{number:02}" for number in range(10)]


async def test_triggers_are_listed_by_group_and_name_in_code_point_order(store: Store) -> None:
    keys = [("b", "a"), ("a", "b"), ("a", "B"), ("a", "a_b"), ("a", "a-b"), ("B", "z")]
    for group, name in keys:
        await stored_trigger(store, name, group=group)
    listed = await store.list_triggers(TriggerFilter())
    assert [(trigger.group, trigger.name) for trigger in listed] == sorted(keys)


async def test_triggers_are_listed_by_condition(store: Store) -> None:
    await stored_trigger(store, "a")
    await stored_trigger(store, "b", state=TriggerState.PAUSED, job="other")
    await stored_trigger(
        store, "c", group="elsewhere", actions=(Action(job="x"), Action(job="other"))
    )
    assert await names(store) == ["a", "b", "c"]
    assert await names(store, group="default") == ["a", "b"]
    assert await names(store, job="other") == ["b", "c"]
    assert await names(store, group="elsewhere", job="report") == []
    assert await names(store, state="paused") == ["b"]
    assert await names(store, state="completed") == []


async def test_triggers_are_listed_by_labels_and_workflow(store: Store) -> None:
    await stored_trigger(store, "a", labels={"team": "x", "tier": "1"}, workflow="w")
    await stored_trigger(store, "b", labels={"team": "x"})
    await stored_trigger(store, "c", workflow="w")
    assert await names(store, labels={"team": "x"}) == ["a", "b"]
    assert await names(store, labels={"team": "x", "tier": "1"}) == ["a"]
    assert await names(store, labels={"team": "y"}) == []
    assert await names(store, workflow="w") == ["a", "c"]
    assert await names(store, workflow="w", labels={"tier": "1"}, job="report") == ["a"]


async def test_paging_is_stable_while_triggers_come_and_go(store: Store) -> None:
    """A04"""
    for name in ("b", "d", "f"):
        await stored_trigger(store, name)
    assert await names(store, limit=2) == ["b", "d"]
    await stored_trigger(store, "a")
    await stored_trigger(store, "e")
    assert await names(store, after=("default", "d"), limit=9) == ["e", "f"]


async def test_due_triggers_come_earliest_first(store: Store) -> None:
    for name, slot in (("c", 30), ("a", 10), ("b", 20), ("d", 40)):
        await stored_trigger(store, name, next_slot=after(slot))
    assert await due_names(store, 30) == ["a", "b", "c"]


async def test_triggers_that_are_due_together_come_in_the_order_of_their_ids(store: Store) -> None:
    for name in ("z", "m", "a"):
        await stored_trigger(store, name, next_slot=after(10))
    assert await due_names(store, 10) == ["z", "m", "a"]


async def test_a_trigger_is_due_from_its_slot_on_to_the_microsecond(store: Store) -> None:
    await stored_trigger(store, next_slot=after(10.000001))
    assert await due_names(store, 10) == []
    assert await due_names(store, 10.000001) == ["hourly"]


async def test_due_triggers_end_at_the_limit(store: Store) -> None:
    for slot in range(5):
        await stored_trigger(store, f"t{slot}", next_slot=after(slot))
    assert await due_names(store, 100, limit=2) == ["t0", "t1"]
    assert await due_names(store, 100, limit=0) == []


async def test_active_triggers_are_due_for_their_slot_and_paused_ones_for_their_end(
    store: Store,
) -> None:
    for state in TriggerState:
        await stored_trigger(store, state.value, state=state, next_slot=after(10))
    paused = TriggerState.PAUSED
    await stored_trigger(store, "timed", state=paused, next_slot=None, resume_at=after(5))
    assert sorted(await due_names(store, 10)) == ["active", "timed"]
    assert await due_names(store, 5) == ["timed"]


async def test_a_trigger_without_a_slot_is_never_due(store: Store) -> None:
    await stored_trigger(store, schedule=on_demand(), next_slot=None)
    assert await due_names(store, 10**9) == []
    assert await store.next_slot_after(NOW) is None


async def test_due_triggers_are_whole(store: Store) -> None:
    trigger = await stored_trigger(store)
    assert await store.due_triggers(after(3600), 9) == [trigger]


async def test_a_trigger_that_was_changed_is_due_at_its_new_slot_only(store: Store) -> None:
    trigger = await stored_trigger(store, next_slot=after(10))
    await update(store, replace(trigger, next_slot=after(20)))
    assert await due_names(store, 19) == []
    assert await due_names(store, 20) == ["hourly"]


async def test_the_next_slot_after_an_instant_is_the_earliest_later_one(store: Store) -> None:
    for name, slot in (("a", 10), ("b", 20), ("c", 20), ("d", 30)):
        await stored_trigger(store, name, next_slot=after(slot))
    for state in (TriggerState.INACTIVE, TriggerState.COMPLETED, TriggerState.PARKED):
        await stored_trigger(store, state.value, state=state, next_slot=after(15))
    await stored_trigger(store, "paused", state=TriggerState.PAUSED, resume_at=after(25))
    assert await store.next_slot_after(after(0)) == after(10)
    assert await store.next_slot_after(after(10)) == after(20)
    assert await store.next_slot_after(after(20)) == after(25)
    assert await store.next_slot_after(after(25)) == after(30)
    assert await store.next_slot_after(after(30)) is None
    assert await store.next_slot_after(after(10) - timedelta(microseconds=1)) == after(10)
