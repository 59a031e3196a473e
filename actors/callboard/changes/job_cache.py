"""Jobs as this node saw them last: a guess, which every cycle has checked by the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from callboard.domain.job import Job
from callboard.domain.parameters import ArgumentChecks

MOST_JOBS: Final = 10_000


class JobCache:
    """Jobs by id and by name; of too many those that came first are forgotten."""

    def __init__(self, limit: int = MOST_JOBS) -> None:
        self._limit = limit
        self._by_id: dict[int, Job] = {}
        self._by_name: dict[tuple[str, str], Job] = {}
        self.checks = ArgumentChecks()
        """Of the arguments of their runs."""

    def __len__(self) -> int:
        return len(self._by_id)

    def named(self, group: str, name: str) -> Job | None:
        """The job of that name, where it is known."""
        return self._by_name.get((group, name))

    def get(self, job_id: int) -> Job | None:
        """The job of that id, where it is known."""
        return self._by_id.get(job_id)

    def missing(self, versions: Mapping[int, int]) -> list[int]:
        """Ids of the jobs that are not known in these versions."""
        return [
            id
            for id, version in versions.items()
            if (job := self._by_id.get(id)) is None or job.version != version
        ]

    def add(self, jobs: Iterable[Job]) -> None:
        """Take note of jobs as they are stored now."""
        for job in jobs:
            self.forget(job.id)
            self._by_id[job.id] = self._by_name[job.group, job.name] = job
        while len(self._by_id) > self._limit:
            self.forget(next(iter(self._by_id)))

    def forget(self, job_id: int) -> None:
        """Think no more of a job."""
        job = self._by_id.pop(job_id, None)
        if job is not None and self._by_name.get((job.group, job.name)) is job:
            del self._by_name[job.group, job.name]
