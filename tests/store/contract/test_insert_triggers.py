"""Triggers: many stored by one verb."""

from dataclasses import replace

from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.schedule import cron, every
from callboard.domain.trigger import Action, MisfirePolicy, Trigger, TriggerState
from callboard.store.contract import Store, TriggerFilter
from support.factories import NOW, after, make_trigger, stored_calendar, stored_trigger


async def test_each_is_stored_as_if_it_were_alone(store: Store) -> None:
    wanted = [
        make_trigger("a"),
        make_trigger("b", schedule=every(seconds=7), description="täglich", max_firings=3),
        make_trigger("a", group="tenant", schedule=cron("0 2 * * *", zone="Europe/Prague")),
    ]
    async with store.begin() as tx:
        stored = await tx.insert_triggers(wanted)
    listed = await store.list_triggers(TriggerFilter())
    assert sorted(listed, key=lambda each: each.id) == stored
    assert [each and (each.group, each.name, each.version) for each in stored] == [
        ("default", "a", 1),
        ("default", "b", 1),
        ("tenant", "a", 1),
    ]


async def test_a_taken_name_is_passed_over_and_the_others_are_stored(store: Store) -> None:
    first = await stored_trigger(store, "b")
    wanted = [make_trigger("a"), make_trigger("b", job="other"), make_trigger("c")]
    async with store.begin() as tx:
        stored = await tx.insert_triggers(wanted)
        assert await tx.triggers_of_job("default", "other") == []
    assert [each and each.name for each in stored] == ["a", None, "c"]
    assert await store.get_trigger("default", "b") == first


async def test_a_name_that_comes_twice_is_the_first_ones(store: Store) -> None:
    wanted = [make_trigger("a", description="first"), make_trigger("a", description="second")]
    async with store.begin() as tx:
        first, second = await tx.insert_triggers(wanted)
    assert second is None
    assert first == await store.get_trigger("default", "a")
    assert first is not None
    assert first.description == "first"


async def test_those_that_are_alike_in_all_but_the_name_come_back_whole(store: Store) -> None:
    alike = {
        "group": "tenant",
        "description": "täglich",
        "misfire": MisfirePolicy(grace_s=5),
        "start_at": after(60),
        "end_at": after(6000),
        "max_firings": 3,
        "jitter_s": 1.5,
        "flexible_window_s": 2.5,
        "state": TriggerState.PAUSED,
        "reason": "its zone is gone",
        "next_slot": None,
        "last_slot": NOW,
        "resume_at": after(30),
        "firings": 2,
        "generation": 4,
    }
    await store_and_compare(store, [make_trigger(name, **alike) for name in "abc"])
    plain = [make_trigger(name, next_slot=None, anchor_at=None) for name in "abc"]
    await store_and_compare(store, plain)


async def test_those_that_are_alike_in_part_come_back_whole(store: Store) -> None:
    await store_and_compare(
        store,
        [
            make_trigger("a", max_firings=3, jitter_s=1, description="x"),
            make_trigger("b", max_firings=3, last_slot=NOW, reason="gone"),
            make_trigger("c", start_at=NOW, generation=2, firings=7),
        ],
    )


async def store_and_compare(store: Store, wanted: list[Trigger]) -> None:
    async with store.begin() as tx:
        stored = await tx.insert_triggers(wanted)
    for before, after_it in zip(wanted, stored, strict=True):
        assert after_it is not None
        assert await store.get_trigger(before.group, before.name) == after_it
        kept = replace(before, id=after_it.id, version=1, created_at=NOW, updated_at=NOW)
        assert after_it == kept


async def test_each_is_found_by_its_jobs_and_calendars(store: Store) -> None:
    await stored_calendar(store, "holidays")
    wanted = [
        make_trigger("a", actions=(Action(job="x"), Action(job="y"), Action(job="x"))),
        make_trigger(
            "b", actions=(Action(job="y"),), calendars=(CalendarRule(calendar="holidays"),)
        ),
    ]
    async with store.begin() as tx:
        await tx.insert_triggers(wanted)
    async with store.begin() as tx:
        assert await tx.triggers_of_job("default", "x") == ["a"]
        assert await tx.triggers_of_job("default", "y") == ["a", "b"]
        assert await tx.triggers_of_calendar("default", "holidays") == ["b"]


async def test_no_triggers_are_stored_by_none(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.insert_triggers([]) == []
        assert await tx.taken_trigger_names([]) == set()


async def test_more_than_one_statement_takes_are_stored_in_their_order(store: Store) -> None:
    wanted = [make_trigger(f"t{number}") for number in range(1100)]
    async with store.begin() as tx:
        stored = await tx.insert_triggers(wanted)
    assert [each and each.name for each in stored] == [each.name for each in wanted]


async def test_taken_names_are_told_by_group_and_name(store: Store) -> None:
    await stored_trigger(store, "a")
    await stored_trigger(store, "b", group="tenant")
    asked = [("default", "a"), ("default", "b"), ("tenant", "b"), ("tenant", "a")]
    async with store.begin() as tx:
        assert await tx.taken_trigger_names(asked) == {("default", "a"), ("tenant", "b")}
        await tx.insert_triggers([make_trigger("b")])
        assert ("default", "b") in await tx.taken_trigger_names(asked)
