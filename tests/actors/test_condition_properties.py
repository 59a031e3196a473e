"""Conditional triggers against a model: whatever ends, and however often the evaluation dies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import CreateTrigger, DeleteJob, EndedRun, EndRuns, EvaluateConditions
from callboard.domain.ledger import LedgerEntry
from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.schedule import Condition, Conditional
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, OnMissing, Trigger
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.committing import Committing
from support.factories import claimed_runs, make_end, stored_job, stored_node, stored_runs

JOBS = ("a", "b", "unwatched")
OUTCOMES = ("succeeded", "failed", "again")
"""The last one: failed, and tried again."""
ORIGINS = ("hand", "trigger", "workflow")
"""Who started the run: the last one, a trigger within a workflow."""
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "hand": {},
    "trigger": {"trigger": "other", "trigger_id": 99},
    "workflow": {
        "trigger": "inner",
        "trigger_id": 98,
        "terms": RunTerms(workflow_run_id=5),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Ends that are committed together: of which job, how, and of whose run."""

    ends: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remake:
    """A job is deleted, which stops its queued runs, and made anew."""

    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    events: int
    dies: bool


COMMITS = st.builds(
    Commit,
    ends=st.lists(
        st.tuples(st.sampled_from(JOBS), st.sampled_from(OUTCOMES), st.sampled_from(ORIGINS)),
        min_size=1,
        max_size=3,
    ),
)
REMAKES = st.builds(Remake, job=st.sampled_from(JOBS))
EVALUATIONS = st.builds(Evaluate, events=st.integers(1, 10), dies=st.booleans())
STATES = st.sampled_from([("succeeded",), ("failed",), ("succeeded", "failed")])
SCHEDULES = st.builds(
    Conditional,
    logical=st.sampled_from(["and", "and", "any"]),
    conditions=st.tuples(*(st.builds(Condition, job=st.just(job), states=STATES) for job in "ab")),
    only_triggered=st.booleans(),
)


@dataclass(slots=True)
class Model:
    """What a conditional trigger does, in a few lines."""

    logical: Literal["and", "any"]
    wanted: dict[str, tuple[str, ...]]
    origins: tuple[str, ...]
    """Those that count."""
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """Next attempts: of which job, and of whose run."""
    met: dict[str, int] = field(default_factory=dict)
    firings: list[tuple[int, ...]] = field(default_factory=list)

    def remake(self, job: str) -> None:
        self.commit([(job, "stopped", origin, 0) for name, origin in self.waiting if name == job])
        self.waiting = [each for each in self.waiting if each[0] != job]

    def commit(self, ends: list[tuple[str, str, str, int]]) -> None:
        for job, outcome, origin, run_id in ends:
            if outcome == "again":
                self.waiting.append((job, origin))
            elif job in self.wanted and origin in self.origins:
                self.met.pop(job, None)
                if outcome in self.wanted[job]:
                    self.met[job] = run_id
        need = 1 if self.logical == "any" else len(self.wanted)
        if len(self.met) >= need:
            self.firings.append(tuple(sorted(self.met.values())))
            self.met = {}


class Stage:
    """A store with the jobs, a node that holds runs of them, and the trigger."""

    def __init__(self, schedule: Conditional) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.committing = Committing(self.store, self.clock)
        self.schedule = schedule

    async def open(self) -> None:
        await self.store.open()
        self.node = await stored_node(self.store, lease=timedelta(days=365))
        self.jobs = {name: await stored_job(self.store, name) for name in (*JOBS, "started")}
        trigger = Trigger(
            name="t",
            schedule=self.schedule,
            actions=(Action(job="started"),),
            on_missing=OnMissing.SKIP,
        )
        (self.trigger,) = await self.committing.commit(CreateTrigger(trigger=trigger))

    async def remake(self, step: Remake) -> None:
        await self.clock.advance(1)
        await self.committing.commit(DeleteJob(group="default", name=step.job))
        self.jobs[step.job] = await stored_job(self.store, step.job)

    async def commit(self, commit: Commit) -> list[tuple[str, str, str, int]]:
        """The ends, with their runs."""
        runs = [await self._running(job, FIELDS[origin]) for job, _, origin in commit.ends]
        await self.clock.advance(1)
        ends = [
            EndedRun(
                run=run,
                end=make_end(
                    run,
                    RunState.SUCCEEDED if outcome == "succeeded" else RunState.FAILED,
                    ended_at=self.clock.now(),
                ),
                retry_after_s=86_400.0 * 365 if outcome == "again" else None,
            )
            for run, (_, outcome, _) in zip(runs, commit.ends, strict=True)
        ]
        if ends:
            await self.committing.commit(EndRuns(ended=tuple(ends)))
        return [(*told, run.id) for told, run in zip(commit.ends, runs, strict=True)]

    async def _running(self, job: str, fields: Mapping[str, Any]) -> Run:
        due_at = self.clock.now()
        (queued,) = await stored_runs(self.store, self.jobs[job], 1, due_at=due_at, **fields)
        claimed = {run.id: run for run in await claimed_runs(self.store, self.node)}
        return claimed[queued.id]

    async def evaluate(self, step: Evaluate) -> bool:
        """Whether there is more."""
        command = EvaluateConditions(events=step.events)
        if not step.dies:
            (found,) = await self.committing.commit(command)
            return bool(found.again)
        with suppress(InterruptedError):
            async with self.store.begin() as tx:
                await apply_all(Work(tx=tx, new_trace_id=lambda: "0" * 32), [command])
                raise InterruptedError
        return True

    async def ledger(self) -> list[LedgerEntry]:
        since = self.clock.now() - timedelta(days=1)
        until = self.clock.now() + timedelta(days=1)
        return await self.store.read_ledger(self.trigger.id, since=since, until=until, limit=1000)


async def play(schedule: Conditional, steps: list[Commit | Remake | Evaluate]) -> None:
    stage = Stage(schedule)
    origins = ("trigger",) if schedule.only_triggered else ("hand", "trigger")
    wanted = {each.job: each.states for each in schedule.conditions}
    model = Model(schedule.logical, wanted, origins)
    await stage.open()
    for step in steps:
        if isinstance(step, Commit):
            model.commit(await stage.commit(step))
        elif isinstance(step, Remake):
            model.remake(step.job)
            await stage.remake(step)
        else:
            await stage.evaluate(step)
    while await stage.evaluate(Evaluate(events=3, dies=False)):
        pass
    entries = await stage.ledger()
    assert [entry.caused_by for entry in entries] == model.firings
    assert all(len(entry.run_ids) == 1 for entry in entries)
    assert sorted({entry.slot for entry in entries}) == [entry.slot for entry in entries]
    trigger = await stage.store.get_trigger("default", "t")
    assert trigger is not None
    assert trigger.firings == len(model.firings)


@settings(max_examples=120, deadline=None)
@given(
    SCHEDULES,
    st.lists(st.one_of(COMMITS, COMMITS, COMMITS, REMAKES, EVALUATIONS), min_size=4, max_size=20),
)
def test_each_completed_set_fires_once(
    schedule: Conditional, steps: list[Commit | Remake | Evaluate]
) -> None:
    """G45, R12: also where evaluations are rolled back, and look at a few events at a time, where
    jobs are deleted and made anew, and where runs do not count for whoever started them."""
    asyncio.run(play(schedule, steps))
