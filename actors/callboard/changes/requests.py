"""What is kept of requests with an Idempotency-Key."""

from __future__ import annotations

from callboard.changes.work import Work
from callboard.commands import AbortRequest, BeginRequest, FinishRequest
from callboard.store.contract import IdempotencyRecord


async def begin_request(work: Work, command: BeginRequest) -> IdempotencyRecord | None:
    return await work.tx.insert_idempotency(command.record)


async def finish_request(work: Work, command: FinishRequest) -> None:
    await work.tx.update_idempotency(command.record)


async def abort_request(work: Work, command: AbortRequest) -> None:
    await work.tx.delete_idempotency(command.key)
