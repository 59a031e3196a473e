"""Followers of the events in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from callboard.domain.chain_end import ChainEnd
from callboard.domain.states import RunState
from callboard.store.contract import EndsRead, Following
from callboard.store.statements import Row, Statements


async def lock_follower(sql: Statements, name: str, now: datetime | None) -> Following | None:
    row = await sql.row("lock_follower", name)
    if row is None and await sql.row("insert_follower", name, now) is not None:
        row = await sql.row("lock_follower", name)
    return None if row is None else Following(seq=row["seq"], newest=row["newest"])


async def move_follower(sql: Statements, name: str, seq: int | None, now: datetime | None) -> None:
    await sql.rows("update_follower", name, seq, now)


async def read_ends(
    sql: Statements,
    after: int,
    until: int,
    job_ids: Collection[int],
    names: Collection[tuple[str, str]],
    events: int,
) -> EndsRead:
    groups, jobs = [group for group, _ in names], [job for _, job in names]
    rows = await sql.rows("read_ends", after, until, sorted(job_ids), events, groups, jobs)
    return EndsRead(
        first_seq=rows[0]["first_seq"],
        last_seq=rows[0]["last_seq"],
        ends=tuple(_end(row) for row in rows if row["seq"] is not None),
    )


def _end(row: Row) -> ChainEnd:
    return ChainEnd(
        seq=row["seq"],
        commit_seq=row["commit_seq"],
        at=row["at"],
        run_id=row["run_id"],
        job_id=row["job_id"],
        job=row["job"],
        group=row["group_name"],
        state=RunState(row["state"]),
        chain_id=row["chain_id"],
        is_final=row["is_final"],
        is_triggered=row["is_triggered"],
        workflow_run_id=row["workflow_run_id"],
    )
