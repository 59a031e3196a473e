"""What a storm is to do, drawn from a seed: who takes part, and what hits whom when.

The same seed, size and length give the same plan; what comes of it is another matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Final

from acceptance.proxy import Line
from callboard.config import Scheduling

DAMAGES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "kill": 8,
        "freeze": 3,
        "stun": 3,
        "end": 2,
        "line": 6,
        "sever": 2,
        "server": 3,
    }
)
"""How often each is drawn. kill: SIGKILL; freeze, stun: SIGSTOP for longer, or shorter, than the
lease; end: SIGTERM; line: something happens to its line to the database; sever: the server ends
all connections; server: it goes away, and comes back."""
LINES: Final = (
    *(Line.CUT, Line.FROZEN, Line.DROPPED, Line.DROPPED_UP, Line.DROPPED_DOWN, Line.SLOW),
)
SHUTDOWNS: Final = ("SIGINT", "SIGQUIT", "SIGKILL")
"""Of the server: in order, at once, and dead: the last two mean a recovery from its log."""
ALL: Final = -1
"""The seat of what hits the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A place in the company: whoever is killed is followed by another one."""

    fires: bool
    executes: bool
    has_line: bool
    """Whether its way to the database can be tampered with."""
    is_deaf: bool
    """Whether it neither gives nor hears hints."""
    skew_s: float
    """By how much its clock is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Something that happens to one seat, or to the server."""

    at_s: float
    """Since the storm began."""
    damage: str
    seat: int
    how: str = ""
    """Which line, or which shutdown."""
    length_s: float = 0.0

    def __str__(self) -> str:
        whom = "server" if self.seat == ALL else f"seat {self.seat}"
        how = f" {self.how}" if self.how else ""
        return f"{self.at_s:6.1f} s  {self.damage}{how} {whom} {self.length_s:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One storm."""

    seed: int
    scheduling: Scheduling
    lease_s: float
    seconds: float
    seats: tuple[Seat, ...]
    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.seconds:g} s, {self.scheduling} scheduling"]
        lines += [f"seat {number}: {seat}" for number, seat in enumerate(self.seats)]
        return "\n".join([*lines, *map(str, self.strikes)])


def make_plan(
    seed: int,
    *,
    schedulers: int,
    executors: int,
    seconds: float,
    lease_s: float,
    every_s: float,
    has_server: bool = True,
) -> Plan:
    """A strike every `every_s` seconds, on the average.

    Args:
        has_server: whether the server may be hurt as well.
    """
    random = Random(seed)
    seats = tuple(
        _seat(random, number, fires=number < schedulers) for number in range(schedulers + executors)
    )
    strikes = tuple(_strikes(random, seats, seconds, lease_s, every_s, has_server))
    return Plan(
        seed=seed,
        scheduling=random.choice([*Scheduling]),
        lease_s=lease_s,
        seconds=seconds,
        seats=seats,
        strikes=strikes,
    )


def _seat(random: Random, number: int, *, fires: bool) -> Seat:
    return Seat(
        fires=fires,
        # Somebody has to, and of the schedulers only every other one does.
        executes=not fires or number % 2 == 0,
        has_line=random.random() < 0.5,
        is_deaf=random.random() < 0.3,
        skew_s=random.choice((0.0, 0.0, -90.0, -2.5, 1.5, 3600.0)),
    )


def _strikes(
    random: Random,
    seats: tuple[Seat, ...],
    seconds: float,
    lease_s: float,
    every_s: float,
    has_server: bool,
) -> Iterator[Strike]:
    lined = [number for number, seat in enumerate(seats) if seat.has_line]
    possible = {
        damage: weight
        for damage, weight in DAMAGES.items()
        if (damage != "server" or has_server) and (damage != "line" or lined)
    }
    at_s = random.uniform(0, every_s)
    while at_s < seconds:
        (damage,) = random.choices([*possible], [*possible.values()])
        seat, how = random.randrange(len(seats)), ""
        if damage == "line":
            seat, how = random.choice(lined), random.choice(LINES).value
        elif damage in ("server", "sever"):
            seat = ALL
            how = random.choice(SHUTDOWNS) if damage == "server" else ""
        length_s = _length_s(random, damage, lease_s)
        yield Strike(at_s=at_s, damage=damage, seat=seat, how=how, length_s=length_s)
        at_s += random.uniform(0.1, 1.9) * every_s


def _length_s(random: Random, damage: str, lease_s: float) -> float:
    """How long it lasts; of deaths: until somebody follows."""
    match damage:
        case "freeze":
            return random.uniform(1.1, 2.5) * lease_s
        case "stun":
            return random.uniform(0.2, 0.9) * lease_s
        case "line":
            return random.uniform(0.2, 2.0) * lease_s
        case _:
            return random.uniform(0.0, 2.0)
