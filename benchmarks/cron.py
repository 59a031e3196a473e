"""How many next slots a second: Callboard beside croniter and cronsim, in one run, in one zone.

    python -m benchmarks.cron

Each library walks from slot to slot on the clocks of the zone; the figure is the best of several
rounds, in CPU time, so that a busy machine harms none of them. The libraries take turns.
`next_slot` is what the scheduler calls; `slots_between` is what a preview and a backfill use. The
peers are asked the way their documentation shows: one object, one next after the other.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from callboard.domain.schedule import Cron, cron, next_slot, slots_between

EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 9 * * mon-fri",
    "15 10 1,15 * *",
    "0 0 1 * *",
    "0 0 29 2 *",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
LAST = datetime(2150, 1, 1, tzinfo=UTC)
END = datetime(2200, 12, 31, tzinfo=UTC)

Walk = Callable[[str, str], Iterator[datetime]]
"""(expression, zone) -> its slots from START on"""


def ours_one_by_one(expression: str, zone: str) -> Iterator[datetime]:
    schedule = cron(expression, zone=zone)
    slot = _next(schedule, START)
    while slot is not None:
        yield slot
        slot = _next(schedule, slot)


def _next(schedule: Cron, after: datetime) -> datetime | None:
    return next_slot(schedule, after=after, anchor=START)


def ours_in_bulk(expression: str, zone: str) -> Iterator[datetime]:
    return slots_between(cron(expression, zone=zone), after=START, until=END, anchor=START)


def with_croniter(expression: str, zone: str) -> Iterator[datetime]:
    slots: Iterator[datetime] = croniter(expression, START.astimezone(ZoneInfo(zone))).all_next(
        datetime
    )
    return slots


def with_cronsim(expression: str, zone: str) -> Iterator[datetime]:
    return CronSim(expression, START.astimezone(ZoneInfo(zone)))


WALKS: dict[str, tuple[Walk, float]] = {
    "next_slot": (ours_one_by_one, 1.0),
    "slots_between": (ours_in_bulk, 1.0),
    "croniter": (with_croniter, 0.1),
    "cronsim": (with_cronsim, 0.1),
}
"""How each walks, and the part of the steps that it is given, as some are slow."""


def rate(walk: Walk, expression: str, zone: str, steps: int) -> float:
    """Slots a second of CPU time; begins anew where there are no more slots before LAST."""
    at_once = min(steps, sum(1 for _ in islice(until_last(expression, zone), steps)))
    taken, done = 0.0, 0
    while done < steps:
        slots = walk(expression, zone)
        next(slots)
        begun = time.process_time()
        done += sum(1 for _ in islice(slots, at_once - 1))
        taken += time.process_time() - begun
    return done / taken


def until_last(expression: str, zone: str) -> Iterator[datetime]:
    return slots_between(cron(expression, zone=zone), after=START, until=LAST, anchor=START)


def measure(zone: str, steps: int, rounds: int) -> dict[str, dict[str, float]]:
    """The best rate of each library, by expression."""
    best: dict[str, dict[str, float]] = {}
    for expression in EXPRESSIONS:
        row = best[expression] = dict.fromkeys(WALKS, 0.0)
        for _ in range(rounds):
            for name, (walk, part) in WALKS.items():
                found = rate(walk, expression, zone, int(steps * part))
                row[name] = max(row[name], found)
    return best


def table(best: dict[str, dict[str, float]]) -> str:
    """One line an expression: slots a second, and `next_slot` against the peers."""
    peers = ("croniter", "cronsim")
    heading = [*WALKS, *(f"/ {peer}" for peer in peers)]
    lines = [f"{'slots a second':18}" + "".join(f"{name:>15}" for name in heading)]
    for expression, row in best.items():
        cells = [f"{value:,.0f}" for value in row.values()]
        cells += [f"{row['next_slot'] / row[peer]:.1f}x" for peer in peers]
        lines.append(f"{expression:18}" + "".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cron", description=__doc__)
    parser.add_argument("--zone", default="Europe/Berlin")
    parser.add_argument("--steps", type=int, default=20_000, help="next slots a round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("croniter", "cronsim"))
    print(f"{given.zone}; Python {platform.python_version()}, {libraries}\n")
    print(table(measure(given.zone, given.steps, given.rounds)))


if __name__ == "__main__":
    main()
