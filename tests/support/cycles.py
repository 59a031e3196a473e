"""Cycles for tests of stores: what goes in, and what its events tell.

[run_id] = await store.allocate_run_ids(1)
done = await cycled(store, starts=[make_fresh(run_id, job)], jobs={job.id: job.version})
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.events import run_as_of
from callboard.store.contract import Node, RunEnd, Store
from callboard.store.cycle import Cycle, Cycled, FreshRun
from support.factories import TRACE_ID, make_end


class Told(NamedTuple):
    """An event of a run, as a subscriber gets it."""

    seq: int
    type: str
    run: Run


def make_fresh(run_id: int, job: Job, **changes: Any) -> FreshRun:
    """A run to be created now."""
    values = {
        "job_id": job.id,
        "job": job.name,
        "group": job.group,
        "arguments": {},
        "due_at": None,
        "trace_id": TRACE_ID,
        **changes,
    }
    return FreshRun(id=run_id, **values)


async def cycled(store: Store, **what: Any) -> Cycled:
    """What a cycle did."""
    return await store.cycle(Cycle(**what))


async def started(store: Store, job: Job, count: int = 1, **changes: Any) -> list[int]:
    """Ids of new queued runs of the stored job, made by a cycle."""
    ids = await store.allocate_run_ids(count)
    starts = [make_fresh(run_id, job, **changes) for run_id in ids]
    done = await cycled(store, starts=starts, jobs={job.id: job.version})
    assert done.started == set(ids), "a start was left out"
    return ids


async def claimed(store: Store, node: Node, limit: int = 1000, **what: Any) -> list[Run]:
    """What a cycle claims for the node."""
    done = await cycled(store, epoch=node.epoch, claim=limit, **what)
    return [*done.claimed]


async def running(store: Store, job: Job, node: Node, count: int = 1) -> list[Run]:
    """New runs of the job that the node runs; there must be no other due run."""
    ids = await started(store, job, count)
    runs = await claimed(store, node)
    assert [run.id for run in runs] == ids, "other runs were due"
    return runs


async def end_by_cycle(
    store: Store, run: Run, state: RunState = RunState.SUCCEEDED, **changes: Any
) -> bool:
    """Whether a cycle ended the run."""
    ends: list[RunEnd] = [make_end(run, state, **changes)]
    return run.id in (await cycled(store, ends=ends)).ended


async def told(store: Store, after: int = 0) -> list[Told]:
    """All events of runs behind number `after`, the runs as they were then, `as_told`."""
    batches = await store.read_events(after, 100_000)
    records = [
        (batch.first_seq + place, record)
        for batch in batches
        for place, record in enumerate(batch.records)
    ]
    runs = await store.get_runs([record.run_id for _, record in records if record.run_id])
    return [
        Told(seq, record.type, as_told(run_as_of(runs[record.run_id], record)))
        for seq, record in records
        if seq > after and record.run_id in runs
    ]


def as_told(run: Run) -> Run:
    """The run without what an event does not remember."""
    return replace(run, epoch=None)
