"""A batch by cycle and transaction comes to the same as one by a transaction alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard import NewRun, RunState
from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import (
    Change,
    ClaimRuns,
    EndedRun,
    EndRuns,
    FireTrigger,
    ReplaceJob,
    StartRuns,
    StopRun,
)
from callboard.domain.run import Run, StopMode
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.errors import TransactionConflict
from callboard.events import run_as_of
from callboard.store.contract import RunFilter
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.committing import Committing
from support.factories import (
    LEASE,
    make_chunk,
    make_end,
    make_job,
    make_node,
    stored_job,
    stored_trigger,
)

START = VirtualClock().now()
FIRST_TRACE = 2**64
Key = tuple[str, int]
"""Trace and attempt: run ids are handed out in another order."""


class Plain:
    """One store, all changes of a batch in one transaction."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.epoch = 0
        self._traces = count(1)

    async def prepare(self) -> None:
        await self.store.open()
        for name, changes in JOBS.items():
            await stored_job(self.store, name, **changes)
        buffer = OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=5)
        await stored_trigger(self.store, "line", job="free", overlap=buffer)
        await stored_trigger(self.store, "loose", job="free")
        async with self.store.begin() as tx:
            node = await tx.insert_node(make_node(), LEASE)
        assert node is not None
        self.epoch = node.epoch

    async def commit(self, *changes: Change) -> list[Any]:
        async with self.store.begin() as tx:
            work = Work(tx=tx, new_trace_id=self._trace)
            answers = await apply_all(work, changes)
            await work.append_events()
        return answers

    def _trace(self) -> str:
        return f"{next(self._traces):032x}"

    async def runs(self) -> dict[Key, Run]:
        runs = await self.store.list_runs(RunFilter(limit=1000))
        return {key_of(run): run for run in runs}

    async def told(self) -> dict[Key, list[tuple[str, Any]]]:
        """The events of each run, as a stream would read them."""
        events: defaultdict[Key, list[tuple[str, Any]]] = defaultdict(list)
        for batch in await self.store.read_events(0, 1000):
            runs = await self.store.get_runs([one.run_id for one in batch.records if one.run_id])
            for record in batch.records:
                if record.run_id is not None:
                    run = run_as_of(runs[record.run_id], record)
                    events[key_of(run)].append((record.type, bare(run)))
        return dict(events)


class Mixed(Plain):
    """The same by a committer."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Committing(self.store, self.clock)

    async def commit(self, *changes: Change) -> list[Any]:
        return await self.work.commit(*changes)


JOBS = {
    "free": {"arguments": {"a": 1}},
    "other": {},
    "narrow": {"max_concurrent_runs": 1},
    "off": {"disabled": True},
}


def key_of(run: Run) -> Key:
    return run.trace_id, run.attempt


def bare(run: Run) -> Run:
    return replace(run, id=0, chain_id=0, previous_run_id=None, progress=None)


def bare_answer(answer: Any, keys: dict[int, Key]) -> Any:
    """An answer without ids."""
    match answer:
        case Exception():
            return type(answer), str(answer)
        case Run():
            return bare(answer)
        case frozenset():
            return {keys.get(run_id) for run_id in answer}
        case [*items]:
            return [bare_answer(item, keys) for item in items]
    return answer


# A step is what to do, in words that mean the same in both stores.

STARTS = st.tuples(
    st.just("start"),
    st.lists(st.sampled_from(["free", "free", "other", "narrow", "off", "gone"]), max_size=3),
    st.sampled_from(["plain", "plain", "plain", "key", "later", "once"]),
)
ENDS = st.tuples(
    st.just("end"),
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["ok", "fail", "retry", "log"]))),
    st.sampled_from(["held", "held", "fenced"]),
)
OTHERS = st.one_of(
    st.tuples(st.just("stop"), st.integers(0, 9)),
    st.tuples(st.just("edit"), st.sampled_from(["free", "other", "narrow"]), st.booleans()),
    st.tuples(st.just("fire"), st.sampled_from(["line", "loose"])),
)
BATCHES = st.lists(
    st.one_of(
        st.lists(st.one_of(STARTS, STARTS, ENDS, OTHERS), min_size=1, max_size=5),
        st.integers(1, 5),
    ),
    max_size=10,
)
"""A number is a claim of so many runs, which is a batch of its own: a cycle does not claim what
its own batch has started."""


def start(traces: Any, jobs: Sequence[str], kind: str) -> StartRuns:
    """Each run has an instant of its own: those of one instant are claimed in the order of their
    ids, and a cycle hands these out before the transaction beside it."""
    values = {"unique_key": "k"} if kind == "key" else {}
    first = START.replace(hour=23) if kind == "later" else START - timedelta(days=1)
    runs = [
        NewRun(
            job=job,
            trace_id=f"{trace:032x}",
            due_at=first + timedelta(microseconds=trace - FIRST_TRACE),
            **values,
        )
        for job, trace in zip(jobs, traces, strict=False)
    ]
    return StartRuns(runs=tuple(runs), idempotency_key="i" if kind == "once" else None)


def ends_of(held: list[Run], ends: Sequence[tuple[int, str]], epoch: int) -> EndRuns:
    """Of each run one end: what a node tells of a run does not change."""
    how = {number % len(held): way for number, way in ends}
    return EndRuns(ended=tuple(end(held[place], way, epoch) for place, way in how.items()))


def end(run: Run, how: str, epoch: int) -> EndedRun:
    state = RunState.SUCCEEDED if how in ("ok", "log") else RunState.FAILED
    return EndedRun(
        run=run,
        end=make_end(run, state, epoch=epoch),
        retry_after_s=0.0 if how == "retry" else None,
        log=(make_chunk(run.id, 1),) if how == "log" else (),
    )


async def changes_of(side: Plain, steps: Sequence[Any], traces: Any) -> list[Change]:
    found: list[Change] = []
    has_ends = False
    for step in steps:
        change = await change_of(side, step, traces)
        if change is not None and not (has_ends and isinstance(change, EndRuns)):
            found.append(change)
            has_ends = has_ends or isinstance(change, EndRuns)
    return found


async def change_of(side: Plain, step: tuple[Any, ...], traces: Any) -> Change | None:
    runs = await side.runs()
    live = [run for _, run in sorted(runs.items()) if not run.has_ended]
    held = [run for run in live if run.epoch is not None]
    match step:
        case ("start", jobs, kind):
            return start(traces, jobs, kind)
        case ("end", ends, whose) if held:
            epoch = side.epoch if whose == "held" else side.epoch + 1
            return ends_of(held, ends, epoch)
        case ("stop", number) if live:
            run = live[number % len(live)]
            return StopRun(run_id=run.id, mode=StopMode.COOPERATIVE, grace_s=1.0)
        case ("edit", name, disabled):
            return ReplaceJob(job=make_job(name, **{**JOBS[name], "disabled": disabled}))
        case ("fire", name):
            return FireTrigger(group="default", name=name, arguments={}, overlap="ignore")
    return None


async def both(batches: Sequence[Any]) -> None:
    sides: tuple[Plain, Mixed] = (Plain(), Mixed())
    numbers = [count(FIRST_TRACE), count(FIRST_TRACE)]
    for side in sides:
        await side.prepare()
    for batch in batches:
        answers = []
        for side, traces in zip(sides, numbers, strict=True):
            if isinstance(batch, int):
                changes: list[Change] = [ClaimRuns(epoch=side.epoch, limit=batch)]
            else:
                changes = await changes_of(side, batch, traces)
            given = await side.commit(*changes) if changes else []
            keys = {run.id: key for key, run in (await side.runs()).items()}
            answers.append([bare_answer(answer, keys) for answer in given])
            await side.clock.advance(1)
        assert answers[0] == answers[1]
        plain, mixed = [{key: bare(run) for key, run in (await s.runs()).items()} for s in sides]
        assert plain == mixed
    assert await sides[0].told() == await sides[1].told()
    await check_told(sides[1])


async def check_told(side: Mixed) -> None:
    """What was told live is what is stored, in the order of its numbers, without a gap."""
    events = list(side.work.events)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    stored = [record for batch in await side.store.read_events(0, 1000) for record in batch.records]
    assert [event.type for event in events] == [record.type for record in stored]
    assert [event.run.id if event.run else None for event in events] == [
        record.run_id for record in stored
    ]


@settings(max_examples=60, deadline=None)
@given(batches=BATCHES)
def test_a_mixed_batch_does_what_a_transaction_does(batches: Sequence[Any]):
    asyncio.run(both(batches))


@pytest.fixture
async def mixed() -> Mixed:
    side = Mixed()
    await side.prepare()
    await side.commit(StartRuns(runs=(NewRun(job="free"),)))
    side.work.facts.clear()
    return side


class Counted:
    """A store that counts what it is asked for, and may lose races."""

    def __init__(self, store: MemoryStore, *, conflicts: int = 0) -> None:
        self._store = store
        self.cycles: list[Cycle] = []
        self.transactions = 0
        self.conflicts = conflicts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def begin(self) -> Any:
        self.transactions += 1
        return self._store.begin()

    async def cycle(self, cycle: Cycle) -> Cycled:
        self.cycles.append(cycle)
        if len(self.cycles) <= self.conflicts:
            raise TransactionConflict("a deadlock")
        return await self._store.cycle(cycle)


async def counted(side: Mixed, **values: Any) -> tuple[Counted, Committing]:
    store: Any = Counted(side.store, **values)
    work = Committing(store, side.clock)
    await work.done(StartRuns(runs=(NewRun(job="free"),)))
    store.transactions = 0
    return store, work


async def test_starts_ends_and_a_claim_of_a_batch_are_one_cycle(mixed: Mixed):
    store, work = await counted(mixed)
    (run,) = [one.run for one in await work.done(ClaimRuns(epoch=mixed.epoch, limit=1))]
    store.cycles.clear()
    ended, started, claimed = await work.commit(
        EndRuns(ended=(EndedRun(run=run, end=make_end(run)),)),
        StartRuns(runs=(NewRun(job="free"), NewRun(job="free"))),
        ClaimRuns(epoch=mixed.epoch, limit=1),
    )
    (cycle,) = store.cycles
    assert (len(cycle.ends), len(cycle.starts), cycle.claim) == (1, 2, 1)
    assert store.transactions == 0
    assert (ended, len(started), len(claimed)) == ({run.id}, 2, 1)


async def test_a_cycle_that_lost_a_race_is_tried_again(mixed: Mixed):
    store, work = await counted(mixed, conflicts=2)
    assert len(await work.done(StartRuns(runs=(NewRun(job="free"),)))) == 1
    assert len(store.cycles) == 3


async def test_a_cycle_that_loses_all_races_is_refused(mixed: Mixed):
    _, work = await counted(mixed, conflicts=3)
    with pytest.raises(TransactionConflict):
        await work.done(StartRuns(runs=(NewRun(job="free"),)))


async def test_one_command_for_runs_of_two_jobs_is_all_or_none(mixed: Mixed):
    """A cycle checks each job by itself: it could create one run and leave the other."""
    store, work = await counted(mixed)
    await work.done(StartRuns(runs=(NewRun(job="other"),)))
    store.transactions = 0
    await work.done(StartRuns(runs=(NewRun(job="free"), NewRun(job="other"))))
    assert (store.cycles, store.transactions) == ([], 1)


async def test_the_answers_of_an_end_that_was_split_are_joined(mixed: Mixed):
    _, work = await counted(mixed)
    await work.done(StartRuns(runs=(NewRun(job="free"),)))
    runs = [one.run for one in await work.done(ClaimRuns(epoch=mixed.epoch, limit=9))]
    first, second, third = runs
    fenced = EndedRun(run=third, end=make_end(third, epoch=99))
    retried = EndedRun(run=second, end=make_end(second, RunState.FAILED), retry_after_s=1.0)
    ends = EndRuns(ended=(EndedRun(run=first, end=make_end(first)), retried, fenced))
    assert await work.done(ends) == {first.id, second.id}


async def test_a_claimed_run_comes_with_the_job_as_it_is_now(mixed: Mixed):
    _, work = await counted(mixed)
    job = await mixed.store.get_job("default", "free")
    assert job is not None
    async with mixed.store.begin() as tx:
        await tx.update_job(replace(job, spec={"handler": "elsewhere:f"}))
    claimed = await work.done(ClaimRuns(epoch=mixed.epoch, limit=9))
    assert [one.job.version for one in claimed] == [2, 2]


async def test_a_run_that_was_held_before_goes_on_behind_its_log(mixed: Mixed):
    _, work = await counted(mixed)
    (run, _) = [one.run for one in await work.done(ClaimRuns(epoch=mixed.epoch, limit=9))]
    async with mixed.store.begin() as tx:
        await tx.append_log([make_chunk(run.id, 1, 3)])
        (held, _) = await tx.lock_runs_of_node(mixed.epoch)
        await tx.update_runs([replace(held, state=RunState.QUEUED, node=None, epoch=None)])
    (again,) = await work.done(ClaimRuns(epoch=mixed.epoch, limit=9))
    assert (again.run.id, again.log_seq) == (run.id, 3)
