"""The cycle that does what is hot of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from callboard.changes.cycle_split import Hot, Start
from callboard.commands import EndedRun, StartRuns
from callboard.domain.job import Job
from callboard.store.cycle import Cycle, FreshRun


class Plan(NamedTuple):
    """A cycle, and what it was made of."""

    cycle: Cycle
    ended: Sequence[EndedRun]
    """Of `cycle.ends`, in their order."""
    starts: Sequence[Start]
    """Of `cycle.starts`, in their order."""


def plan_cycle(
    hot: Hot,
    *,
    run_ids: Sequence[int],
    new_trace_id: Callable[[], str],
    born_epoch: int | None = None,
    room: int = 0,
    claim: int = 0,
    due_from: datetime | None = None,
    passes_limited: bool = False,
) -> Plan:
    """Args:
    run_ids: as many as runs are to start, ascending.
    born_epoch, room: of the node that takes runs at birth, and how many; without a claim.
    """
    ended = hot_ends(hot)
    starts, born = _seated(hot.starts, room)
    cycle = Cycle(
        ends=[one.end for one in ended],
        logs=[chunk for one in ended if one.log for chunk in one.log],
        starts=_fresh(starts, run_ids, new_trace_id),
        jobs={job.id: job.version for _, _, job in starts},
        born=born,
        epoch=born_epoch if hot.claim is None else hot.claim[0].epoch,
        claim=claim,
        due_from=due_from,
        passes_limited=passes_limited,
    )
    return Plan(cycle, ended, starts)


def count_starts(hot: Hot) -> int:
    """How many runs are to start."""
    return sum([len(command.runs) for command, _, _ in hot.starts])


def hot_ends(hot: Hot) -> list[EndedRun]:
    """Ends that nothing follows: one with a retry, or of a followed run, is for a transaction."""
    return [
        one
        for command, _ in hot.ends
        for one in command.ended
        if one.retry_after_s is None
        and one.end.epoch is not None
        and ((terms := one.run.terms) is None or not terms.is_followed)
    ]


def _seated(starts: Sequence[Start], room: int) -> tuple[Sequence[Start], int]:
    """The starts, those that may be born running first, and how many of their runs are."""
    if room <= 0 or not starts:
        return starts, 0
    first = [start for start in starts if may_be_born(start[0], start[2])]
    if len(first) < len(starts):
        starts = [*first, *(one for one in starts if not may_be_born(one[0], one[2]))]
    return starts, min(room, sum([len(command.runs) for command, _, _ in first]))


def may_be_born(command: StartRuns, job: Job) -> bool:
    """Whether its runs may be created running: due at once, of a job without a limit."""
    if job.is_limited:
        return False
    for new in command.runs:  # noqa: SIM110 - a generator costs more than the loop
        if new.due_at is not None:
            return False
    return True


def _fresh(
    starts: Sequence[Start], run_ids: Sequence[int], new_trace_id: Callable[[], str]
) -> list[FreshRun]:
    ids = iter(run_ids)
    return [
        FreshRun(
            next(ids),
            job.id,
            job.name,
            job.group,
            job.arguments_with(new.arguments)
            if job.arguments or job.fixed_arguments
            else new.arguments,
            new.due_at,
            new.trace_id or new_trace_id(),
        )
        for command, _, job in starts
        for new in command.runs
    ]
