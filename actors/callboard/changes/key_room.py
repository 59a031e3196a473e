"""How many runs may still be queued behind a concurrency key: `Concurrency.max_queued`.

It is checked where somebody asks for runs and can be refused. Runs of slots, next attempts and
releases are always created. Starts that are committed by several nodes in the same moment may go
beyond it by what the others started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from callboard.changes.work import Work
from callboard.domain.job import Job
from callboard.domain.limits import concurrency_key
from callboard.domain.run import NewRun
from callboard.errors import TooManyQueued
from callboard.store.contract import WaitingKey

Jobs = Mapping[tuple[str, str], Job]


class KeyRoom:
    """What is left of the keys of the starts of one transaction; a start takes of it, or not."""

    def __init__(self, left: dict[WaitingKey, int]) -> None:
        self._left = left

    async def take(self, work: Work, runs: Sequence[NewRun], jobs: Jobs) -> TooManyQueued | None:
        """Take room for all of the runs, or none: then why not.

        A run whose unique_key a live run has takes none: it will not be created.
        """
        if not self._left:
            return None
        wanted = _count(runs, jobs)
        if self._lacks(wanted) is not None:
            wanted = _count(await _new_ones(work, runs, jobs), jobs)
        lacking = self._lacks(wanted)
        if lacking is not None:
            return TooManyQueued(lacking.job, lacking.key, lacking.most)
        for key, count in wanted.items():
            self._left[key] -= count
        return None

    def _lacks(self, wanted: Mapping[WaitingKey, int]) -> WaitingKey | None:
        return next((key for key, count in wanted.items() if count > self._left[key]), None)


async def look_for_room(work: Work, runs: Iterable[NewRun], jobs: Jobs) -> KeyRoom:
    """The room for those of the runs whose jobs are there and bound what waits."""
    if not any(_bounds(job) for job in jobs.values()):
        return KeyRoom({})
    keys = [*_count([new for new in runs if (new.group, new.job) in jobs], jobs)]
    counts = await work.tx.count_waiting(keys)
    left = {key: key.most - count for key, count in zip(keys, counts, strict=True)}
    return KeyRoom(left)


def _count(runs: Iterable[NewRun], jobs: Jobs) -> Counter[WaitingKey]:
    """The runs by key, those of jobs that bound it."""
    keys = (_key_of(new, jobs[new.group, new.job]) for new in runs)
    return Counter(key for key in keys if key is not None)


def _key_of(new: NewRun, job: Job) -> WaitingKey | None:
    rule = job.concurrency
    if rule is None or rule.max_queued is None:
        return None
    key = concurrency_key(rule, job.arguments_with(new.arguments))
    return WaitingKey(job_id=job.id, job=job.name, queue=job.queue, key=key, most=rule.max_queued)


def _bounds(job: Job) -> bool:
    return job.concurrency is not None and job.concurrency.max_queued is not None


async def _new_ones(work: Work, runs: Sequence[NewRun], jobs: Jobs) -> list[NewRun]:
    """The runs without those whose unique_key is taken."""
    taken = await work.tx.live_runs_by_key(
        [
            (jobs[new.group, new.job].id, new.unique_key)
            for new in runs
            if new.unique_key is not None
        ]
    )
    return [new for new in runs if (jobs[new.group, new.job].id, new.unique_key) not in taken]
