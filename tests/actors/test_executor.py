"""The executor alone, with a job store that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from callboard.commands import (
    ClaimedRun,
    ClaimRuns,
    EndRuns,
    HandBack,
    ListStoppingRuns,
    NextDueAt,
)
from callboard.config import BoardConfig
from callboard.domain.job import Job
from callboard.domain.node import Node
from callboard.domain.run import Run, StopMode
from callboard.domain.states import RunState
from callboard.domain.timeline import Timeline
from callboard.errors import StoreUnavailable
from callboard.events import (
    AssignmentUnsure,
    Committed,
    Hinted,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    RunsAssigned,
)
from callboard.executor import Drain, Executor
from callboard.runners.context import RunContext
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.standard import standard_runners
from callboard.runtime import AsyncioActor, ask
from callboard.standing_offer import CLAIM_LIMIT
from callboard.testing import VirtualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = 7
AT = Timeline(at=0.0, earliest=NOW, latest=NOW)
JOB = Job(name="work", kind="python", spec={"handler": "work"}, id=1, version=1)


def make_run(number: int, **facts: Any) -> Run:
    return Run(
        id=number,
        job="work",
        group="default",
        job_id=1,
        chain_id=number,
        state=RunState.RUNNING,
        epoch=EPOCH,
        trace_id="0" * 32,
        created_at=NOW,
        due_at=NOW,
        started_at=NOW,
        **facts,
    )


def claimed(number: int) -> ClaimedRun:
    return ClaimedRun(run=make_run(number), job=JOB)


class Store(AsyncioActor):
    """Gives out `due` runs, and keeps who holds what; assigns runs when a test says so."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self.due: list[int] = []
        self.held: set[int] = set()
        self.ended: dict[int, RunState] = {}
        self.stopping: list[int] = []
        self.commands: list[Any] = []
        self.answers: list[Callable[[], None]] | None = None
        """Where claims wait for their answer; None: they are answered at once."""
        self.is_away = False

    def on_receive(self, message: Any) -> Any:
        self.commands.append(message)
        if self.is_away:
            raise StoreUnavailable("away")
        match message:
            case ClaimRuns():
                return self._claim(message)
            case EndRuns():
                ids = frozenset(one.run.id for one in message.ended) & self.held
                self.ended |= {one.run.id: one.end.state for one in message.ended}
                self.held -= ids
                return ids
            case HandBack():
                back = self.held - message.keep
                self.held -= back
                self.due += sorted(back)
                return len(back)
            case NextDueAt():
                return None
            case ListStoppingRuns():
                return [make_run(each, stop_mode=StopMode.COOPERATIVE) for each in self.stopping]

    def _claim(self, message: ClaimRuns) -> Any:
        taken, self.due = self.due[: message.limit], self.due[message.limit :]
        self.held.update(taken)
        if self.answers is None:
            return tuple(map(claimed, taken))
        reply = self.reply_later()
        self.answers.append(lambda: reply.set(tuple(map(claimed, taken))))
        return reply

    def of(self, kind: type) -> list[Any]:
        return [command for command in self.commands if type(command) is kind]


class Stage:
    """An executor whose handler waits until the test lets it go."""

    def __init__(self, clock: VirtualClock, store: Store, executor: Executor) -> None:
        self.clock = clock
        self.store = store
        self.executor = executor
        self.working: set[int] = set()
        self.begun: list[int] = []
        self.most = 0
        self.assigned = 0
        self.gates: dict[int, asyncio.Event] = {}
        self.is_quick = False

    async def work(self, ctx: RunContext) -> None:
        self.begun.append(ctx.run_id)
        self.working.add(ctx.run_id)
        self.most = max(self.most, len(self.working))
        try:
            if not self.is_quick:
                gate = self.gates[ctx.run_id] = asyncio.Event()
                await gate.wait()
        finally:
            self.working.discard(ctx.run_id)

    async def tell(self, fact: Any) -> None:
        self.executor.actor_ref.tell(fact)
        await self.clock.settle()

    async def gain(self, *, due: int = 0) -> None:
        self.store.due = list(range(1, due + 1))
        node = Node(
            name="node",
            epoch=EPOCH,
            host="here",
            pid=1,
            version="1",
            capacity=3,
            started_at=NOW,
            lease_until=NOW,
        )
        await self.tell(LeaseGained(node=node))

    async def assign(self, *numbers: int) -> None:
        life = self.store.of(ClaimRuns)[-1].life
        self.store.held.update(numbers)
        self.assigned += len(numbers)
        runs = tuple(map(claimed, numbers))
        await self.tell(RunsAssigned(claimed=runs, life=life, total=self.assigned))

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self.gates.pop(number).set()
        await self.clock.settle()


@asynccontextmanager
async def opened(clock: VirtualClock, **config: Any) -> AsyncIterator[Stage]:
    registry = HandlerRegistry()
    store_ref = Store.start(clock)
    store = store_ref._actor_weakref()
    assert isinstance(store, Store)
    executor_ref = Executor.start(
        job_store=store_ref,
        make_runners=lambda: standard_runners(registry, capacity=3, environ={}),
        config=BoardConfig(**{"capacity": 3, **config}),
        node=lambda: None,
        rng=Random(1),
        clock=clock,
    )
    executor = executor_ref._actor_weakref()
    assert isinstance(executor, Executor)
    stage = Stage(clock, store, executor)
    registry.register("work", stage.work)
    await clock.settle()
    try:
        yield stage
    finally:
        executor_ref.stop(block=False)
        store_ref.stop(block=False)
        await clock.settle()


@pytest.fixture
async def stage(clock: VirtualClock) -> AsyncIterator[Stage]:
    async with opened(clock) as one:
        yield one


def stopping(number: int) -> Committed:
    return Committed(stopping=(make_run(number, stop_mode=StopMode.COOPERATIVE),))


async def test_it_claims_no_more_than_it_has_places(stage: Stage) -> None:
    await stage.gain(due=5)
    assert stage.working == {1, 2, 3}
    assert stage.store.held == {1, 2, 3}


async def test_an_ended_run_makes_room_for_the_next(stage: Stage) -> None:
    await stage.gain(due=5)
    await stage.end(2)
    assert stage.working == {1, 3, 4}
    assert stage.store.ended == {2: RunState.SUCCEEDED}


async def test_a_claim_that_got_all_there_was_leaves_an_offer(stage: Stage) -> None:
    await stage.gain(due=1)
    last = stage.store.of(ClaimRuns)[-1]
    assert (last.limit, last.standing, last.seen) == (3, True, 0)


async def test_an_assigned_run_begins_without_a_claim(stage: Stage) -> None:
    await stage.gain()
    before = len(stage.store.commands)
    await stage.assign(8)
    assert stage.working == {8}
    assert stage.store.commands[before:] == []


async def test_an_offer_of_a_place_that_was_taken_back_meanwhile_is_withdrawn(stage: Stage) -> None:
    await stage.gain(due=1)
    await stage.assign(2, 3)
    waiting = stage.executor._places.held[1]
    waiting.lend(True)
    stage.store.answers = []
    await stage.tell(Committed(due_at=stage.clock.now()))
    assert stage.store.of(ClaimRuns)[-1].limit == 1
    waiting.lend(False)
    (answer,), stage.store.answers = stage.store.answers, None
    answer()
    await stage.clock.settle()
    assert stage.store.of(HandBack)[-1].keep == {1, 2, 3}
    assert stage.executor._offer.room == 0


async def test_an_offer_that_is_used_up_is_renewed_when_there_are_places(stage: Stage) -> None:
    await stage.gain()
    await stage.assign(1, 2, 3)
    claims = len(stage.store.of(ClaimRuns))
    await stage.end(1, 2)
    last = stage.store.of(ClaimRuns)[-1]
    assert len(stage.store.of(ClaimRuns)) == claims + 1
    assert (last.limit, last.seen) == (2, 3)


async def test_runs_assigned_to_an_earlier_life_are_not_begun(stage: Stage) -> None:
    await stage.gain()
    await stage.tell(RunsAssigned(claimed=(claimed(8),), life=-1))
    assert stage.working == set()
    await stage.tell(Committed(due_at=stage.clock.now()))
    assert stage.store.of(ClaimRuns)[-1].seen == 0


async def test_after_an_unsure_assignment_only_what_is_known_is_kept(stage: Stage) -> None:
    """H08."""
    await stage.gain(due=2)
    stage.store.held.add(99)
    await stage.tell(AssignmentUnsure())
    (back,) = stage.store.of(HandBack)
    assert back.keep == {1, 2}
    assert stage.store.held == {1, 2, 99}, "handed back, and then claimed as any other"
    assert stage.working == {1, 2, 99}


async def test_an_unanswered_claim_is_handed_back_before_the_next(stage: Stage) -> None:
    """H08."""
    stage.store.is_away = True
    await stage.gain(due=2)
    stage.store.is_away = False
    await stage.clock.advance(1)
    kinds = [type(command) for command in stage.store.commands]
    assert kinds[:3] == [ClaimRuns, HandBack, ClaimRuns]
    assert stage.working == {1, 2}


async def test_h08_a_claim_that_takes_effect_late_is_found_within_a_lease(stage: Stage) -> None:
    await stage.gain(due=1)
    stage.store.held.add(99)
    await stage.clock.advance(15)
    await stage.tell(LeaseRenewed(stopping=(), skew_s=0.0, present=AT))
    assert stage.working == {1, 99}


async def test_quick_runs_are_claimed_ahead_but_within_the_limit(stage: Stage) -> None:
    stage.is_quick = True
    await stage.gain(due=5000)
    limits = [claim.limit for claim in stage.store.of(ClaimRuns)]
    assert max(limits) > 100
    assert max(limits) <= CLAIM_LIMIT
    assert len(stage.store.ended) == 5000
    assert len(limits) < 100


async def waiting(stage: Stage) -> list[int]:
    """Runs that wait behind three that do not end, after many quick ones."""
    stage.is_quick = True
    await stage.gain(due=1000)
    stage.is_quick = False
    await stage.assign(*range(2001, 2011))
    assert stage.working == {2001, 2002, 2003}
    return list(range(2004, 2011))


async def test_runs_beyond_the_places_wait_their_turn(stage: Stage) -> None:
    await waiting(stage)
    await stage.end(2002)
    assert stage.working == {2001, 2003, 2004}


async def test_runs_that_wait_for_a_second_are_handed_back(stage: Stage) -> None:
    late = await waiting(stage)
    await stage.clock.advance(0.9)
    assert stage.store.held.issuperset(late)
    await stage.clock.advance(0.2)
    assert stage.store.of(HandBack)[-1].keep == {2001, 2002, 2003}
    assert stage.store.held == {2001, 2002, 2003}
    assert stage.store.due == late


async def test_a_run_that_waits_is_stopped_at_once(stage: Stage) -> None:
    await waiting(stage)
    await stage.tell(stopping(2005))
    assert stage.store.ended[2005] is RunState.STOPPED
    assert stage.working == {2001, 2002, 2003}


async def test_a_stop_that_overtakes_the_answer_of_the_claim_is_not_lost(stage: Stage) -> None:
    stage.store.answers = []
    await stage.gain(due=1)
    await stage.tell(stopping(1))
    (answer,), stage.store.answers = stage.store.answers, None
    answer()
    await stage.clock.settle()
    assert stage.store.ended == {1: RunState.STOPPED}


async def test_a_stop_that_another_node_hints_at_is_looked_up(stage: Stage) -> None:
    await stage.gain(due=3)
    stage.store.stopping = [2]
    await stage.tell(Hinted(topic="stops"))
    assert stage.store.ended == {2: RunState.STOPPED}
    assert stage.store.of(ListStoppingRuns) == [ListStoppingRuns(epoch=EPOCH)]


async def test_a_hinted_stop_that_overtakes_the_answer_of_the_claim_is_not_lost(
    stage: Stage,
) -> None:
    stage.store.answers = []
    await stage.gain(due=1)
    stage.store.stopping = [1]
    await stage.tell(Hinted(topic="stops"))
    (answer,), stage.store.answers = stage.store.answers, None
    answer()
    await stage.clock.settle()
    assert stage.store.ended == {1: RunState.STOPPED}


async def test_a_node_that_holds_nothing_asks_for_no_stops(stage: Stage) -> None:
    await stage.tell(Hinted(topic="stops"))
    await stage.gain()
    await stage.tell(Hinted(topic="stops"))
    assert stage.store.of(ListStoppingRuns) == []


async def test_a_burst_of_hinted_stops_is_two_looks(stage: Stage) -> None:
    """One that is under way, and one for all that came up meanwhile."""
    await stage.gain(due=1)
    for _ in range(50):
        stage.executor.actor_ref.tell(Hinted(topic="stops"))
    await stage.clock.settle()
    assert len(stage.store.of(ListStoppingRuns)) <= 2


async def test_hinted_stops_that_nobody_can_tell_are_left_to_the_renewal(stage: Stage) -> None:
    await stage.gain(due=1)
    stage.store.is_away, stage.store.stopping = True, [1]
    await stage.tell(Hinted(topic="stops"))
    assert stage.working == {1}
    stage.store.is_away = False
    await stage.tell(Hinted(topic="stops"))
    assert stage.store.ended == {1: RunState.STOPPED}


async def test_h09_a_drain_hands_back_at_once_what_has_not_begun(stage: Stage) -> None:
    late = await waiting(stage)
    draining = asyncio.create_task(
        ask(stage.executor.actor_ref, Drain(deadline_s=30), clock=stage.clock)
    )
    await stage.clock.settle()
    assert stage.store.due == late
    assert stage.working == {2001, 2002, 2003}
    await stage.end(2001, 2002, 2003)
    await draining
    assert stage.store.held == set()


async def test_h09_what_is_assigned_to_a_draining_node_is_handed_back(stage: Stage) -> None:
    await stage.gain(due=1)
    draining = asyncio.create_task(
        ask(stage.executor.actor_ref, Drain(deadline_s=30), clock=stage.clock)
    )
    await stage.clock.settle()
    await stage.assign(8)
    assert stage.working == {1}
    assert stage.store.due == [8]
    await stage.end(1)
    await draining


async def test_h09_at_the_deadline_the_rest_is_handed_back(stage: Stage) -> None:
    await stage.gain(due=2)
    draining = asyncio.create_task(
        ask(stage.executor.actor_ref, Drain(deadline_s=5), clock=stage.clock)
    )
    await stage.clock.advance(6)
    await draining
    assert stage.working == set()
    assert stage.store.due == [1, 2]
    assert stage.store.ended == {}


async def test_an_idle_node_drains_at_once_though_its_store_is_away(stage: Stage) -> None:
    await stage.gain()
    stage.store.is_away = True
    draining = asyncio.create_task(
        ask(stage.executor.actor_ref, Drain(deadline_s=30), clock=stage.clock)
    )
    await stage.clock.settle()
    assert draining.done()


async def test_a_lost_lease_gives_up_what_runs_and_what_waits(stage: Stage) -> None:
    await waiting(stage)
    ended = dict(stage.store.ended)
    await stage.tell(LeaseLost(reason="test"))
    await stage.clock.advance(2)
    assert stage.working == set()
    assert stage.store.ended == ended


async def test_a_stop_from_another_node_reaches_the_handler(stage: Stage) -> None:
    await stage.gain(due=1)
    run = make_run(1, stop_mode=StopMode.COOPERATIVE)
    await stage.tell(LeaseRenewed(stopping=(run,), skew_s=0.0, present=AT))
    assert stage.store.ended == {1: RunState.STOPPED}


async def test_an_error_of_ours_is_a_crash_and_not_lost(clock: VirtualClock) -> None:
    async with opened(clock) as stage:
        stage.executor._go_soon = None  # type: ignore[assignment, method-assign]
        await stage.gain(due=1)
        await stage.end(1)
        assert not stage.executor.actor_ref.is_alive()


async def test_no_task_is_left_of_ended_runs(stage: Stage) -> None:
    before = len(asyncio.all_tasks())
    stage.is_quick = True
    await stage.gain(due=300)
    stage.is_quick = False
    await stage.assign(1001, 1002, 1003, 1004)
    await stage.tell(stopping(1001))
    await stage.end(1002, 1003, 1004)
    assert len(stage.store.ended) == 304
    assert len(asyncio.all_tasks()) == before


@pytest.mark.parametrize("seed", range(20))
async def test_the_capacity_holds_whatever_comes(clock: VirtualClock, seed: int) -> None:
    """Claims, assignments, ends, stops and outages in any order: no run is lost or run twice."""
    rng = Random(seed)
    async with opened(clock, claim_ahead_s=rng.choice([0.0, 0.1])) as stage:
        await stage.gain()
        number = 0
        for _ in range(60):
            match rng.randrange(6):
                case 0 | 1:
                    count = rng.randrange(8)
                    stage.store.due += range(number + 1, number + count + 1)
                    number += count
                    await stage.tell(Committed(due_at=clock.now()))
                case 2:
                    if stage.store.of(ClaimRuns) and stage.executor._offer.room > 0:
                        number += 1
                        await stage.assign(number)
                case 3:
                    for one in list(stage.gates)[: rng.randrange(4)]:
                        await stage.end(one)
                case 4:
                    await clock.advance(rng.random())
                case 5:
                    stage.store.is_away = rng.random() < 0.3
            assert stage.most <= 3
            assert stage.executor._places.held.keys() <= stage.store.held | {
                one.run.id for one in stage.executor._reports.ended
            }
        stage.store.is_away = False
        for _ in range(400):
            await stage.end(*list(stage.gates))
            await clock.advance(0.3)
            if len(stage.store.ended) == number:
                break
        assert sorted(stage.store.ended) == list(range(1, number + 1))
        assert sorted(stage.begun) == list(range(1, number + 1))
