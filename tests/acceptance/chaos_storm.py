"""A storm from beginning to end: a fleet at work, what hits it, the calm, and the verdict."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from acceptance.boards import real_board
from acceptance.calm import calmed, drained, stop_parked
from acceptance.chaos_fleet import Fleet, fleet
from acceptance.chaos_plan import Plan
from acceptance.chaos_watch import Watch
from acceptance.chaos_weather import Weather, pin
from acceptance.chaos_work import CANCELLED, all_grids, define_chaos, steady_grids
from acceptance.client import Client
from acceptance.meddler import Meddler, begin_backfills
from acceptance.places import Place
from acceptance.servers import FragileServer
from acceptance.timed_work import DELAYS, FILLED, PERIODS, TURNED
from callboard import Callboard
from callboard.domain.backfill import Backfill
from callboard.store.contract import BackfillFilter
from support.chaos_promises import (
    Witness,
    faults_of_backfills,
    faults_of_firings,
    faults_of_once,
    faults_of_storm,
)
from support.executions import read_executions
from support.history import History, faults_of_runs, faults_of_starts
from support.leftovers import leftovers
from support.slot_promises import BackfilledFact, faults_of_slots, read_backfilled

CRASH_BUDGET: Final = 4
BULK: Final = 0.1
STOPS: Final = 0.05
HANDS: Final = 8
"""Some of them wait for a node that is frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is the same for all plans of a size."""

    triggers: int = 24
    """Of those that nobody edits."""
    pause_s: float = 0.1
    """Between two starts of one of the client's hands."""
    meddling_s: float = 0.2
    """Between two things that the meddler does."""
    has_poison: bool = True
    """Whether one of the runs kills its node, until its crash budget is spent."""
    say: Callable[[str], None] = print


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a storm did, and what is wrong after it."""

    faults: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """The summary."""


class Storm:
    """One plan, carried out on one database."""

    def __init__(
        self, plan: Plan, place: Place, server: FragileServer | None, options: Options
    ) -> None:
        self._plan = plan
        self._place = place
        self._server = server
        self._options = options
        self._began = time.monotonic()

    async def run(self) -> Outcome:
        place, plan = self._place, self._plan
        async with _short_directory() as directory, self._desk() as desk:
            once = await define_chaos(
                desk, place.trace, Random(plan.seed), count=self._options.triggers
            )
            promised = await begin_backfills(desk, FILLED)
            async with fleet(plan, place.dsn, directory, **self._node_options()) as company:
                outcome, client = await self._rage(company, desk)
                backfills = await desk.list_backfills(BackfillFilter(limit=100))
        outcome.faults += await leftovers(place.sql_dsn)
        history, backfilled = await place.history(), await read_backfilled(place.sql_dsn)
        outcome.faults += self._verdict(history, backfilled, backfills, once, promised)
        outcome.faults += faults_of_starts(history, client.asked)
        outcome.faults += faults_of_storm(
            history,
            self._witness(company),
            client.asked,
            cancelled=CANCELLED,
            crash_budget=CRASH_BUDGET,
        )
        outcome.lines += census(history, backfilled)
        return outcome

    async def _rage(self, company: Fleet, desk: Callboard) -> tuple[Outcome, Client]:
        plan, options = self._plan, self._options
        weather = Weather(company, self._server, self._place.sql_dsn)
        client = Client(
            Random(plan.seed + 1),
            company.ready,
            bulk=BULK,
            stops=STOPS,
            hands=HANDS,
            pause_s=options.pause_s,
        )
        meddler = Meddler(desk, Random(plan.seed + 2), [*PERIODS, *DELAYS, TURNED])

        def tally() -> str:
            return (
                f"{weather.done.total()} strikes, {len(client.asked.jobs)} starts asked,"
                f" {len(client.asked.acknowledged)} acknowledged"
            )

        watch = Watch(self._place.sql_dsn, self._say, tally)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as all_the_time:
            seats = range(len(plan.seats))
            keepers = [all_the_time.create_task(company.keep(seat)) for seat in seats]
            onlookers = [
                all_the_time.create_task(watch.look_on()),
                all_the_time.create_task(pin(self._place.sql_dsn)),
            ]
            await company.all_ready()
            self._say("all seats are taken")
            if options.has_poison:
                await client.start_one("murderous")
            async with asyncio.TaskGroup() as group:
                group.create_task(client.work(stop))
                group.create_task(meddler.work(stop, options.meddling_s))
                try:
                    await weather.rage(plan, self._say)
                finally:
                    stop.set()
            self._say("the storm is over")
            await weather.clear()
            await company.all_ready()
            await client.insist()
            parked = await calmed(desk, self._place)
            await drained(desk, self._say)
            parked += await stop_parked(desk)
            self._say(f"drained; {parked} parked runs were stopped")
            company.close()
            await asyncio.gather(*keepers)
            for task in onlookers:
                task.cancel()
        outcome = Outcome(faults=[*watch.faults, *company.odd])
        outcome.lines += [
            f"{time.monotonic() - self._began:.0f} s, {tally()}, {weather.missed} missed",
            f"strikes {dict(weather.done)}; processes ended {dict(company.exits)}",
            f"meddled {dict(meddler.done)}, refused {dict(meddler.refused)}",
            f"starts refused {dict(client.refused)}, {len(client.stopped)} stops",
        ]
        return outcome, client

    @asynccontextmanager
    async def _desk(self) -> AsyncIterator[Callboard]:
        """A board that neither fires nor executes, for who meddles."""
        async with real_board(
            self._place.dsn,
            node_name="desk",
            deadline_s=10.0,
            executes=False,
            fires=False,
            crash_budget=CRASH_BUDGET,
        ) as desk:
            yield desk

    def _node_options(self) -> dict[str, float | str]:
        lease_s = self._plan.lease_s
        return {
            "lease_s": lease_s,
            "firing_lease_s": lease_s,
            "poll_s": max(0.5, lease_s / 4),
            "rescue_every_s": max(0.5, lease_s / 4),
            "deadline_s": lease_s * 1.5,
            "drain_s": 1.5,
            "crash_budget": CRASH_BUDGET,
            "scheduling": self._plan.scheduling.value,
        }

    def _witness(self, company: Fleet) -> Witness:
        return Witness(
            executions=read_executions(self._place.trace),
            names=company.names,
            deaths=company.deaths,
            pauses=company.pauses,
        )

    def _verdict(
        self,
        history: History,
        backfilled: list[BackfilledFact],
        backfills: list[Backfill],
        once: dict[str, datetime],
        promised: int,
    ) -> list[str]:
        counts = Counter(each.run_id for each in read_executions(self._place.trace))
        grids = all_grids(self._options.triggers)
        filled = {trigger.id for trigger in history.triggers if trigger.name in FILLED}
        found = [
            *faults_of_runs(history, executions=counts),
            *faults_of_slots(history, grids, backfilled),
            *faults_of_backfills(history, backfills, backfilled),
            *faults_of_firings(history, steady_grids(self._options.triggers)),
            *faults_of_once(history, once),
        ]
        if (times := sum(each.trigger_id in filled for each in backfilled)) != promised:
            found.append(f"{times} slots were backfilled, not {promised}")
        return found

    def _say(self, text: str) -> None:
        self._options.say(f"{time.monotonic() - self._began:6.1f} s: {text}")


def census(history: History, backfilled: list[BackfilledFact]) -> list[str]:
    slots: Counter[str] = Counter()
    for slot in history.slots:
        slots[slot.reason or slot.decision] += slot.count
    ends = Counter(f"{run.state} {run.error or ''}".strip() for run in history.runs.values())
    crashes = sum(run.crashes for run in history.runs.values())
    return [
        f"{slots.total()} slots {dict(slots)}, {len(backfilled)} backfilled",
        f"{len(history.runs)} runs {dict(ends)}, {crashes} crashes, {len(history.events)} events",
    ]


@asynccontextmanager
async def _short_directory() -> AsyncIterator[Path]:
    """For sockets, whose paths may not be long."""
    directory = Path(tempfile.mkdtemp(prefix="callboard-chaos-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
