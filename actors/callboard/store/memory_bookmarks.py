"""The memory store's bookmarks: a part of its transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callboard.domain.bookmark import KEPT, Bookmark
from callboard.store.memory_tables import Tables


class MemoryBookmarks:
    """The verbs; `contract.Transaction` says what they do."""

    _tables: Tables

    async def lock_bookmarks(self, job_ids: Collection[int]) -> dict[int, Bookmark]:
        rows = self._tables.bookmarks.rows
        return {job_id: rows[job_id][-1] for job_id in job_ids if job_id in rows}

    async def bookmark_of_run(self, job_id: int, run_id: int) -> Bookmark | None:
        return find_bookmark(self._tables, job_id, run_id)

    async def insert_bookmarks(self, bookmarks: Sequence[Bookmark]) -> None:
        table = self._tables.bookmarks
        for each in bookmarks:
            if each.job_id in self._tables.jobs.rows:
                known = table.rows.get(each.job_id, ())
                table.write(each.job_id, (*known, each)[-KEPT:])

    async def delete_bookmarks(self, job_id: int) -> None:
        self._tables.bookmarks.write(job_id, None)


def find_bookmark(tables: Tables, job_id: int, run_id: int | None) -> Bookmark | None:
    """As `contract.Store.get_bookmark`."""
    versions = tables.bookmarks.rows.get(job_id, ())
    if run_id is None:
        return versions[-1] if versions else None
    return next((each for each in reversed(versions) if each.run_id == run_id), None)
