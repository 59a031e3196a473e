"""Versions of jobs' bookmarks."""

from __future__ import annotations

from typing import Any

from callboard.domain.bookmark import KEPT, Bookmark
from callboard.domain.job import Job
from callboard.store.contract import Store
from support.factories import NOW, after, stored_job
from support.rollback import rolled_back


def version(job: Job, number: int, **changes: Any) -> Bookmark:
    values = {"job_id": job.id, "version": number, "run": number, "run_id": number, "at": NOW}
    return Bookmark(**{**values, **changes})


async def store_bookmarks(store: Store, *bookmarks: Bookmark) -> None:
    async with store.begin() as tx:
        await tx.lock_bookmarks({each.job_id for each in bookmarks})
        await tx.insert_bookmarks(bookmarks)


async def test_a_bookmark_comes_back_as_it_was_stored(store: Store) -> None:
    job = await stored_job(store)
    bookmark = version(
        job, 3, run=2, attempt=5, previous_run_id=1, value={"days": [1, None]}, at=after(9)
    )
    assert await store.get_bookmark(job.id, None) is None
    await store_bookmarks(store, bookmark)
    assert await store.get_bookmark(job.id, None) == bookmark
    assert await store.get_bookmark(job.id + 1, None) is None


async def test_the_newest_version_is_the_bookmark(store: Store) -> None:
    one, two, bare = [await stored_job(store, name) for name in "abc"]
    await store_bookmarks(store, version(one, 1), version(two, 1), version(one, 2))
    async with store.begin() as tx:
        newest = await tx.lock_bookmarks([one.id, two.id, bare.id])
        assert await tx.lock_bookmarks([]) == {}
    assert newest == {one.id: version(one, 2), two.id: version(two, 1)}


async def test_a_version_is_found_by_its_run_the_newest_of_several(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    await store_bookmarks(
        store,
        version(job, 1, run_id=70),
        version(job, 2, run_id=80),
        version(job, 3, run_id=70),
        version(job, 4, run_id=None),
        version(other, 1, run_id=90),
    )
    assert await store.get_bookmark(job.id, 70) == version(job, 3, run_id=70)
    assert await store.get_bookmark(job.id, 90) is None
    async with store.begin() as tx:
        assert await tx.bookmark_of_run(job.id, 80) == version(job, 2, run_id=80)
        assert await tx.bookmark_of_run(job.id, 81) is None


async def test_only_the_newest_versions_are_kept(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    await store_bookmarks(store, version(other, 1), *(version(job, n) for n in range(1, KEPT)))
    await store_bookmarks(store, version(job, KEPT), version(job, KEPT + 1), version(job, KEPT + 2))
    found = [await store.get_bookmark(job.id, number) is not None for number in (1, 2, 3, KEPT)]
    assert found == [False, False, True, True]
    assert await store.get_bookmark(other.id, 1) is not None


async def test_all_versions_are_deleted_at_once(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    await store_bookmarks(store, version(job, 1), version(job, 2), version(other, 1))
    async with store.begin() as tx:
        await tx.lock_bookmarks([job.id])
        await tx.delete_bookmarks(job.id)
    assert await store.get_bookmark(job.id, None) is None
    assert await store.get_bookmark(job.id, 1) is None
    assert await store.get_bookmark(other.id, None) == version(other, 1)


async def test_those_of_jobs_that_are_gone_are_not_stored(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    async with store.begin() as tx:
        await tx.delete_job(job.id)
    await store_bookmarks(store, version(job, 1), version(other, 1))
    assert await store.get_bookmark(job.id, None) is None
    assert await store.get_bookmark(other.id, None) == version(other, 1)


async def test_a_rollback_takes_versions_back(store: Store) -> None:
    job = await stored_job(store)
    await store_bookmarks(store, version(job, 1))
    async with rolled_back(store) as tx:
        await tx.lock_bookmarks([job.id])
        await tx.insert_bookmarks([version(job, 2)])
        assert (await tx.lock_bookmarks([job.id]))[job.id].version == 2
    assert await store.get_bookmark(job.id, None) == version(job, 1)
