"""A step of a follower through the committed events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from callboard.changes.work import Work
from callboard.domain.chain_end import ChainEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was read, and where the follower stands after it."""

    ends: Sequence[ChainEnd]
    """Ascending."""
    last: int
    """Number of the last event that it has dealt with."""
    again: bool
    """Whether there is more."""
    missed: tuple[int, int] | None
    """Numbers of the first and the last event that were removed before it came to them."""


async def read_step(
    work: Work,
    after: int,
    newest: int,
    job_ids: Collection[int] = (),
    *,
    names: Collection[tuple[str, str]] = (),
    events: int,
) -> Step:
    """The ends of runs of these jobs behind the event `after`, see Transaction.read_ends."""
    read = await work.tx.read_ends(after, newest, job_ids, names=names, events=events)
    last = newest if read.last_seq is None else read.last_seq
    first = last + 1 if read.first_seq is None else read.first_seq
    return Step(
        ends=read.ends,
        last=last,
        again=last < newest,
        missed=(after + 1, first - 1) if first > after + 1 else None,
    )
