"""Writes of runs in PostgreSQL: one function a statement, each for many runs.

Statements that wait for row locks name their rows in the order of ids, so that two of them that
want the same rows do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.run_terms import terms_to_json
from callboard.store.columns import int_array, thinned
from callboard.store.contract import RunEnd
from callboard.store.postgres_claims import claim_limited_runs
from callboard.store.postgres_json import to_json, to_json_or_none
from callboard.store.rows import run_from_row
from callboard.store.statements import Row, Statements, in_parts, in_turns


async def run_id_blocks(sql: Statements, count: int) -> list[int]:
    """The first ids of new blocks."""
    return [row[0] for row in await sql.rows("take_run_id_blocks", count)]


async def insert_runs(sql: Statements, runs: Sequence[Run]) -> set[int]:
    if not runs:
        return set()
    is_each_its_own = all(run.chain_id == run.id for run in runs)
    rows = await sql.rows(
        "insert_runs",
        int_array([run.id for run in runs]),
        thinned([run.job_id for run in runs]),
        thinned([run.job for run in runs]),
        thinned([run.group for run in runs]),
        thinned([run.trigger_id for run in runs]),
        thinned([run.trigger for run in runs]),
        thinned([run.slot for run in runs]),
        thinned([run.attempt for run in runs]),
        thinned([run.previous_run_id for run in runs]),
        None if is_each_its_own else [run.chain_id for run in runs],
        thinned([to_json(run.arguments) if run.arguments else "{}" for run in runs]),
        thinned([to_json_or_none(run.progress) for run in runs]),
        thinned([run.crashes for run in runs]),
        thinned([run.unique_key for run in runs]),
        thinned([run.trace_id for run in runs]),
        thinned([run.created_at for run in runs]),
        thinned([run.due_at for run in runs]),
        thinned([_terms(run) for run in runs]),
    )
    return {row[0] for row in rows}


async def lock_job_room(sql: Statements, most: Mapping[int, int]) -> dict[int, int]:
    if not most:
        return {}
    job_ids = list(most)
    await sql.rows("lock_job_room", job_ids)
    rows = await sql.rows("count_job_runs", job_ids, list(most.values()))
    return {job_id: row[0] for job_id, row in zip(job_ids, rows, strict=True)}


async def read_runs(sql: Statements, ids: Sequence[int]) -> dict[int, Run]:
    return _by_id(await sql.rows("get_runs", ids)) if ids else {}


async def live_runs_by_key(
    sql: Statements, keys: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], Run]:
    if not keys:
        return {}
    job_ids, unique_keys = zip(*keys, strict=True)
    found = [run_from_row(row) for row in await sql.rows("find_live_runs", job_ids, unique_keys)]
    return {(run.job_id, run.unique_key): run for run in found if run.unique_key is not None}


async def claim_runs(
    sql: Statements, epoch: int, limit: int, *, now: datetime, given_now: datetime | None
) -> list[Run]:
    """Due runs, claimed; in one statement unless limited runs are due, too."""
    rows = await sql.rows("claim_runs", epoch, limit, given_now)
    if rows[0]["is_limited"]:
        return await claim_limited_runs(sql, epoch, limit, now=now, given_now=given_now)
    return [run_from_row(row) for row in rows if row[0] is not None]


async def lock_runs(sql: Statements, ids: Sequence[int]) -> dict[int, Run]:
    """Runs by id, locked. A run may end while we wait for it: then it is found among the ended."""
    found = _by_id(await sql.rows("lock_live_runs", ids)) if ids else {}
    missing = [run_id for run_id in ids if run_id not in found]
    if missing:
        found |= _by_id(await sql.rows("lock_ended_runs", missing))
    return found


async def lock_overdue_runs(sql: Statements, limit: int, now: datetime | None) -> list[Run]:
    return [run_from_row(row) for row in await sql.rows("lock_overdue_runs", limit, now)]


async def queued_run_ids(sql: Statements, job_id: int, limit: int) -> list[int]:
    return [row[0] for row in await sql.rows("list_queued_run_ids", job_id, limit)]


async def update_runs(sql: Statements, runs: Sequence[Run]) -> None:
    for has_ended, group in groupby(sorted(runs, key=_place), key=attrgetter("has_ended")):
        for part in in_parts(list(group)):
            if has_ended:
                await sql.rows("update_ended_runs", *_changeable(part))
            else:
                terms = [_terms(run) for run in part]
                await sql.rows("update_live_runs", *_changeable(part), terms)


async def report_progress(sql: Statements, epoch: int, said: Mapping[int, JsonObject]) -> list[Run]:
    if not said:
        return []
    texts = [to_json(progress) for progress in said.values()]
    return [
        run_from_row(row) for row in await sql.rows("report_progress", list(said), texts, epoch)
    ]


def _place(run: Run) -> tuple[bool, int]:
    return run.has_ended, run.id


def _changeable(runs: Sequence[Run]) -> Iterable[object]:
    return (
        [run.id for run in runs],
        [run.state.value for run in runs],
        [run.node for run in runs],
        [run.epoch for run in runs],
        [run.crashes for run in runs],
        [run.due_at for run in runs],
        [run.started_at for run in runs],
        [run.stop_mode and run.stop_mode.value for run in runs],
        [run.stop_grace_s for run in runs],
        [to_json_or_none(run.progress) for run in runs],
        [to_json_or_none(run.error) for run in runs],
    )


def _terms(run: Run) -> str | None:
    return None if run.terms is None else to_json(terms_to_json(run.terms))


async def end_runs(sql: Statements, ends: Sequence[RunEnd]) -> list[Run]:
    ended: list[Run] = []
    for turn in in_turns(ends, attrgetter("run_id")):
        ended += [run_from_row(row) for row in await sql.rows("end_runs", *_ends(turn))]
    return ended


def _ends(ends: Sequence[RunEnd]) -> Iterable[object]:
    return (
        [end.run_id for end in ends],
        [end.epoch for end in ends],
        [end.started_at for end in ends],
        [end.state.value for end in ends],
        [to_json_or_none(end.result) for end in ends],
        [to_json_or_none(end.error) for end in ends],
        [end.ended_at for end in ends],
    )


def _by_id(rows: Sequence[Row]) -> dict[int, Run]:
    return {row[0]: run_from_row(row) for row in rows}
