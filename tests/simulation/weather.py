"""How bad things are in one simulation: drawn from its seed, each kind of trouble or none of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

LEASE_S: Final = 4.0
DEADLINE_S: Final = 2.5
"""What a node waits for an answer of the store."""
RARE: Final = (0.0, 0.0, 0.002, 0.02)
SLOW: Final = (0.0, 0.001, 0.02, 0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Probabilities are of one request; times are in seconds."""

    refused: float = 0.0
    """The request never reaches the store, and the node is told so."""
    lost_commit: float = 0.0
    """The store loses the connection before the commit."""
    unanswered: float = 0.0
    """Committed, but the node hears that the store is unavailable (H08)."""
    late: float = 0.0
    """A cycle reaches the store long after the node has given it up."""
    hint_lost: float = 0.0
    slow_s: float = 0.0
    """Of a message, on the average, each way."""
    stall: float = 0.0
    """The message takes up to twice the deadline."""
    skew_s: float = 0.0
    """Of the nodes' wall clocks, either way."""
    strike_every_s: float = 3.0
    """Between strikes at nodes, on the average."""
    strikes: tuple[str, ...] = ()
    """Kinds of them."""


STRIKES: Final = ("kill", "freeze", "cut", "close", "step", "crash")


def weather_of(rng: Random) -> Weather:
    """The weather of a seed: a swarm of mild and of wild ones."""
    kinds = tuple(kind for kind in STRIKES if rng.random() < 0.6)
    return Weather(
        refused=rng.choice(RARE),
        lost_commit=rng.choice(RARE),
        unanswered=rng.choice(RARE),
        late=rng.choice(RARE),
        hint_lost=rng.choice((0.0, 0.1, 1.0)),
        slow_s=rng.choice(SLOW),
        stall=rng.choice(RARE),
        skew_s=rng.choice((0.0, 0.5, 3600.0)),
        strike_every_s=rng.choice((1.0, 2.5, 6.0)),
        strikes=kinds,
    )
