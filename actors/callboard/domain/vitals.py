"""Vitals: what a node last said of itself, for those who find it dead.

A JSON object, bounded, that goes with each renewal of the lease:

    {"at": "2026-11-21T07:19:18+00:00", "rss_mb": 57.3,
     "runs": {"4711": {"job": "report", "stack": ["work (report.py:12)", "fetch (report.py:40)"]}},
     "stuck": 1}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run, RunError

MOST_RUNS: Final = 20
MOST_FRAMES: Final = 20
MAX_BYTES: Final = 16_384
FRAME_CHARS: Final = 160
_FRAME_COST: Final = 5
"""Of the quotes, the comma and a little more, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVitals:
    """One run that a node works on."""

    run_id: int
    job: str
    stack: tuple[str, ...] = ()
    """Where its handler is: a line a frame, the innermost last; empty: not known."""


def vitals_of(
    *, at: datetime, rss_mb: float | None, runs: Sequence[RunVitals], stuck: int = 0
) -> JsonObject:
    """The object, of MAX_BYTES at the most: of MOST_RUNS runs the first, of a stack the inner end.

    Args:
        at: the store's present, as far as the node knows it.
        rss_mb: the memory of the process; None: not known.
        stuck: handlers that were left behind and have not ended.
    """
    told = runs[:MOST_RUNS]
    room = (MAX_BYTES - 512) // max(1, len(told))
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "rss_mb": None if rss_mb is None else round(rss_mb, 1),
        "runs": {str(run.run_id): _told(run, room) for run in told},
        **({"stuck": stuck} if stuck else {}),
    }


def stuck_of(vitals: JsonObject | None) -> int:
    """How many handlers the node had left behind."""
    stuck = (vitals or {}).get("stuck")
    return stuck if isinstance(stuck, int) else 0


def _told(run: RunVitals, room: int) -> JsonObject:
    """One run in so many bytes."""
    job = run.job[:100]
    left = room - len(orjson.dumps(job)) - 60
    stack: list[Json] = []
    for frame in reversed(run.stack[-MOST_FRAMES:]):
        line = frame[:FRAME_CHARS]
        left -= len(orjson.dumps(line)) + _FRAME_COST
        if left < 0:
            break
        stack.append(line)
    return {"job": job, "stack": stack[::-1]}


def node_lost(run: Run, vitals: JsonObject | None) -> RunError:
    """The error of a run whose node died: what was last seen of both."""
    words = [f"the lease of node {run.node} ended under the run"]
    if run.crashes > 1:
        words[0] += f", its crash number {run.crashes}"
    stack = list(_stack_of(vitals, run.id))
    if vitals is not None:
        words.append(_last_seen(vitals))
    if stack:
        words.append(f"the handler was in {stack[-1]}")
    return RunError(type="NodeLost", message="; ".join(words), traceback="\n".join(stack) or None)


def _last_seen(vitals: JsonObject) -> str:
    at = str(vitals.get("at")).replace("+00:00", "Z")
    seen = f"the node was last seen at {at}"
    rss_mb = vitals.get("rss_mb")
    return seen if rss_mb is None else f"{seen} with {rss_mb} MB of memory"


def _stack_of(vitals: JsonObject | None, run_id: int) -> Iterator[str]:
    runs = (vitals or {}).get("runs")
    told = runs.get(str(run_id)) if isinstance(runs, Mapping) else None
    stack = told.get("stack") if isinstance(told, Mapping) else None
    for line in stack if isinstance(stack, Sequence) else ():
        yield str(line)
