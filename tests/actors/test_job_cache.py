"""Jobs that were seen lately, by id and by name, a bounded number of them."""

from __future__ import annotations

from dataclasses import replace

from callboard.changes.job_cache import JobCache
from callboard.domain.job import Job
from support.factories import make_job


def stored(id: int, name: str = "", version: int = 1) -> Job:
    return replace(make_job(name or f"job-{id}"), id=id, version=version)


def test_a_job_is_known_by_id_and_by_name():
    cache, job = JobCache(), stored(1)
    cache.add([job])
    assert cache.get(1) is cache.named("default", "job-1") is job


def test_a_later_version_takes_its_place():
    cache = JobCache()
    cache.add([stored(1), stored(1, version=2)])
    named = cache.named("default", "job-1")
    assert named is not None
    assert (len(cache), named.version) == (1, 2)


def test_a_name_that_passed_to_another_job_is_the_other_one_s():
    cache, other = JobCache(), stored(2, "job-1")
    cache.add([stored(1), other])
    cache.forget(1)
    assert cache.named("default", "job-1") is other


def test_what_is_missing_is_unknown_or_of_another_version():
    cache = JobCache()
    cache.add([stored(1), stored(2)])
    assert cache.missing({1: 1, 2: 2, 3: 1}) == [2, 3]


def test_of_too_many_the_first_ones_are_forgotten():
    cache = JobCache(limit=2)
    cache.add([stored(id) for id in (1, 2, 3)])
    assert [cache.get(id) is not None for id in (1, 2, 3)] == [False, True, True]
    assert cache.named("default", "job-1") is None
