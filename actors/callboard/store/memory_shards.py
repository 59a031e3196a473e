"""The memory store's tables of the scheduler's shards, and what a transaction does with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from callboard.domain.node import Node
from callboard.domain.shards import Division, Scheduling
from callboard.store.memory_journal import Journal, Table


class FiringLease(NamedTuple):
    """A node's lease of its shards."""

    until: datetime
    scheduling: Scheduling


class ShardTables:
    """Leases by epoch, and epochs by shard."""

    def __init__(self, journal: Journal) -> None:
        self.leases = Table[int, FiringLease](journal)
        self.owners = Table[int, int](journal)

    def of(self, epoch: int) -> set[int]:
        """The shards that the node has, or had when its lease ended."""
        return {shard for shard, owner in self.owners.rows.items() if owner == epoch}

    def shown(self, node: Node) -> Node:
        """The node with what it has."""
        lease = self.leases.rows.get(node.epoch)
        until = None if lease is None else lease.until
        return replace(node, firing_until=until, shards=len(self.of(node.epoch)))

    def division(self, now: datetime) -> Division:
        live = {
            epoch: lease.scheduling
            for epoch, lease in sorted(self.leases.rows.items())
            if lease.until > now
        }
        owners = self.owners.rows.items()
        return Division(
            live=live, owners={shard: owner for shard, owner in owners if owner in live}
        )

    def take(self, epoch: int, ids: Collection[int], now: datetime) -> dict[int, int | None]:
        taken = self.division(now).owners.keys()
        before = {shard: self.owners.rows.get(shard) for shard in sorted(ids) if shard not in taken}
        for shard in before:
            self.owners.write(shard, epoch)
        return before

    def release(self, epoch: int, ids: Collection[int]) -> set[int]:
        released = self.of(epoch).intersection(ids)
        for shard in released:
            self.owners.write(shard, None)
        return released

    def hold(self, epoch: int, ids: Collection[int], now: datetime) -> set[int]:
        lease = self.leases.rows.get(epoch)
        return self.of(epoch).intersection(ids) if lease and lease.until > now else set()
