"""What nodes do: live, notice clocks, look after the dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from callboard.domain.json import JsonObject
from callboard.events import ClockSource
from callboard.runtime import Command
from callboard.store.contract import Node, Renewal


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNode(Command[Node]):
    """Begin a node's life; its epoch is in the answer. Refused: Conflict node_name_in_use."""

    node: Node
    lease: timedelta
    is_start: bool = True
    """False: this process was registered before; its return is no start of the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease(Command[Renewal | None]):
    """Prolong the node's lease. None: it was taken away; the epoch is over."""

    epoch: int
    lease: timedelta
    vitals: JsonObject | None = None
    """What the node does, for those who will find it dead; None: nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterNode(Command[None]):
    """End a node's life; what it still holds is lost and will be rescued."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClockJump(Command[None]):
    """Tell everybody that a clock stepped (`clock.jumped`)."""

    node: str
    """Who noticed."""
    source: ClockSource
    by_s: float
    """Seconds, negative: set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueRuns(Command[int]):
    """Decide the runs of nodes whose lease is over by their crash policies. How many."""

    own_epoch: int | None
    """It is left alone: a node does not rescue from itself."""
    crash_budget: int
    """A run is parked when more nodes than this have died under it."""
    limit: int = 1000
