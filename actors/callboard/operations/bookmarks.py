"""What can be asked about the bookmarks of jobs."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.bookmark import Bookmark
from callboard.operations.jobs import JobOperations


class BookmarkOperations(JobOperations):
    """Bookmarks by group and name of their jobs."""

    async def get_bookmark(
        self, group: str, job: str, *, run_id: int | None = None
    ) -> Bookmark | None:
        """As it is, or as it last stood at the run; None: there is none.

        Raises NotFound where there is no such job.
        """
        stored = await self.get_job(group, job)
        return await self._ask(c.GetBookmark(job_id=stored.id, run_id=run_id))

    async def reset_bookmark(self, group: str, job: str, *, run_id: int | None = None) -> Bookmark:
        """Set it to the beginning, or back to where it stood after the run; as it is then.

        Raises NotFound where there is no such job, or bookmark, or none that stood there.
        """
        stored = await self.get_job(group, job)
        return await self._ask(c.ResetBookmark(job_id=stored.id, job=job, run_id=run_id))
