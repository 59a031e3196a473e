"""Idempotency keys in PostgreSQL: one function a statement."""

from __future__ import annotations

from typing import Final

from callboard.errors import BugError
from callboard.store.contract import IdempotencyRecord
from callboard.store.rows import idempotency_from_row
from callboard.store.statements import Statements

_ATTEMPTS: Final = 3
"""A record can go between the refusal to insert it and the look at it, but not for ever."""


async def insert_idempotency(
    sql: Statements, record: IdempotencyRecord
) -> IdempotencyRecord | None:
    for _ in range(_ATTEMPTS):
        if await sql.row("insert_idempotency", *_values(record)) is not None:
            return None
        row = await sql.row("get_idempotency", record.key)
        if row is not None:
            return idempotency_from_row(row)
    raise BugError("an idempotency key comes and goes")


async def update_idempotency(sql: Statements, record: IdempotencyRecord) -> None:
    values = (record.key, record.status, record.answer, record.run_ids)
    await sql.rows("update_idempotency", *values)


async def delete_idempotency(sql: Statements, key: str) -> None:
    await sql.rows("delete_idempotency", key)


def _values(record: IdempotencyRecord) -> tuple[object, ...]:
    return (
        record.key,
        record.digest,
        record.status,
        record.answer,
        record.run_ids,
        record.created_at,
    )
