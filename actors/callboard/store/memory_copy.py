"""Runs as they are after what happens to each of them: a claim, an end.

A run through the memory store is made three times, and that is most of what it takes there: so
each field is named, which costs a third of copying all and changing some.
"""

from __future__ import annotations

from datetime import datetime

from callboard.domain.node import Node
from callboard.domain.run import Run, make_run
from callboard.domain.states import RunState
from callboard.store.contract import RunEnd


def as_running(run: Run, node: Node, now: datetime) -> Run:
    """The run, claimed by the node."""
    return make_run(
        run.id,
        run.job,
        run.group,
        run.job_id,
        run.trigger,
        run.trigger_id,
        run.slot,
        RunState.RUNNING,
        run.attempt,
        run.previous_run_id,
        run.chain_id,
        run.arguments,
        run.result,
        run.error,
        run.progress,
        node.name,
        node.epoch,
        run.crashes,
        run.unique_key,
        run.stop_mode,
        run.stop_grace_s,
        run.trace_id,
        run.created_at,
        run.due_at,
        now,
        None,
        run.terms,
    )


def with_end(run: Run, end: RunEnd) -> Run:
    """The run, ended."""
    return make_run(
        run.id,
        run.job,
        run.group,
        run.job_id,
        run.trigger,
        run.trigger_id,
        run.slot,
        end.state,
        run.attempt,
        run.previous_run_id,
        run.chain_id,
        run.arguments,
        end.result,
        end.error,
        run.progress,
        run.node,
        run.epoch,
        run.crashes,
        run.unique_key,
        run.stop_mode,
        run.stop_grace_s,
        run.trace_id,
        run.created_at,
        run.due_at,
        run.started_at,
        end.ended_at,
        run.terms,
    )
