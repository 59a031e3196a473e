"""Verbs of a transaction on the bookmarks of jobs; see contract.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from callboard.domain.bookmark import Bookmark


class BookmarkVerbs(Protocol):
    """A part of `contract.Transaction`."""

    async def lock_bookmarks(self, job_ids: Collection[int]) -> dict[int, Bookmark]:
        """The newest versions, by job id, of the jobs that have one.

        Until the commit nobody else locks the bookmarks of these jobs, whether they have one or
        not.
        """
        ...

    async def bookmark_of_run(self, job_id: int, run_id: int) -> Bookmark | None:
        """The newest version that stands at the run."""
        ...

    async def insert_bookmarks(self, bookmarks: Sequence[Bookmark]) -> None:
        """Store versions of locked bookmarks; of each job the newest `bookmark.KEPT` stay.

        Those of jobs that are gone are left out.
        """
        ...

    async def delete_bookmarks(self, job_id: int) -> None:
        """All versions of the locked bookmark of a job."""
        ...
