"""Orders to settle: a CSV file of any length, the same for the same length, and what it adds up to.

    python examples/batch/orders.py orders.csv 1000000

About one order in a thousand is wrong: it has no amount, a negative one, or an unknown region.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

REGIONS: Final = ("africa", "asia", "europe", "north", "oceania", "south")
HEADER: Final = "id,region,placed_on,cents\n"
FIRST_DAY: Final = date(2026, 1, 1)
DAYS: Final = 28
BAD: Final = ("", "-5", "atlantis")


class BadOrder(Exception):
    """An order that cannot be settled."""


class Order(NamedTuple):
    id: int
    region: str
    placed_on: date
    cents: int


def write_orders(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        file.writelines(map(_line, range(1, count + 1)))


def _line(number: int) -> str:
    mixed = number * 2_654_435_761 % 2**32
    region, cents = REGIONS[mixed % len(REGIONS)], str(mixed // 7 % 100_000 + 1)
    if mixed % 1009 == 0:
        bad = BAD[mixed // 1009 % len(BAD)]
        region, cents = (bad, cents) if bad == "atlantis" else (region, bad)
    day = FIRST_DAY + timedelta(days=mixed // 11 % DAYS)
    return f"{number},{region},{day},{cents}\n"


def checked(row: dict[str, str]) -> Order:
    """The order of a row of the file.

    Raises:
        BadOrder
    """
    region, cents = row["region"], row["cents"]
    if region not in REGIONS:
        raise BadOrder(f"there is no region {region!r}")
    if not cents.isdecimal():
        raise BadOrder(f"{cents!r} is not an amount in cents")
    return Order(int(row["id"]), region, date.fromisoformat(row["placed_on"]), int(cents))


class Expected(NamedTuple):
    """What a settlement has to come to."""

    orders: int
    skipped: int
    by_day: dict[tuple[str, date], tuple[int, int]]
    """Orders and cents by region and day."""


def added_up(path: Path) -> Expected:
    """The same by plain code: no database, no chunks, nothing that could be interrupted."""
    orders = skipped = 0
    by_day: defaultdict[tuple[str, date], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in _rows(path):
        try:
            order = checked(row)
        except BadOrder:
            skipped += 1
            continue
        orders += 1
        count, cents = by_day[order.region, order.placed_on]
        by_day[order.region, order.placed_on] = count + 1, cents + order.cents
    return Expected(orders, skipped, dict(by_day))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    names = HEADER.strip().split(",")
    with path.open(encoding="utf-8") as file:
        next(file)
        for line in file:
            yield dict(zip(names, line.rstrip("\n").split(","), strict=True))


if __name__ == "__main__":
    write_orders(Path(sys.argv[1]), int(sys.argv[2]))
