"""Bookmarks: moved in the transaction that ends the run, reset by whoever asks, gone with the job.

The last step of a transaction, and the last locks, in the order of jobs: behind those of runs,
triggers and jobs, before the numbers of the events. Two runs that end at once make two versions.
"""

from __future__ import annotations

from collections.abc import Sequence

from callboard.changes.work import Work
from callboard.commands import ResetBookmark
from callboard.domain.bookmark import Bookmark, moved, reset
from callboard.errors import NotFound


async def settle_bookmarks(
    work: Work, resets: Sequence[ResetBookmark]
) -> list[Bookmark | NotFound]:
    """Move the bookmarks of jobs whose runs ended, then reset; the answers to the resets."""
    ended = {run.job_id for run in work.bookmarked}
    job_ids = ended | {each.job_id for each in resets} | work.gone_job_ids
    if not job_ids:
        return []
    newest = await work.tx.lock_bookmarks(sorted(job_ids))
    for job_id in work.gone_job_ids:  # who moves one at the same time is done, or finds no job
        await work.tx.delete_bookmarks(job_id)
        newest.pop(job_id, None)
    fresh = list[Bookmark]()
    for run in work.bookmarked:
        after = moved(newest.get(run.job_id), run, work.now)
        if after is not None and run.job_id not in work.gone_job_ids:
            newest[run.job_id] = after
            fresh.append(after)
    await work.tx.insert_bookmarks(fresh)
    return [await _reset(work, each, newest) for each in resets]


async def _reset(
    work: Work, command: ResetBookmark, newest: dict[int, Bookmark]
) -> Bookmark | NotFound:
    last = newest.get(command.job_id)
    to = None
    if command.run_id is not None:
        to = await work.tx.bookmark_of_run(command.job_id, command.run_id)
    if last is None:
        return NotFound("bookmark", command.job)
    if command.run_id is not None and to is None:
        return NotFound("bookmark", f"{command.job} at run {command.run_id}")
    after = reset(last, to, work.now)
    await work.tx.insert_bookmarks([after])
    newest[command.job_id] = after
    return after
