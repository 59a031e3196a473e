"""Jobs in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from callboard.domain.job import Job, OnFixed, OnFull
from callboard.store.contract import JobFilter
from callboard.store.postgres_json import to_json
from callboard.store.rows import job_from_row
from callboard.store.statements import Statements


async def insert_job(sql: Statements, job: Job, now: datetime | None) -> Job | None:
    row = await sql.row("insert_job", job.group, job.name, *_definition(job), now)
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(job, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_job(sql: Statements, job: Job, now: datetime | None) -> Job | None:
    row = await sql.row("update_job", job.id, job.version, *_definition(job), now)
    if row is None:
        return None
    await sql.rows("relabel_limited_runs", job.id)
    return replace(
        job,
        group=row["group_name"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def delete_job(sql: Statements, job_id: int) -> bool:
    return await sql.value("delete_job", job_id) is not None


async def lock_jobs(
    sql: Statements, names: Sequence[tuple[str, str]], *, for_change: bool
) -> dict[tuple[str, str], Job]:
    if not names:
        return {}
    groups, jobs = zip(*names, strict=True)
    statement = "lock_jobs_for_change" if for_change else "lock_jobs"
    rows = await sql.rows(statement, groups, jobs)
    return {(row["group_name"], row["name"]): job_from_row(row) for row in rows}


async def get_job(sql: Statements, group: str, name: str) -> Job | None:
    row = await sql.row("get_job", group, name)
    return None if row is None else job_from_row(row)


async def get_jobs(sql: Statements, ids: Sequence[int]) -> dict[int, Job]:
    return {row["id"]: job_from_row(row) for row in await sql.rows("get_jobs", ids)}


async def list_jobs(sql: Statements, wanted: JobFilter) -> list[Job]:
    rows = await sql.rows(
        "list_jobs",
        wanted.group,
        wanted.kind,
        wanted.disabled,
        to_json(wanted.labels),
        *(wanted.after or ("", "")),
        wanted.limit,
    )
    return [job_from_row(row) for row in rows]


def _definition(job: Job) -> tuple[object, ...]:
    return (
        job.kind,
        to_json(job.spec),
        to_json(job.arguments),
        job.description,
        job.disabled,
        to_json(job.retry),
        job.timeout_s,
        job.max_concurrent_runs,
        job.on_crash.value,
        to_json(job.labels),
        to_json(_rules(job)),
    )


def _rules(job: Job) -> dict[str, object]:
    given = {
        "fixed_arguments": job.fixed_arguments or None,
        "parameters": job.parameters,
        "queue": job.queue,
        "priority": job.priority or None,
        "concurrency": job.concurrency,
        "rate_limit": job.rate_limit,
        "queue_timeout_s": job.queue_timeout_s,
        "chain_timeout_s": job.chain_timeout_s,
        "on_fixed": None if job.on_fixed is OnFixed.REFUSE else job.on_fixed.value,
        "on_full": None if job.on_full is OnFull.QUEUE else job.on_full.value,
        "bookmark": job.bookmark,
        "annotations": job.annotations or None,
    }
    return {name: value for name, value in given.items() if value is not None}
