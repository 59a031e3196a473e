"""What can be asked about jobs."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.job import Job
from callboard.operations.asking import Asking, found
from callboard.operations.described import described
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.plugins import Plugins
from callboard.store.contract import JobFilter


class JobOperations(Asking):
    """Jobs by group and name.

    A job whose kind nobody here executes, or whose spec its plug-in does not take, is InvalidInput.
    """

    handlers: HandlerRegistry
    _plugins: Plugins | None
    """None while the board is not open."""

    async def create_job(self, job: Job) -> Job:
        """With the parameters of its handler, where this node finds it and the job has none itself.

        Raises AlreadyExists.
        """
        self._check_kind(job)
        job = await described(job, self.handlers, self.clock)
        return await self._ask(c.CreateJob(job=job))

    async def replace_job(
        self, job: Job, *, expected_version: int | None = None
    ) -> tuple[Job, bool]:
        """Create, or replace by group and name; whether it was created.

        An equal definition changes nothing. Parameters as in create_job; where this node does not
        find the handler, and it is the same as before, they stay. Raises StaleVersion.
        """
        self._check_kind(job)
        job = await described(job, self.handlers, self.clock)
        return await self._ask(c.ReplaceJob(job=job, expected_version=expected_version))

    async def delete_job(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Its queued runs are stopped, running ones go on, history stays.

        Raises NotFound, StaleVersion, Conflict job_in_use while a trigger that needs it names it.
        """
        await self._ask(c.DeleteJob(group=group, name=name, expected_version=expected_version))

    async def get_job(self, group: str, name: str) -> Job:
        """Raises NotFound."""
        return found(await self._ask(c.GetJob(group=group, name=name)), "job", name)

    async def list_jobs(self, filter: JobFilter) -> list[Job]:
        """One page, by group and name."""
        return await self._ask(c.ListJobs(filter=filter))

    def _check_kind(self, job: Job) -> None:
        if self._plugins is not None:
            self._plugins.check(job)
