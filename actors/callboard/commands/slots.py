"""The passing of slots."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.misfire import SlotPlan
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class FireSlots(Command[tuple[bool, ...]]):
    """Store plans, each all together (ledger rows, runs, the trigger's next slot) or not at all.

    Answers for each plan whether it was stored; not, when somebody else decided those slots or
    changed the trigger, or when the trigger's shard is not, or not provably, the node's.
    """

    epoch: int
    """Of the node that decides."""
    plans: tuple[SlotPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHeld(Command[int]):
    """See to triggers that wait for the end of runs although none is live. How many there were.

    A safety net: the transaction that ends the last run does this.
    """

    limit: int = 1000
