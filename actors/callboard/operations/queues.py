"""What can be asked about queues."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.queue import Queue, QueueCounts
from callboard.operations.asking import Asking, found
from callboard.store.contract import QueueFilter


class QueueOperations(Asking):
    """Queues by group and name."""

    async def create_queue(self, queue: Queue) -> Queue:
        """Raises AlreadyExists."""
        return await self._ask(c.CreateQueue(queue=queue))

    async def replace_queue(
        self, queue: Queue, *, expected_version: int | None = None
    ) -> tuple[Queue, bool]:
        """Create, or replace by group and name; whether it was created.

        What runs already goes on, also where the new capacity is smaller. An equal definition
        changes nothing. Raises StaleVersion.
        """
        return await self._ask(c.ReplaceQueue(queue=queue, expected_version=expected_version))

    async def pause_queue(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Queue:
        """Let none of its runs begin until it is resumed. Raises NotFound, StaleVersion."""
        return await self._ask(
            c.PauseQueue(group=group, name=name, expected_version=expected_version)
        )

    async def resume_queue(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Queue:
        """Let its runs begin again. Raises NotFound, StaleVersion."""
        return await self._ask(
            c.ResumeQueue(group=group, name=name, expected_version=expected_version)
        )

    async def delete_queue(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Raises NotFound, StaleVersion, Conflict queue_in_use while a job names it."""
        await self._ask(c.DeleteQueue(group=group, name=name, expected_version=expected_version))

    async def get_queue(self, group: str, name: str) -> Queue:
        """Raises NotFound."""
        return found(await self._ask(c.GetQueue(group=group, name=name)), "queue", name)

    async def list_queues(self, filter: QueueFilter) -> list[Queue]:
        """One page, by group and name."""
        return await self._ask(c.ListQueues(filter=filter))

    async def count_queue(self, group: str, name: str) -> QueueCounts:
        """What waits and what runs in it now; also of a queue that nobody created."""
        return await self._ask(c.CountQueue(group=group, name=name))
