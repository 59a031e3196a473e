"""Bookmarks that several nodes move, reset and delete at once, on PostgreSQL."""

from __future__ import annotations

import asyncio

from callboard.commands import Change, DeleteJob, EndedRun, EndRuns, HandBack, ResetBookmark
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard.errors import NotFound
from callboard.store.contract import Store
from callboard_sql import load
from support.committing import Committing
from support.factories import claimed_runs, make_end, stored_job, stored_node, stored_runs
from support.postgres_store import connected

RULE = BookmarkRule(argument="mode", equals="on")
TERMS = RunTerms(bookmark=True)
RUNS = 40


async def running(store: Store, jobs: list[Job], each: int = RUNS) -> list[list[Run]]:
    """Runs of the jobs that two nodes have, of each node the half of each job's."""
    for job in jobs:
        await stored_runs(store, job, each, terms=TERMS)
    runs = await claimed_runs(store, await stored_node(store))
    assert len(runs) == each * len(jobs)
    return [runs[::2], runs[1::2]]


def end(run: Run, state: RunState = RunState.SUCCEEDED) -> Change:
    return EndRuns(ended=(EndedRun(run=run, end=make_end(run, state, result=run.id)),))


async def commit_each(node: Committing, changes: list[list[Change]]) -> list[object]:
    answers: list[object] = []
    for batch in changes:
        answers += await node.commit(*batch)
    return answers


async def test_runs_that_end_at_once_make_a_version_each(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    jobs = [await stored_job(one, name, bookmark=RULE) for name in "ab"]
    halves = await running(one, jobs)
    states = [RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED]
    batches: list[list[list[Change]]] = [
        [
            [end(run, states[(at + place) % 3]) for place, run in enumerate(half[at : at + 3])]
            for at in range(0, len(half), 3)
        ]
        for half in halves
    ]
    batches[1].reverse()
    told = [
        answer for got in await asyncio.gather(*map(commit_each, nodes, batches)) for answer in got
    ]
    assert all(isinstance(answer, frozenset) for answer in told)
    for job in jobs:
        bookmark = await one.get_bookmark(job.id, None)
        assert bookmark is not None
        assert bookmark.version == RUNS == bookmark.run + bookmark.attempt
        assert bookmark.value == bookmark.run_id


async def test_each_version_names_the_one_before_it(
    postgres_dsn: str, one: Store, nodes: tuple[Committing, Committing]
) -> None:
    job = await stored_job(one, bookmark=RULE)
    halves = await running(one, [job])
    batches: list[list[list[Change]]] = [[[end(run)] for run in half] for half in halves]
    await asyncio.gather(*map(commit_each, nodes, batches))
    async with connected(postgres_dsn) as connection:
        rows = await connection.fetch(
            "select run, run_id, previous_run_id from callboard.bookmark order by version"
        )
    assert [row["run"] for row in rows] == list(range(1, RUNS + 1))
    assert len({row["run_id"] for row in rows}) == RUNS
    assert [row["previous_run_id"] for row in rows] == [None, *(row["run_id"] for row in rows[:-1])]


async def test_resets_and_ends_at_once_lose_no_version(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    jobs = [await stored_job(one, name, bookmark=RULE) for name in "ab"]
    halves = await running(one, jobs)
    for job in jobs:
        await nodes[0].done(end(next(run for run in halves[0] if run.job_id == job.id)))
    resets: list[list[Change]] = [
        [ResetBookmark(job_id=job.id, job=job.name)] for _ in range(10) for job in reversed(jobs)
    ]
    ends: list[list[Change]] = [[end(run)] for half in halves for run in half]
    answers = await asyncio.gather(
        commit_each(nodes[0], ends),
        commit_each(nodes[1], resets),
    )
    assert not any(isinstance(answer, Exception) for got in answers for answer in got)
    for job in jobs:
        bookmark = await one.get_bookmark(job.id, None)
        assert bookmark is not None
        assert bookmark.version == RUNS + 10


async def test_a_job_that_is_deleted_meanwhile_leaves_no_bookmark(
    postgres_dsn: str, one: Store, nodes: tuple[Committing, Committing]
) -> None:
    job = await stored_job(one, bookmark=RULE)
    halves = await running(one, [job])
    ends: list[list[Change]] = [[end(run)] for half in halves for run in half]
    delete: list[list[Change]] = [[], [], [DeleteJob(group=job.group, name=job.name)]]
    answers = await asyncio.gather(commit_each(nodes[0], ends), commit_each(nodes[1], delete))
    assert not any(isinstance(answer, Exception) for got in answers for answer in got)
    async with connected(postgres_dsn) as connection:
        assert await connection.fetchval("select count(*) from callboard.bookmark") == 0
    refused = await nodes[1].commit(ResetBookmark(job_id=job.id, job=job.name))
    assert isinstance(refused[0], NotFound)


async def test_a_run_whose_work_its_handler_committed_moves_it_however_it_ends(
    postgres_dsn: str, one: Store, nodes: tuple[Committing, Committing]
) -> None:
    job = await stored_job(one, bookmark=RULE)
    [(failed, handed), _] = await running(one, [job], 4)
    async with connected(postgres_dsn) as connection:
        for run in (failed, handed):
            await connection.fetch(
                load("complete_run"), str(run.id), str(run.epoch), f'{{"result": {run.id}}}'
            )
    await nodes[0].done(end(failed, RunState.FAILED))
    bookmark = await one.get_bookmark(job.id, None)
    assert bookmark is not None
    assert (bookmark.run, bookmark.attempt, bookmark.value) == (1, 0, failed.id)
    await nodes[1].done(HandBack(epoch=handed.epoch or 0))
    bookmark = await one.get_bookmark(job.id, None)
    assert bookmark is not None
    assert (bookmark.run, bookmark.run_id, bookmark.value) == (2, handed.id, handed.id)
