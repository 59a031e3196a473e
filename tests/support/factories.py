"""Jobs, triggers, runs and nodes for tests: complete, valid, and with what matters given.

    job = make_job(max_concurrent_runs=2)
    run = make_run(1, job, due_at=NOW + timedelta(minutes=5))

Functions that store something (`stored_job`, `stored_run` ...) do so in their own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import SlotPlan
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.domain.schedule import every
from callboard.domain.shards import SHARDS, Scheduling
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Trigger
from callboard.events import EventRecord
from callboard.store.contract import LogChunk, LogLine, Node, RunEnd, RunFilter, Store

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a VirtualClock begins unless told otherwise."""
LEASE: Final = timedelta(seconds=30)
TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


def after(seconds: float) -> datetime:
    """The instant so many seconds behind NOW."""
    return NOW + timedelta(seconds=seconds)


def make_job(name: str = "report", **changes: Any) -> Job:
    """A python job as a caller defines it, not stored."""
    values = {"kind": "python", "spec": {"handler": "reports:daily"}, **changes}
    return Job(name=name, **values)


def make_trigger(name: str = "hourly", *, job: str = "report", **changes: Any) -> Trigger:
    """An active trigger every hour, whose first slot is NOW + 1 h, not stored."""
    values = {
        "schedule": every(hours=1),
        "actions": (Action(job=job),),
        "next_slot": after(3600),
        "anchor_at": NOW,
        **changes,
    }
    return Trigger(name=name, **values)


def make_calendar(name: str = "holidays", **changes: Any) -> Calendar:
    """A calendar of Christmas Day 2026 in UTC, not stored."""
    values = {"definition": {"kind": "dates", "zone": "UTC", "dates": ["2026-12-25"]}, **changes}
    return Calendar(name=name, **values)


def make_run(run_id: int, job: Job, **changes: Any) -> Run:
    """A queued run of a stored job, due at NOW."""
    values = {
        "job": job.name,
        "group": job.group,
        "job_id": job.id,
        "chain_id": run_id,
        "trace_id": TRACE_ID,
        "created_at": NOW,
        "due_at": NOW,
        **changes,
    }
    return Run(id=run_id, **values)


def make_node(name: str = "node-a", **changes: Any) -> Node:
    """A node as it introduces itself; the store fills in epoch, started_at and lease_until."""
    values = {
        "epoch": 0,
        "host": "host.example",
        "pid": 4711,
        "version": "0.1.0",
        "capacity": 10,
        "started_at": NOW,
        "lease_until": NOW,
        **changes,
    }
    return Node(name=name, **values)


def make_entry(trigger: Trigger, slot: datetime, **changes: Any) -> LedgerEntry:
    """The entry of a fired slot of a stored trigger."""
    values = {
        "trigger_id": trigger.id,
        "generation": trigger.generation,
        "decision": Decision.FIRED,
        "decided_at": NOW,
        **changes,
    }
    return LedgerEntry(slot=slot, **values)


def make_stretch(trigger: Trigger, first: datetime, last: datetime, count: int) -> LedgerEntry:
    """The entry of a stretch of slots that were missed."""
    return make_entry(
        trigger,
        first,
        until=last,
        count=count,
        decision=Decision.SKIPPED,
        reason=SkipReason.MISFIRE,
    )


def make_plan(trigger: Trigger, **changes: Any) -> SlotPlan:
    """A plan that decides nothing and moves the trigger on by an hour, unless told otherwise."""
    slot = trigger.next_slot or NOW
    values = {
        "next_slot": slot + timedelta(hours=1),
        "last_slot": slot,
        "firings": trigger.firings + 1,
        **changes,
    }
    return SlotPlan(before=trigger, after=replace(trigger, **values), entries=())


def make_end(run: Run, state: RunState = RunState.SUCCEEDED, **changes: Any) -> RunEnd:
    """The end of a run by whoever holds it as `run` says."""
    values = {
        "run_id": run.id,
        "epoch": run.epoch,
        "started_at": run.started_at,
        "state": state,
        "ended_at": NOW,
        **changes,
    }
    return RunEnd(**values)


def make_chunk(run_id: int, first: int, count: int = 1, **changes: Any) -> LogChunk:
    """Lines `first`, `first + 1` ... of a run's standard output, their numbers in their text."""
    return LogChunk(
        run_id=run_id,
        lines=tuple(make_line(seq, **changes) for seq in range(first, first + count)),
    )


def make_line(seq: int, **changes: Any) -> LogLine:
    values = {"at": NOW, "stream": "stdout", "level": None, "text": f"line {seq}", **changes}
    return LogLine(seq=seq, **values)


def make_record(run_id: int = 1, type: str = "run.queued", **patch: Any) -> EventRecord:
    """The record of an event of a run."""
    return EventRecord(type=type, run_id=run_id, patch=patch)


async def stored_job(store: Store, name: str = "report", **changes: Any) -> Job:
    """A job that the store has."""
    async with store.begin() as tx:
        job = await tx.insert_job(make_job(name, **changes))
    assert job is not None, f"the job {name} is there already"
    return job


async def stored_trigger(store: Store, name: str = "hourly", **changes: Any) -> Trigger:
    """A trigger that the store has; its job need not exist."""
    async with store.begin() as tx:
        [trigger] = await tx.insert_triggers([make_trigger(name, **changes)])
    assert trigger is not None, f"the trigger {name} is there already"
    return trigger


async def stored_calendar(store: Store, name: str = "holidays", **changes: Any) -> Calendar:
    """A calendar that the store has."""
    async with store.begin() as tx:
        calendar = await tx.insert_calendar(make_calendar(name, **changes))
    assert calendar is not None, f"the calendar {name} is there already"
    return calendar


async def stored_queue(store: Store, name: str = "mail", **changes: Any) -> Queue:
    """A queue that the store has."""
    async with store.begin() as tx:
        queue = await tx.insert_queue(Queue(name=name, **changes))
    assert queue is not None, f"the queue {name} is there already"
    return queue


async def stored_node(store: Store, name: str = "node-a", lease: timedelta = LEASE) -> Node:
    """A node with a live lease."""
    async with store.begin() as tx:
        node = await tx.insert_node(make_node(name), lease)
    assert node is not None, f"a node {name} lives already"
    return node


async def stored_scheduler(store: Store, name: str = "scheduler") -> Node:
    """A node that may decide all slots."""
    node = await stored_node(store, name, LEASE)
    async with store.begin() as tx:
        await tx.renew_firing(node.epoch, LEASE, Scheduling.SHARED)
        await tx.take_shards(node.epoch, range(SHARDS))
    return node


async def stored_runs(store: Store, job: Job, count: int, **changes: Any) -> list[Run]:
    """Queued runs of a stored job, by id."""
    async with store.begin() as tx:
        ids = await tx.allocate_run_ids(count)
        runs = [make_run(run_id, job, **changes) for run_id in ids]
        stored = await tx.insert_runs(runs)
    assert stored == set(ids), "a run was left out"
    return runs


async def stored_run(store: Store, job: Job, **changes: Any) -> Run:
    """One queued run of a stored job."""
    return (await stored_runs(store, job, 1, **changes))[0]


async def claimed_runs(store: Store, node: Node, limit: int = 1000) -> list[Run]:
    """What the node gets when it asks for `limit` runs."""
    async with store.begin() as tx:
        return await tx.claim_runs(node.epoch, limit)


async def running_run(store: Store, job: Job, node: Node, **changes: Any) -> Run:
    """A new run of the job that the node runs; there must be no other due run."""
    run = await stored_run(store, job, **changes)
    claimed = await claimed_runs(store, node)
    assert [each.id for each in claimed] == [run.id], "other runs were due"
    return claimed[0]


async def changed_run(store: Store, run: Run, **changes: Any) -> Run:
    """The run after an update of its changeable fields."""
    async with store.begin() as tx:
        locked = await tx.lock_runs([run.id])
        await tx.update_runs([replace(locked[run.id], **changes)])
    return await the_run(store, run.id)


async def ended_run(
    store: Store, run: Run, state: RunState = RunState.SUCCEEDED, **changes: Any
) -> Run:
    """The run after its end, by whoever holds it as `run` says."""
    async with store.begin() as tx:
        ended = await tx.end_runs([make_end(run, state, **changes)])
    assert len(ended) == 1, f"run {run.id} was not ended"
    return ended[0]


async def the_run(store: Store, run_id: int) -> Run:
    """The run as the store has it now."""
    run = await store.get_run(run_id)
    assert run is not None, f"there is no run {run_id}"
    return run


async def all_ids(store: Store, states: Sequence[RunState] = ()) -> list[int]:
    """Ids of all runs, or of those in the states, ascending."""
    runs = await store.list_runs(RunFilter(states=tuple(states), limit=100_000))
    return sorted(run.id for run in runs)
