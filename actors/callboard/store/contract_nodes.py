"""Verbs of a transaction on nodes and their shards; see contract.py."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from callboard.domain.json import JsonObject
from callboard.domain.node import Node
from callboard.domain.shards import Division, Scheduling
from callboard.store.contract_values import Renewal


class NodeVerbs(Protocol):
    """A part of `contract.Transaction`."""

    # nodes
    async def insert_node(self, node: Node, lease: timedelta) -> Node | None:
        """The node with its epoch, started_at and lease_until (now + lease); None: a node of that
        name has a live lease. From a dead one of the same name it is taken away, as by
        `expire_nodes`."""
        ...

    async def has_live_node(self) -> bool:
        """Whether the lease of a node runs."""
        ...

    async def has_lease(self, epoch: int) -> bool:
        """Whether the lease of the node of this epoch runs."""
        ...

    async def renew_node(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None = None
    ) -> Renewal | None:
        """Prolong the lease to now + lease, also one that ended and that nobody took away yet.

        None: somebody took it away, or removed the node; it must not go on under this epoch.
        `vitals`, when given, replace what the node said of itself before.
        """
        ...

    async def delete_node(self, epoch: int) -> bool: ...

    async def expire_nodes(self, *, but: int | None = None) -> list[Node]:
        """Take the lease away from the nodes whose lease is over, the one of epoch `but` excepted.

        All nodes without a lease that are still there, with what they last said of themselves.
        """
        ...

    async def delete_expired_nodes(self) -> int:
        """Remove the nodes whose lease was taken away and whose runs are all decided; how many."""
        ...

    # shards; what another transaction has locked is passed over: no verb here waits for anybody
    async def renew_firing(
        self, epoch: int, lease: timedelta, scheduling: Scheduling
    ) -> datetime | None:
        """Prolong the lease of the node's shards to now + lease, or begin it; until when it runs.

        None: nobody is registered under that epoch.
        """
        ...

    async def end_firing(self, epoch: int) -> set[int]:
        """End that lease, and release all that the node has: these."""
        ...

    async def read_division(self) -> Division:
        """The nodes whose lease of shards runs, and what they have."""
        ...

    async def take_shards(self, epoch: int, ids: Collection[int]) -> dict[int, int | None]:
        """Give the node those of the shards that no node with a running lease has.

        Returns who had them before, by shard; None: nobody.
        """
        ...

    async def release_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        """Let those of the shards be taken that the node has: these."""
        ...

    async def hold_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        """Those of the shards that the node has, while its lease runs; nobody else takes them
        until the commit."""
        ...
