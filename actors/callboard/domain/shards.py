"""Shards: how the firing nodes of a database divide the triggers among themselves.

Each node looks at who has what, and moves towards its own share; nobody tells others what to do.
Whatever the order in which they look, all come to the same division within two looks each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHARDS: Final = 64
"""As many as there are rows in the store; a trigger stays in its shard for ever."""


class Scheduling(StrEnum):
    """How the nodes of a database share the scheduler's role."""

    SHARED = "shared"
    """Active/active: each firing node decides the slots of its share of the triggers."""
    LEADER = "leader"
    """Active/passive: one node decides all slots; another takes over when its lease ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Who has which shards, at one moment."""

    live: Mapping[int, Scheduling]
    """The firing nodes whose lease runs, by epoch: how each was told to share the role."""
    owners: Mapping[int, int]
    """Epochs by shard; shards of nodes that are not live may be there or left out."""

    @property
    def scheduling(self) -> Scheduling:
        """What holds for all: what the oldest node was told. Nodes that are told different things
        (a change on its way through a cluster) still leave no shard to nobody."""
        return self.live[min(self.live)] if self.live else Scheduling.SHARED

    @property
    def free(self) -> list[int]:
        """Shards that no live node has, ascending."""
        return [shard for shard in range(SHARDS) if self.owners.get(shard) not in self.live]

    def of(self, epoch: int) -> list[int]:
        """The shards that the node has, ascending."""
        return [shard for shard in range(SHARDS) if self.owners.get(shard) == epoch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What a node is to do; at most one of the two is not empty."""

    take: frozenset[int] = frozenset()
    release: frozenset[int] = frozenset()


def shard_of(trigger_id: int) -> int:
    """The shard to which a trigger belongs."""
    return trigger_id % SHARDS


def moves_of(epoch: int, division: Division) -> Moves:
    """What the node does to come to its share: it takes free shards, or releases some of its own.

    A node that is not live takes none, and has none.
    """
    own = division.of(epoch)
    if epoch not in division.live:
        return Moves(release=frozenset(own))
    targets = _targets(division)
    surplus = len(own) - targets[epoch]
    if surplus > 0:
        return Moves(release=frozenset(own[-surplus:]))
    return Moves(take=frozenset(_portion(epoch, division, targets)))


def _targets(division: Division) -> dict[int, int]:
    """How many shards each live node is to have, by epoch; SHARDS in all.

    Who has most keeps most: so that as few shards as possible change hands.
    """
    counts = Counter(division.owners.values())
    ranked = sorted(division.live, key=lambda epoch: (-counts[epoch], epoch))
    if division.scheduling is Scheduling.LEADER:
        return {epoch: 0 if rank else SHARDS for rank, epoch in enumerate(ranked)}
    share, rest = divmod(SHARDS, len(ranked))
    return {epoch: share + (rank < rest) for rank, epoch in enumerate(ranked)}


def _portion(epoch: int, division: Division, targets: Mapping[int, int]) -> list[int]:
    """The free shards that the node takes, which are not those that others take meanwhile."""
    free = division.free
    counts = Counter(division.owners.values())
    for other in sorted(targets):
        wanted = max(0, targets[other] - counts[other])
        if other == epoch:
            return free[:wanted]
        free = free[wanted:]
    return []
