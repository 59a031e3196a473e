"""Nodes and their leases in PostgreSQL: one function a statement."""

from __future__ import annotations

from datetime import datetime, timedelta

from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.store.contract import Node, Renewal
from callboard.store.postgres_json import to_json_or_none
from callboard.store.rows import node_from_row, run_from_row
from callboard.store.statements import Statements


async def insert_node(
    sql: Statements, node: Node, lease: timedelta, now: datetime | None
) -> Node | None:
    await sql.rows("expire_namesake", node.name, now)
    row = await sql.row(
        "insert_node",
        node.name,
        node.host,
        node.pid,
        node.version,
        node.capacity,
        lease,
        now,
        node.fires,
        node.executes,
    )
    return None if row is None else node_from_row(row)


async def has_live_node(sql: Statements, now: datetime | None) -> bool:
    lives: bool = await sql.value("has_live_node", now)
    return lives


async def has_lease(sql: Statements, epoch: int, now: datetime | None) -> bool:
    has_one: bool = await sql.value("has_lease", epoch, now)
    return has_one


async def renew_node(
    sql: Statements,
    epoch: int,
    lease: timedelta,
    vitals: JsonObject | None,
    now: datetime | None,
) -> Renewal | None:
    row = await sql.row("renew_node", epoch, lease, now, to_json_or_none(vitals))
    if row is None:
        return None
    stopping = await stopping_runs(sql, epoch)
    return Renewal(
        now=row["now"],
        lease_until=row["lease_until"],
        live_nodes=row["live_nodes"],
        stopping=tuple(stopping),
    )


async def stopping_runs(sql: Statements, epoch: int) -> list[Run]:
    return [run_from_row(row) for row in await sql.rows("list_stopping_runs", epoch)]


async def lock_runs_of_node(sql: Statements, epoch: int) -> list[Run]:
    return [run_from_row(row) for row in await sql.rows("lock_node_runs", epoch)]


async def lock_runs_of_lost_nodes(
    sql: Statements, limit: int, but: int | None, now: datetime | None
) -> list[Run]:
    return [run_from_row(row) for row in await sql.rows("lock_lost_runs", limit, now, but)]


async def delete_node(sql: Statements, epoch: int) -> bool:
    return await sql.value("delete_node", epoch) is not None


async def expire_nodes(sql: Statements, but: int | None, now: datetime | None) -> list[Node]:
    return [node_from_row(row) for row in await sql.rows("expire_nodes", but, now)]


async def delete_expired_nodes(sql: Statements) -> int:
    return len(await sql.rows("delete_expired_nodes"))


async def list_nodes(sql: Statements) -> list[Node]:
    return [node_from_row(row) for row in await sql.rows("list_nodes")]
