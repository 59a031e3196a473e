"""What is asked to run a board: nodes, figures, requests that may come twice."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.node import Node
from callboard.domain.states import RunState
from callboard.operations.asking import Asking
from callboard.store.contract import IdempotencyRecord


class UpkeepOperations(Asking):
    """For whoever operates a board."""

    async def list_nodes(self) -> list[Node]:
        """Registered nodes by name, also those whose lease is over."""
        return await self._ask(c.ListNodes())

    async def count_live_runs(self) -> dict[RunState, int]:
        """Live runs by state."""
        return await self._ask(c.CountLiveRuns())

    async def begin_request(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Note a request with an Idempotency-Key. None: go on; otherwise what is known of it."""
        return await self._ask(c.BeginRequest(record=record))

    async def finish_request(self, record: IdempotencyRecord) -> None:
        """Keep its answer."""
        await self._ask(c.FinishRequest(record=record))

    async def abort_request(self, key: str) -> None:
        """Forget it: it failed."""
        await self._ask(c.AbortRequest(key=key))
