"""Claims of limited runs in PostgreSQL: lanes with room, their locks, what they give.

A lane is what runs have in common which wait for the same: job, queue, concurrency key, priority.
Whoever claims from it has locked the job, and the queue, that limit it, so that the counts of live
runs stay true until the commit; of rates, so do the rate windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from callboard.domain.limits import RateLimit
from callboard.domain.rate_window import RateWindow
from callboard.domain.run import Run
from callboard.store.postgres_rates import lock_windows, write_windows
from callboard.store.rows import run_from_row
from callboard.store.statements import Row, Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    job_id: int
    queue: str
    concurrency_key: str
    priority: int
    queue_id: int | None
    """None: of no queue that limits it."""
    rates: Mapping[str, RateLimit]
    """Of its job and its queue, by the names of their windows."""


async def claim_limited_runs(
    sql: Statements, epoch: int, limit: int, *, now: datetime, given_now: datetime | None
) -> list[Run]:
    """Due runs, first in line first: plain ones, and limited ones as far as there is room."""
    rows = await sql.rows("lock_lanes", limit, given_now)
    lanes = [_lane(row) for row in rows]
    rates = {name: rate for lane in lanes for name, rate in lane.rates.items()}
    windows = await lock_windows(sql, rates, given_now)
    rooms = {name: window.room(rates[name], now) for name, window in windows.items()}
    claimed = await _claim(sql, epoch, limit, lanes, rooms, given_now)
    if windows:
        await _count(sql, claimed, lanes, rates, windows, now=now, given_now=given_now)
    return claimed


def _lane(row: Row) -> _Lane:
    job_id, queue, key, priority, job_runs, job_per_s, queue_id, queue_runs, queue_per_s = row
    rates: dict[str, RateLimit] = {}
    if job_runs is not None:
        rates[_job_window(job_id)] = RateLimit(runs=job_runs, per_s=job_per_s)
    if queue_runs is not None:
        rates[_queue_window(queue_id)] = RateLimit(runs=queue_runs, per_s=queue_per_s)
    return _Lane(
        job_id=job_id,
        queue=queue,
        concurrency_key=key,
        priority=priority,
        queue_id=queue_id,
        rates=rates,
    )


async def _claim(
    sql: Statements,
    epoch: int,
    limit: int,
    lanes: Sequence[_Lane],
    rooms: Mapping[str, int],
    given_now: datetime | None,
) -> list[Run]:
    rows = await sql.rows(
        "claim_limited_runs",
        epoch,
        limit,
        given_now,
        [lane.job_id for lane in lanes],
        [lane.queue for lane in lanes],
        [lane.concurrency_key for lane in lanes],
        [lane.priority for lane in lanes],
        [rooms.get(_job_window(lane.job_id)) for lane in lanes],
        [lane.queue_id for lane in lanes],
        [rooms.get(_queue_window(lane.queue_id)) for lane in lanes],
    )
    return [run_from_row(row) for row in rows]


async def _count(
    sql: Statements,
    claimed: Sequence[Run],
    lanes: Sequence[_Lane],
    rates: Mapping[str, RateLimit],
    windows: Mapping[str, RateWindow],
    *,
    now: datetime,
    given_now: datetime | None,
) -> None:
    """Write into the windows what has just begun."""
    names = {(lane.job_id, lane.queue): (*lane.rates,) for lane in lanes}
    places = ((run.job_id, _queue_of(run)) for run in claimed)
    begun = Counter(name for place in places for name in names.get(place, ()))
    changed = {
        name: windows[name].with_more(count, rates[name], now) for name, count in begun.items()
    }
    await write_windows(sql, changed, given_now)


def _queue_of(run: Run) -> str:
    return "" if run.terms is None else run.terms.queue or ""


def _job_window(job_id: int) -> str:
    return f"job:{job_id}"


def _queue_window(queue_id: int | None) -> str:
    return f"queue:{queue_id}"
