"""One cycle of the queue: ends, starts and a claim that take effect together, in one round trip.

The common case of everything that `Transaction` can do, for whole batches: what a backend does in
one statement and one commit. A cycle takes on only what needs no decision; whatever it leaves out
(an end that means something to a trigger, a start whose job has changed) it has not touched, and
the caller does it in a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from callboard.domain.json import JsonObject
from callboard.domain.log import LogChunk
from callboard.domain.run import Run, make_run
from callboard.domain.states import RunState
from callboard.store.contract import RunEnd


class FreshRun(NamedTuple):
    """A run to be created: the first of its chain, without key, trigger or slot."""

    id: int
    job_id: int
    job: str
    group: str
    arguments: JsonObject
    """The job's defaults are in it already."""
    due_at: datetime | None
    """None: now."""
    trace_id: str

    def created(self, now: datetime, node: str | None = None, epoch: int | None = None) -> Run:
        """The run: queued, or running on the node of an epoch."""
        id, job_id, job, group, arguments, due_at, trace_id = self
        return make_run(
            id,
            job,
            group,
            job_id,
            None,  # trigger
            None,  # trigger_id
            None,  # slot
            RunState.QUEUED if epoch is None else RunState.RUNNING,
            1,
            None,  # previous_run_id
            id,
            arguments,
            None,  # result
            None,  # error
            None,  # progress
            node,
            epoch,
            0,  # crashes
            None,  # unique_key
            None,  # stop_mode
            None,  # stop_grace_s
            trace_id,
            now,
            due_at or now,
            None if epoch is None else now,  # started_at
            None,  # ended_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What is to be done: ends first, then starts, then the claim."""

    ends: Sequence[RunEnd] = ()
    """Each with an epoch. Left out: a run that is not `running` under it and the claim that the end
    names, or whose trigger waits for the end of its runs."""
    logs: Sequence[LogChunk] = ()
    """Of the runs of `ends`; stored for those that end."""
    starts: Sequence[FreshRun] = ()
    jobs: Mapping[int, int] = field(default_factory=dict)
    """Versions of the jobs of `starts`, by id. A start is left out where the stored job is another
    version, or gone."""
    born: int = 0
    """So many of the first starts are created running, under `epoch`; the caller has seen to it
    that they are due and that their jobs are not limited."""
    epoch: int | None = None
    """Of the node that claims; None: nothing is claimed, and nobody is born running."""
    claim: int = 0
    """Due runs to claim at the most, oldest due first, as Transaction.claim_runs does; none when
    due runs of a job with a limit wait. Only of those that were there before the cycle."""
    due_from: datetime | None = None
    """Claim only runs due at or after this instant; None: all."""
    passes_limited: bool = False
    """Due runs of jobs with a limit may be passed over: they were seen to be shut out just now. A
    backend need not do so."""

    @property
    def is_empty(self) -> bool:
        return not (self.ends or self.starts or self.claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycled:
    """What was done."""

    now: datetime
    """The instant of the transaction, by the store's clock."""
    first_seq: int
    """Number of its first event: one for each end, in the order given, then one for each start,
    then one for each run that was born running or claimed, in that order; 0: there was none."""
    ended: frozenset[int] = frozenset()
    """Ids of the runs that ended."""
    started: frozenset[int] = frozenset()
    """Ids of the runs that were created."""
    is_born: bool = False
    """Whether those to be born running were: False when the node's lease is over."""
    node: str | None = None
    """Name of the node of `epoch`; None: its lease is over."""
    claimed: tuple[Run, ...] = ()
    """Running from now on, oldest due first; those that were born running are not among them."""
    requeued: frozenset[int] = frozenset()
    """Those of `claimed` that a node held before: they may have a log."""
    job_versions: Mapping[int, int] = field(default_factory=dict)
    """Of the jobs of `claimed`, by id; a job that is gone is left out."""
    is_limited: bool = False
    """Due runs of jobs with a limit wait: nothing was claimed, Transaction.claim_runs must."""
