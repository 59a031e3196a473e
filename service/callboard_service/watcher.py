"""Watches the events of the board: figures for the metrics, one log line a run."""

from __future__ import annotations

import logging
from typing import Final

from callboard.board import Callboard
from callboard.clock import Clock
from callboard.domain.run import Run
from callboard.errors import CallboardError
from callboard.events import Event
from callboard_service.metrics import Metrics

RETRY_S: Final = 1.0
BUFFER: Final = 100_000

logger = logging.getLogger(__name__)


async def watch(board: Callboard, metrics: Metrics, clock: Clock) -> None:
    """Follow the events until cancelled, over outages of the board too."""
    after: int | None = None
    while True:
        try:
            async with board.subscribe(after=after, snapshot=False, buffer=BUFFER) as subscription:
                node = board.health().node
                async for item in subscription:
                    after = item.seq
                    if isinstance(item, Event):
                        note(item, metrics, node)
        except CallboardError:
            # What was missed meanwhile is not counted, if it cannot be read any more.
            after = None
        await clock.sleep_until(clock.monotonic() + RETRY_S)


def note(event: Event, metrics: Metrics, node: str) -> None:
    """Count the event, and write the line of a run that ended on this node, or killed nodes."""
    metrics.observe_event(event, node)
    run = event.run
    if run is None:
        return
    if event.type == "run.ended" and run.node == node:
        logger.info("run ended", extra={"event": "run.ended", **_facts(run)})
    elif event.type == "run.parked" and run.crashes:
        # No node has it any more: each says so.
        logger.warning(
            "run parked: nodes died under it; retry releases it, stop ends it",
            extra={"event": "run.parked", "crashes": run.crashes, **_facts(run)},
        )


def _facts(run: Run) -> dict[str, object]:
    took_s = None
    if run.started_at is not None and run.ended_at is not None:
        took_s = (run.ended_at - run.started_at).total_seconds()
    return {
        "run_id": run.id,
        "job": run.job,
        "group": run.group,
        "trigger": run.trigger,
        "state": run.state.value,
        "attempt": run.attempt,
        "duration_s": took_s,
        "trace_id": run.trace_id,
        "error": run.error.type if run.error is not None else None,
    }
