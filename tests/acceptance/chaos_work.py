"""What a fleet works on: jobs and triggers of every kind, more of them than there are shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from acceptance.timed_work import EPOCH, PERIODS, define_timed
from callboard import Action, Callboard, Trigger, at, calendar_interval, cron, every
from callboard.domain.schedule import Schedule

MINUTE: Final = timedelta(minutes=1)
CANCELLED: Final = frozenset({"quick", "slow", "flaky", "failing", "late", "limited", "fragile"})
"""Jobs whose handlers end when they are told to; others keep a thread busy, or a process."""
STEADY: Final = ("quick", "quick", "quick", "flaky", "threaded", "limited", "command")
"""Jobs of the triggers that nobody edits."""
ONCE_S: Final = (2, 5, 8)
"""Seconds after the beginning at which there is a slot and no other."""


def steady_grids(count: int) -> dict[str, timedelta]:
    """By name: the step of triggers that are only fired."""
    grids = {
        f"steady-{number}": timedelta(seconds=(2, 3, 5)[number % 3]) for number in range(count)
    }
    return {**grids, "minutely": MINUTE, "zoned": MINUTE}


def _schedule(name: str, period: timedelta) -> Schedule:
    match name:
        case "minutely":
            return cron("* * * * *")
        case "zoned":
            return cron("* * * * *", zone="America/New_York")
    return every(period, anchor_at=EPOCH)


def _once(now: datetime) -> dict[str, tuple[Schedule, datetime]]:
    """Triggers with a single slot, and where it is."""
    found: dict[str, tuple[Schedule, datetime]] = {}
    for seconds in ONCE_S:
        instant = now + timedelta(seconds=seconds)
        found[f"once-{seconds}"] = (at(instant), instant)
    evening = (now + MINUTE).replace(second=0, microsecond=0)
    daily = calendar_interval(evening.strftime("%H:%M"), days=1, anchor_on=evening.date())
    found["daily"] = (daily, evening)
    return found


async def define_chaos(
    board: Callboard, trace: Path, random: Random, *, count: int
) -> dict[str, datetime]:
    """Store all of it; by name: the slot of triggers with one."""
    await define_timed(board, trace, random)
    for name, period in steady_grids(count).items():
        await board.create_trigger(_steady(name, _schedule(name, period), random))
    once = _once(board.present())
    for name, (schedule, _) in once.items():
        await board.create_trigger(_steady(name, schedule, random))
    await _have_poison(board)
    return {name: instant for name, (_, instant) in once.items()}


def _steady(name: str, schedule: Schedule, random: Random) -> Trigger:
    return Trigger(name=name, schedule=schedule, actions=(Action(job=random.choice(STEADY)),))


async def _have_poison(board: Callboard) -> None:
    """A job that kills its node is not to be tried again by itself."""
    poison = await board.get_job("default", "murderous")
    await board.replace_job(replace(poison, max_concurrent_runs=1))


def all_grids(count: int) -> Mapping[str, timedelta]:
    return {**PERIODS, **steady_grids(count)}
