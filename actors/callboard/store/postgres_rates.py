"""Rate windows in PostgreSQL: read under their locks, decided by the one rule, written back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from callboard.domain.limits import RateLimit
from callboard.domain.rate_window import RateWindow, window_from_json, window_to_json
from callboard.store.postgres_json import from_json, to_json
from callboard.store.statements import Statements


async def take_rate(
    sql: Statements,
    name: str,
    limit: RateLimit,
    wanted: int,
    *,
    now: datetime,
    given_now: datetime | None,
) -> int:
    windows = await lock_windows(sql, {name: limit}, given_now)
    granted = min(wanted, windows[name].room(limit, now))
    if granted > 0:
        await write_windows(sql, {name: windows[name].with_more(granted, limit, now)}, given_now)
    return max(0, granted)


async def next_opening(sql: Statements, given_now: datetime | None) -> datetime | None:
    """When the next of the rates that runs wait for lets one in; None: none of them keeps it."""
    openings = [
        window_from_json(from_json(marks)).opens_at(RateLimit(runs=runs, per_s=per_s), now)
        for runs, per_s, marks, now in await sql.rows("read_waiting_rates", given_now)
    ]
    return min((each for each in openings if each is not None), default=None)


async def lock_windows(
    sql: Statements, limits: Mapping[str, RateLimit], given_now: datetime | None
) -> dict[str, RateWindow]:
    """The windows by name, ours until the commit."""
    if not limits:
        return {}
    rows = await sql.rows("lock_rate_windows", sorted(limits), given_now)
    return {row["name"]: window_from_json(from_json(row["marks"])) for row in rows}


async def write_windows(
    sql: Statements, windows: Mapping[str, RateWindow], given_now: datetime | None
) -> None:
    """Write locked windows."""
    if windows:
        marks = [to_json(window_to_json(window)) for window in windows.values()]
        await sql.rows("update_rate_windows", list(windows), marks, given_now)
