"""Jobs: insert, change at a version, delete, find, list."""

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Jitter, Job, OnCrash, OnFixed, OnFull, RetryPolicy
from callboard.store.contract import JobFilter, Store
from callboard.testing import VirtualClock
from support.factories import NOW, after, make_job, stored_job


async def update(store: Store, job: Job) -> Job | None:
    async with store.begin() as tx:
        return await tx.update_job(job)


async def names(store: Store, **conditions: object) -> list[str]:
    return [job.name for job in await store.list_jobs(JobFilter(**conditions))]  # type: ignore[arg-type]


async def test_an_inserted_job_has_an_identity_and_is_at_version_1(store: Store) -> None:
    job = await stored_job(store)
    assert job.id > 0
    assert job == replace(make_job(), id=job.id, version=1, created_at=NOW, updated_at=NOW)
    assert await store.get_job("default", "report") == job


async def test_a_job_comes_back_with_every_field(store: Store) -> None:
    job = await stored_job(
        store,
        "full:job_1.x-y",
        group="tenant.7",
        kind="command",
        spec={"argv": ["sh", "-c", "echo 'ä' \"$HOME\""], "cwd": "/tmp", "env": {"A": "=ß"}},
        arguments={"deep": {"list": [1, 2.5, None, True, "x"]}},
        description="Überblick 🎭\nzweite Zeile",
        disabled=True,
        retry=RetryPolicy(
            max_attempts=7, initial_s=0.25, factor=1.5, max_s=99.5, jitter=Jitter.NONE
        ),
        timeout_s=0.125,
        max_concurrent_runs=3,
        on_crash=OnCrash.PARK,
        labels={"team": "öl", "tier": ""},
        annotations={"door": {"deep": [None, 1.5]}},
        fixed_arguments={"source": "s3"},
        on_fixed=OnFixed.IGNORE,
        on_full=OnFull.REFUSE,
        bookmark=BookmarkRule(argument="--resume", equals="yes"),
    )
    assert await store.get_job("tenant.7", "full:job_1.x-y") == job


async def test_a_taken_name_is_refused_and_the_first_job_stays(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        assert await tx.insert_job(make_job(description="second")) is None
    assert await store.list_jobs(JobFilter()) == [job]


async def test_a_name_is_taken_only_within_its_group(store: Store) -> None:
    first, second = await stored_job(store), await stored_job(store, group="other")
    assert first.id != second.id


async def test_of_two_inserts_of_one_name_at_the_same_moment_one_succeeds(
    store: Store, peer: Store
) -> None:
    async def insert(into: Store) -> Job | None:
        async with into.begin() as tx:
            return await tx.insert_job(make_job())

    jobs = await asyncio.gather(insert(store), insert(peer))
    assert sum(job is not None for job in jobs) == 1


async def test_a_changed_job_is_one_version_on(store: Store, clock: VirtualClock) -> None:
    job = await stored_job(store)
    await clock.advance(60)
    changed = await update(store, replace(job, description="new", timeout_s=5.0, labels={"a": "b"}))
    assert changed == replace(
        job, description="new", timeout_s=5.0, labels={"a": "b"}, version=2, updated_at=after(60)
    )
    assert await store.get_job("default", "report") == changed


async def test_a_change_clears_what_is_not_given_any_more(store: Store) -> None:
    job = await stored_job(store, timeout_s=9.0, max_concurrent_runs=2, labels={"a": "b"})
    changed = await update(store, replace(job, timeout_s=None, max_concurrent_runs=None, labels={}))
    assert changed is not None
    assert (changed.timeout_s, changed.max_concurrent_runs, changed.labels) == (None, None, {})


async def test_a_change_at_an_old_version_is_left_out(store: Store) -> None:
    job = await stored_job(store)
    second = await update(store, replace(job, description="second"))
    assert await update(store, replace(job, description="third")) is None
    assert await store.get_job("default", "report") == second


async def test_a_change_of_a_job_that_is_gone_is_left_out(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        await tx.delete_job(job.id)
    assert await update(store, job) is None
    assert await store.list_jobs(JobFilter()) == []


async def test_a_change_leaves_name_group_and_creation_alone(store: Store) -> None:
    job = await stored_job(store)
    changed = await update(
        store, replace(job, name="other", group="elsewhere", created_at=after(-99))
    )
    assert changed is not None
    assert (changed.name, changed.group, changed.created_at) == ("report", "default", NOW)
    assert await store.get_job("elsewhere", "other") is None
    assert await store.get_job("default", "report") == changed


async def test_of_two_changes_at_the_same_moment_one_succeeds(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    changed = await asyncio.gather(
        update(store, replace(job, description="a")), update(peer, replace(job, description="b"))
    )
    [winner] = [each for each in changed if each is not None]
    assert await store.get_job("default", "report") == winner


async def test_a_deleted_job_is_gone(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        assert await tx.delete_job(job.id) is True
    assert await store.get_job("default", "report") is None
    assert await store.get_jobs_by_id([job.id]) == {}


async def test_deleting_what_is_not_there_says_so(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.delete_job(4711) is False


async def test_a_deleted_name_can_be_taken_again_by_a_job_of_its_own(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        await tx.delete_job(job.id)
    again = await stored_job(store)
    assert again.id > job.id
    assert again.version == 1


async def test_jobs_are_found_by_id(store: Store) -> None:
    first, second = await stored_job(store, "a"), await stored_job(store, "b")
    found = await store.get_jobs_by_id([second.id, first.id, 4711])
    assert found == {first.id: first, second.id: second}
    assert await store.get_jobs_by_id([]) == {}


async def test_a_job_that_is_not_there_is_none(store: Store) -> None:
    await stored_job(store)
    assert await store.get_job("default", "REPORT") is None
    assert await store.get_job("other", "report") is None


@pytest.mark.parametrize("for_change", [False, True])
async def test_locked_jobs_are_those_that_exist(store: Store, for_change: bool) -> None:
    job = await stored_job(store)
    keys = [("default", "report"), ("default", "missing"), ("other", "report")]
    async with store.begin() as tx:
        locked = await tx.lock_jobs(keys, for_change=for_change)
        assert locked == {("default", "report"): job}
        assert await tx.lock_jobs([], for_change=for_change) == {}


async def test_a_job_named_twice_is_locked_once(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        assert await tx.lock_jobs([("default", "report")] * 2) == {("default", "report"): job}


async def test_jobs_are_listed_by_group_and_name_in_code_point_order(store: Store) -> None:
    keys = [
        ("b", "a"),
        ("a", "b"),
        ("a", "B"),
        ("a", "a_b"),
        ("a", "a.b"),
        ("a", "a-b"),
        ("B", "z"),
    ]
    for group, name in keys:
        await stored_job(store, name, group=group)
    listed = await store.list_jobs(JobFilter())
    assert [(job.group, job.name) for job in listed] == sorted(keys)


async def test_jobs_are_listed_by_condition(store: Store) -> None:
    await stored_job(store, "a", labels={"team": "x", "tier": "1"})
    await stored_job(store, "b", disabled=True, labels={"team": "x"})
    await stored_job(store, "c", group="other", kind="command", spec={"shell": "true"})
    assert await names(store) == ["a", "b", "c"]
    assert await names(store, group="other") == ["c"]
    assert await names(store, kind="python") == ["a", "b"]
    assert await names(store, disabled=True) == ["b"]
    assert await names(store, disabled=False) == ["a", "c"]
    assert await names(store, labels={"team": "x"}) == ["a", "b"]
    assert await names(store, labels={"team": "x", "tier": "1"}) == ["a"]
    assert await names(store, labels={"team": "y"}) == []
    assert await names(store, group="default", kind="python", disabled=True) == ["b"]


async def test_a_page_ends_at_its_limit_and_the_next_begins_behind_it(store: Store) -> None:
    for group, name in (("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")):
        await stored_job(store, name, group=group)
    first = await store.list_jobs(JobFilter(limit=3))
    rest = await store.list_jobs(JobFilter(after=("b", "1"), limit=3))
    assert [(job.group, job.name) for job in first + rest] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
        ("b", "2"),
    ]


async def test_paging_is_stable_while_jobs_come_and_go(store: Store) -> None:
    """A04"""
    for name in ("b", "d", "f", "h"):
        await stored_job(store, name)
    assert await names(store, limit=2) == ["b", "d"]
    await stored_job(store, "a")
    await stored_job(store, "g")
    async with store.begin() as tx:
        last = await tx.lock_jobs([("default", "d")], for_change=True)
        await tx.delete_job(last["default", "d"].id)
    assert await names(store, after=("default", "d"), limit=9) == ["f", "g", "h"]
