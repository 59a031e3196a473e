"""Starts that go on with the chain of a run that has ended: NewRun.previous_run_id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from callboard.changes.work import Work
from callboard.domain.job import Job
from callboard.domain.run import NewRun, Run
from callboard.errors import Conflict, FieldProblem

Runs = Mapping[int, Run]


async def read_previous(work: Work, runs: Sequence[NewRun]) -> Runs:
    """The runs that the new ones follow, by id. An end is for good: no need to lock them."""
    ids = {new.previous_run_id for new in runs if new.previous_run_id is not None}
    return await work.tx.read_runs(sorted(ids)) if ids else {}


def previous_problems(
    runs: Sequence[NewRun], jobs: Mapping[tuple[str, str], Job], previous: Runs
) -> Iterator[FieldProblem]:
    """The new runs that cannot follow the ones they name: those are not there, or of other jobs."""
    for index, new in enumerate(runs):
        if new.previous_run_id is None:
            continue
        known = previous.get(new.previous_run_id)
        if known is None or known.group != new.group:
            reason = f"there is no run {new.previous_run_id} in the group {new.group!r}"
        elif known.job != new.job:
            reason = f"run {known.id} is one of the job {known.job!r}, not of {new.job!r}"
        elif known.job_id != jobs[new.group, new.job].id:
            reason = f"run {known.id} is one of another job {new.job!r}, which was deleted"
        else:
            continue
        yield FieldProblem(f"runs[{index}].previous_run_id", reason, "an ended run of the job")


def live_previous(runs: Sequence[NewRun], previous: Runs) -> Conflict | None:
    """The refusal to follow a run that has not ended."""
    for new in runs:
        known = None if new.previous_run_id is None else previous[new.previous_run_id]
        if known is not None and not known.has_ended:
            return Conflict("run_live", f"run {known.id} is {known.state}: it has not ended")
    return None


def continued(new: NewRun, previous: Runs) -> NewRun:
    """The new run as the next attempt of its chain; its arguments and terms are its own.

    It is nobody's but whoever starts it: not of the trigger that began the chain.
    """
    if new.previous_run_id is None:
        return new
    known = previous[new.previous_run_id]
    return replace(
        new,
        attempt=known.attempt + 1,
        chain_id=known.chain_id,
        trace_id=new.trace_id or known.trace_id,
    )
