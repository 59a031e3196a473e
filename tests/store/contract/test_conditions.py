"""What conditional triggers watch, and what they have seen."""

from dataclasses import replace
from typing import Any

from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.domain.schedule import every, when_all
from callboard.domain.trigger import Action, OnMissing, Trigger, TriggerState
from callboard.store.contract import ConditionWatch, Store
from support.factories import make_record, stored_trigger
from support.rollback import rolled_back


def set_of(trigger: Trigger, *job_ids: int, **changes: Any) -> ConditionSet:
    return replace(
        ConditionSet(trigger_id=trigger.id, generation=trigger.generation, job_ids=job_ids),
        **changes,
    )


async def begin(store: Store, *sets: ConditionSet) -> None:
    async with store.begin() as tx:
        await tx.begin_condition_sets(sets)


async def sets_of(store: Store, *triggers: Trigger) -> list[ConditionSet]:
    async with store.begin() as tx:
        found = await tx.condition_sets([trigger.id for trigger in triggers])
    return [found[trigger_id] for trigger_id in sorted(found)]


async def test_a_set_begins_empty_behind_the_newest_event(store: Store) -> None:
    one, two = await stored_trigger(store, "one"), await stored_trigger(store, "two")
    await begin(store, set_of(one, 1))
    async with store.begin() as tx:
        await tx.append_events([make_record(), make_record()])
    await begin(store, set_of(two, 2, 3, since_seq=99, met={"a": 1}))
    assert await sets_of(store, one, two) == [set_of(one, 1), set_of(two, 2, 3, since_seq=2)]


async def test_a_set_that_begins_again_forgets_what_it_was(store: Store) -> None:
    trigger = await stored_trigger(store)
    await begin(store, set_of(trigger, 1, 2))
    async with store.begin() as tx:
        await tx.update_condition_sets([set_of(trigger, met={"a": 5})])
        await tx.append_events([make_record()])
    await begin(store, set_of(trigger, 3, generation=7))
    assert await sets_of(store, trigger) == [set_of(trigger, 3, generation=7, since_seq=1)]


async def test_only_what_is_met_is_updated(store: Store) -> None:
    triggers = [await stored_trigger(store, name) for name in ("one", "two", "three")]
    await begin(store, *[set_of(each, each.id) for each in triggers])
    changed = [set_of(triggers[2], 99, met={"b": 2**53 - 1}), set_of(triggers[0], met={"a": 1})]
    async with store.begin() as tx:
        await tx.update_condition_sets(changed)
    assert await sets_of(store, *triggers) == [
        set_of(triggers[0], triggers[0].id, met={"a": 1}),
        set_of(triggers[1], triggers[1].id),
        set_of(triggers[2], triggers[2].id, met={"b": 2**53 - 1}),
    ]


async def test_active_and_paused_triggers_watch(store: Store) -> None:
    triggers = {
        state: await stored_trigger(
            store, state.value, state=state, next_slot=None, schedule=when_all("a", "b")
        )
        for state in TriggerState
    }
    await begin(store, *[set_of(each, 1) for each in triggers.values()])
    watchful = [triggers[TriggerState.ACTIVE], triggers[TriggerState.PAUSED]]
    jobs = (("default", "a"), ("default", "b"))
    expected = [ConditionWatch(trigger_id=each.id, since_seq=0, jobs=jobs) for each in watchful]
    found = await store.condition_watches()
    assert sorted(found, key=lambda watch: watch.trigger_id) == expected
    async with store.begin() as tx:
        assert len(await tx.condition_watches()) == 2


async def test_a_set_of_another_generation_watches_nothing(store: Store) -> None:
    trigger = await stored_trigger(store)
    await begin(store, set_of(trigger, 1, generation=trigger.generation + 1))
    assert await store.condition_watches() == []


async def test_a_set_goes_with_its_trigger(store: Store) -> None:
    one, two = await stored_trigger(store, "one"), await stored_trigger(store, "two")
    await begin(store, set_of(one, 1), set_of(two, 1))
    async with store.begin() as tx:
        await tx.delete_trigger(one.id)
        await tx.delete_condition_set(two.id)
    assert await sets_of(store, one, two) == []
    assert await store.condition_watches() == []


async def test_a_rollback_leaves_the_sets_as_they_were(store: Store) -> None:
    one, two = await stored_trigger(store, "one"), await stored_trigger(store, "two")
    await begin(store, set_of(one, 1))
    async with rolled_back(store) as tx:
        await tx.update_condition_sets([set_of(one, met={"a": 1})])
        await tx.begin_condition_sets([set_of(two, 1)])
    assert await sets_of(store, one, two) == [set_of(one, 1)]


async def watching(store: Store, name: str, *jobs: str, **values: Any) -> Trigger:
    schedule = when_all(*jobs)
    values = {"state": TriggerState.INACTIVE, "next_slot": None, "schedule": schedule, **values}
    trigger = await stored_trigger(store, name, **values)
    if trigger.workflow is None:
        await begin(store, set_of(trigger, 1))
    return trigger


async def test_who_watches_a_job_is_known_by_name(store: Store) -> None:
    for number in range(12, 0, -1):
        await watching(store, f"t{number:02}", "a", f"b{number}")
    async with store.begin() as tx:
        assert await tx.triggers_watching("default", "a") == [f"t{n:02}" for n in range(1, 11)]
        assert await tx.triggers_watching("default", "b11") == ["t11"]
        assert await tx.triggers_watching("default", "b") == []
        assert await tx.triggers_watching("other", "a") == []


async def test_who_may_lack_a_job_does_not_hold_it(store: Store) -> None:
    skip = {"on_missing": OnMissing.SKIP, "actions": (Action(job="x"),)}
    await watching(store, "one", "a", **skip)
    await watching(store, "two", "a", workflow="w", **skip)
    await watching(store, "three", "a", workflow="w", actions=(Action(job="x"),))
    async with store.begin() as tx:
        assert await tx.triggers_watching("default", "a") == ["three"]
        assert await tx.triggers_of_job("default", "x") == ["three"]


async def test_links_of_a_workflow_are_its_own(store: Store) -> None:
    for name, workflow in (("one", None), ("two", "w"), ("three", "v")):
        await watching(store, name, "a", workflow=workflow, actions=(Action(job="x"),))
    links = {
        name: ConditionLink(trigger=name, watched=("a",), started=("x",)) for name in ("one", "two")
    }
    async with store.begin() as tx:
        assert await tx.condition_links("default", None) == [links["one"]]
        assert await tx.condition_links("default", "w") == [links["two"]]
        assert await tx.condition_links("other", "w") == []


async def test_links_are_those_of_the_group(store: Store) -> None:
    actions = (Action(job="x"), Action(job="y"))
    schedule = when_all("a", "b")
    values = {"schedule": schedule, "actions": actions, "next_slot": None}
    linked = [
        await stored_trigger(store, "one", **values),
        await stored_trigger(store, "two", state=TriggerState.INACTIVE, **values),
        await stored_trigger(store, "three", group="other", **values),
        await stored_trigger(store, "four", schedule=every(minutes=1)),
    ]
    await begin(store, *[set_of(each, 1) for each in linked])
    async with store.begin() as tx:
        await tx.lock_conditions()
        found = await tx.condition_links("default", None)
    names = ("one", "two")
    expected = {
        ConditionLink(trigger=name, watched=("a", "b"), started=("x", "y")) for name in names
    }
    assert set(found) == expected


async def test_a_conditional_schedule_comes_back_as_it_was(store: Store) -> None:
    schedule = when_all("a", "b")
    trigger = await stored_trigger(store, schedule=schedule, next_slot=None)
    found = await store.get_trigger(trigger.group, trigger.name)
    assert found is not None
    assert found.schedule == schedule
