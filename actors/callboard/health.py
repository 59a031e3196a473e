"""Health: how a board is, at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a board is, at a glance."""

    is_ready: bool
    reasons: tuple[str, ...]
    """Why it is not; empty when it is."""
    warnings: tuple[str, ...]
    """What an operator should look at, though the node does its work."""
    node: str
    epoch: int | None
    is_store_up: bool
    clock_skew_s: float | None
    """Seconds by which the node's clock is ahead of the store's, at least; negative: behind."""
    clock_jumps: Mapping[str, int]
    """Steps of clocks that were noticed, by whose clock it was: `node` or `store`."""
    loop_blocks: Mapping[str, tuple[int, float]]
    """How often the event loop was blocked, and for how many seconds together, by the job whose
    handler did it; by the empty string where it was none."""
    shards: int
    """Shards of triggers of which this node decides the slots; 0: it stands by."""
    shards_taken_over: int
    """How many it took over from nodes whose lease had ended."""
    slots: Mapping[str, int]
    """Slots that this node decided since it was made, by `fired` or the reason of the skip."""
    mailboxes: Mapping[str, int]
    """Messages that wait, by actor."""
    stuck: int = 0
    """Handlers that go on although their runs have ended; each keeps a place of the node busy."""

    @property
    def role(self) -> str:
        """`active`: the node decides slots; `passive`: it does everything else."""
        return "active" if self.shards else "passive"
