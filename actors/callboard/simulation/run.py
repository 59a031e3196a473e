"""A simulation: the real actors on the memory store under a virtual clock, for months in seconds.

Triggers whose slots may depend on earlier runs are simulated run by run. For all others the same
scheduler and job store decide days of slots at a time, and runs are reckoned from their starts and
durations; both ways give the same findings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded: it gives the same each time
from typing import Final

from callboard.board import Callboard
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.run import Run
from callboard.domain.schedule import count_slots
from callboard.domain.spread import starts_at
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger
from callboard.errors import InvalidInput
from callboard.operations import Operations
from callboard.runners.handlers import HandlerRegistry
from callboard.simulation.decisions import decisions_of, left_undecided
from callboard.simulation.executing import (
    EXECUTING,
    HANDLER,
    NotingStore,
    handler_of,
    pretended,
)
from callboard.simulation.findings import Findings
from callboard.simulation.load import Load
from callboard.simulation.report import findings_of
from callboard.simulation.scenario import Name, Scenario, trigger_name
from callboard.simulation.striding import (
    CountingStore,
    FiredSlots,
    StridingBoard,
    StridingClock,
    striding_config,
    striding_trigger,
)
from callboard.simulation.way import reasons_for_runs
from callboard.virtual_clock import VirtualClock

SLOTS_PER_STRIDE: Final = 300_000
LONGEST_STRIDE_S: Final = 30 * 86_400
HOUR_S: Final = 3600
SAMPLE: Final = timedelta(days=28)
DAY: Final = timedelta(days=1)

Progress = Callable[[float], None]
"""Told from time to time which share of the work is done, from 0 to 1."""


async def simulate(
    scenario: Scenario, *, execute_all: bool = False, on_progress: Progress = lambda _: None
) -> Findings:
    """What the board does with the scenario; the same for the same scenario.

    Args:
        execute_all: execute every run, which takes about half a millisecond each.
    """
    reasons = reasons_for_runs(scenario)
    if execute_all:
        reasons |= {
            trigger_name(each): "as asked"
            for each in scenario.active
            if trigger_name(each) not in reasons
        }
    simulation = _Simulation(scenario, reasons, on_progress)
    await simulation.execute()
    await simulation.stride()
    return findings_of(scenario, simulation.decisions, simulation.load, reasons)


class _Simulation:
    """One simulation, as far as it has come."""

    def __init__(
        self, scenario: Scenario, reasons: Mapping[Name, str], on_progress: Progress
    ) -> None:
        self.scenario = scenario
        self.load = Load(scenario)
        self.decisions = {
            trigger_name(each): decisions_of(each, scenario.since, scenario.until)
            for each in scenario.active
        }
        self._jobs = scenario.known_jobs
        self._executed = [each for each in scenario.active if trigger_name(each) in reasons]
        self._counted = [each for each in scenario.active if trigger_name(each) not in reasons]
        self._on_progress = on_progress
        self._runs: Iterator[Run] = iter(())
        self._next_run: Run | None = None

    async def execute(self) -> None:
        """Simulate run by run what needs it, and keep the runs for the strides."""
        if not self._executed:
            return
        scenario = self.scenario
        clock = VirtualClock(scenario.since - MICROSECOND)
        store, handlers = NotingStore(clock), HandlerRegistry()
        board = Callboard(
            store=store, handlers=handlers, config=EXECUTING, clock=clock, rng=Random(scenario.seed)
        )
        for number, (_, job) in enumerate(self._jobs):
            take_time = handler_of(clock, scenario.duration_s(job))
            handlers.register(HANDLER.format(number=number), take_time)
        async with _set_up(board, clock, scenario):
            ids = await _create(board, self._executed)
            at = scenario.since
            while at < scenario.until:
                at = min(at + DAY, scenario.until)
                await clock.advance_to(at - MICROSECOND)
                self._on_progress(self._share(at, executed=True))
            await self._settle(board, self._executed, ids)
        for entry in sorted(store.notes.entries.values(), key=lambda entry: entry.slot):
            self._decide(ids[entry.trigger_id], entry)
        self._runs = iter(sorted(store.notes.runs.values(), key=_began))
        self._next_run = next(self._runs, None)

    async def stride(self) -> None:
        """Simulate by strides what does not, and measure the load of everything."""
        scenario = self.scenario
        stride_s = _stride_s(self._counted, scenario.since, scenario.until)
        start, end = scenario.since - MICROSECOND, scenario.until - MICROSECOND
        clock = StridingClock(start, stride_s=stride_s, end=end)
        ids: dict[int, Trigger] = {}
        store = CountingStore(clock, lambda entry: self._count(ids[entry.trigger_id], entry))
        board = StridingBoard(
            store=store, config=striding_config(stride_s), clock=clock, rng=Random(scenario.seed)
        )
        async with _set_up(board, clock, scenario):
            triggers = [self._striding(each, stride_s) for each in self._counted]
            ids |= await _create(board, triggers)
            at = scenario.since
            while at < scenario.until:
                at = min(at + timedelta(seconds=stride_s), scenario.until)
                await clock.stride()
                self._begin_executed(at)
                self.load.close(at)
                self._on_progress(self._share(at, executed=False))
            await self._settle(board, self._counted, ids)

    async def _settle(
        self, board: Operations, triggers: Iterable[Trigger], ids: Mapping[int, Trigger]
    ) -> None:
        """Count what the board knows already, but would write with a trigger's next firing only."""
        known = {trigger_name(trigger) for trigger in ids.values()}
        for trigger in triggers:
            stored = replace(trigger, anchor_at=trigger.start_at)
            if trigger_name(trigger) in known:
                stored = await board.get_trigger(trigger.group, trigger.name)
            for entry in left_undecided(stored, self.scenario.until - MICROSECOND):
                self._decide(trigger, entry)

    def _striding(self, trigger: Trigger, stride_s: int) -> Trigger:
        jobs = [self._jobs[trigger.group, action.job] for action in trigger.actions]
        disabled = all(job.disabled for job in jobs)
        return striding_trigger(trigger, stride_s, is_disabled=disabled)

    def _count(self, trigger: Trigger, entry: LedgerEntry) -> None:
        self._decide(trigger, entry)
        if entry.decision is not Decision.FIRED:
            return
        slots = entry.slots if isinstance(entry, FiredSlots) else (entry.slot,)
        if trigger.jitter_s or trigger.flexible_window_s:
            slots = tuple(starts_at(trigger, slot, slot) for slot in slots)
        starts = list(map(datetime.timestamp, slots))
        number = self.load.numbers[trigger_name(trigger)]
        for action in trigger.actions:
            job = trigger.group, action.job
            if not self._jobs[job].disabled:
                self.load.begin(number, job, starts, self.scenario.duration_s(action.job))

    def _decide(self, trigger: Trigger, entry: LedgerEntry) -> None:
        decisions = self.decisions[trigger_name(trigger)]
        if entry.decision is Decision.FIRED:
            decisions.fire(entry.slots if isinstance(entry, FiredSlots) else (entry.slot,))
        elif entry.reason is not None:
            decisions.skipped[entry.reason.value] += entry.count

    def _begin_executed(self, until: datetime) -> None:
        """Give the load the executed runs that began before `until`."""
        while (run := self._next_run) is not None and _began(run) < until:
            number = self.load.numbers[run.group, run.trigger or ""]
            end = None if run.ended_at is None else run.ended_at.timestamp()
            self.load.ran(number, (run.group, run.job), _began(run).timestamp(), end)
            self._next_run = next(self._runs, None)

    def _share(self, at: datetime, *, executed: bool) -> float:
        """Of the whole work, when one of its two passes has come to `at`."""
        scenario = self.scenario
        part = min(1.0, (at - scenario.since) / (scenario.until - scenario.since))
        if not self._executed:
            return part
        return 0.9 * part if executed else 0.9 + 0.1 * part


@asynccontextmanager
async def _set_up(board: Callboard, clock: VirtualClock, scenario: Scenario) -> AsyncIterator[None]:
    """The board, open, with the scenario's jobs and calendars; no time has passed."""
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        for number, job in enumerate(scenario.known_jobs.values()):
            await board.create_job(pretended(job, number))
        for calendar in scenario.calendars:
            await board.create_calendar(calendar)
        yield
    finally:
        await board.close()


async def _create(board: Operations, triggers: Iterable[Trigger]) -> dict[int, Trigger]:
    """The triggers by the ids that the board gave them."""
    stored = [(await _stored(board, trigger), trigger) for trigger in triggers]
    return {each.id: trigger for each, trigger in stored if each is not None}


async def _stored(board: Operations, trigger: Trigger) -> Trigger | None:
    """The trigger with its id; None: calendars leave it no slot, and the board takes none such."""
    try:
        return await board.create_trigger(trigger)
    except InvalidInput as error:
        if {problem.field for problem in error.problems} == {"calendars"}:
            return None
        raise InvalidInput(
            *(
                replace(problem, field=f"triggers.{trigger.name}.{problem.field}")
                for problem in error.problems
            )
        ) from None


def _stride_s(triggers: Sequence[Trigger], since: datetime, until: datetime) -> int:
    """Whole hours in which about SLOTS_PER_STRIDE slots fall."""
    end = min(until, since + SAMPLE)
    count = sum(
        count_slots(each.schedule, after=since, until=end, anchor=since)[0]
        for each in triggers
        if each.schedule.kind != "delay"
    )
    if not count:
        return LONGEST_STRIDE_S
    stride_s = (end - since).total_seconds() * SLOTS_PER_STRIDE / count
    return max(HOUR_S, min(LONGEST_STRIDE_S, int(stride_s) // HOUR_S * HOUR_S))


def _began(run: Run) -> datetime:
    return run.started_at or datetime.min.replace(tzinfo=UTC)
