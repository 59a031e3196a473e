"""Standing: what a board knows of its store and of its place among the nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from callboard.domain.node import Node
from callboard.domain.timeline import Timeline
from callboard.events import (
    ClockJumped,
    Committed,
    Fact,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    LoopBlocked,
    RegistrationRefused,
    ShardsChanged,
    StoreChanged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A value: every fact that concerns it makes the next one."""

    is_store_up: bool = False
    store_reason: str = "the database has not been reached yet"
    node: Node | None = None
    """Registered, with a lease; None: not."""
    node_reason: str = "this node has not been registered yet"
    skew_s: float | None = None
    """Seconds by which the node's clock is ahead of the store's, at least; negative: behind."""
    present: Timeline | None = None
    """Where the store's clock stands."""
    clock_jumps: Mapping[str, int] = field(default_factory=dict)
    """Steps of clocks that this node noticed, by whose clock it was."""
    loop_blocks: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """How often the event loop was blocked, and for how many seconds together, by job."""
    shards: frozenset[int] = frozenset()
    """Of which this node decides the slots."""
    firing_epoch: int | None = None
    """Under which it does."""
    taken_over: int = 0
    """Shards that it took over from nodes whose lease had ended."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Slots that this node decided, by `fired` or the reason of the skip."""

    def after(self, fact: Fact) -> Standing:
        """What is known once `fact` is."""
        match fact:
            case StoreChanged():
                return replace(self, is_store_up=fact.is_up, store_reason=fact.reason)
            case LeaseGained():
                known = replace(self, node=fact.node, node_reason="")
                return replace(known, skew_s=fact.skew_s, present=fact.present)
            case LeaseRenewed():
                return replace(self, skew_s=fact.skew_s, present=fact.present)
            case ClockJumped():
                jumps = Counter(self.clock_jumps) + Counter({fact.source.value: 1})
                return replace(self, clock_jumps=jumps)
            case ShardsChanged():
                return replace(
                    self,
                    shards=fact.own,
                    firing_epoch=fact.epoch,
                    taken_over=self.taken_over + fact.taken_over,
                )
            case LoopBlocked(job=job, blocked_s=blocked_s):
                count, total_s = self.loop_blocks.get(job or "", (0, 0.0))
                blocks = {**self.loop_blocks, job or "": (count + 1, total_s + blocked_s)}
                return replace(self, loop_blocks=blocks)
            case Committed(slots=slots) if slots:
                return replace(self, slots=Counter(self.slots) + Counter(slots))
            case RegistrationRefused(reason=reason):
                return replace(self, node_reason=f"this node is not registered: {reason}")
            case LeaseLost():
                return replace(self, node=None, node_reason=fact.reason)
        return self
