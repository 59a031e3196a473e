"""The W3C trace context of a run."""

from __future__ import annotations

from hashlib import blake2b

from callboard.domain.run import Run


def traceparent(run: Run) -> str:
    """`00-<trace id>-<span id>-01`: the value of the traceparent header or TRACEPARENT.

    The span id follows from the run and how often it was begun, so an execution after a crash has
    another one.
    """
    span = blake2b(f"{run.id}/{run.crashes}".encode(), digest_size=8).hexdigest()
    return f"00-{run.trace_id}-{span}-01"
