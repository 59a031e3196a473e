"""The bookmarks of jobs in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callboard.domain.bookmark import KEPT, Bookmark
from callboard.store.postgres_json import from_json, to_json
from callboard.store.statements import Row, Statements


async def lock_bookmarks(sql: Statements, job_ids: Collection[int]) -> dict[int, Bookmark]:
    if not job_ids:
        return {}
    await sql.rows("lock_bookmarks", sorted(job_ids))
    rows = await sql.rows("read_bookmarks", sorted(job_ids))
    return {row["job_id"]: _bookmark(row) for row in rows}


async def get_bookmark(sql: Statements, job_id: int, run_id: int | None) -> Bookmark | None:
    if run_id is None:
        row = await sql.row("read_bookmarks", [job_id])
    else:
        row = await sql.row("find_bookmark", job_id, run_id)
    return None if row is None else _bookmark(row)


async def insert_bookmarks(sql: Statements, bookmarks: Sequence[Bookmark]) -> None:
    if not bookmarks:
        return
    await sql.rows(
        "insert_bookmarks",
        [each.job_id for each in bookmarks],
        [each.version for each in bookmarks],
        [each.run for each in bookmarks],
        [each.attempt for each in bookmarks],
        [each.run_id for each in bookmarks],
        [each.previous_run_id for each in bookmarks],
        [to_json(each.value) for each in bookmarks],
        [each.at for each in bookmarks],
        KEPT,
    )


async def delete_bookmarks(sql: Statements, job_id: int) -> None:
    await sql.rows("delete_bookmarks", job_id)


def _bookmark(row: Row) -> Bookmark:
    return Bookmark(**{**dict(row), "value": from_json(row["value"])})
