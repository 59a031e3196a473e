"""The memory store's end of history: what a pruner's cutoffs remove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import datetime
from itertools import chain, islice, takewhile
from typing import Any, TypeVar

from callboard.domain.amend import amended
from callboard.store.contract import Cutoffs
from callboard.store.memory_batch import closed_before
from callboard.store.memory_journal import Table
from callboard.store.memory_tables import Tables
from callboard.store.memory_workflows import ended_before

K = TypeVar("K", bound=Hashable)


def prune(tables: Tables, cutoffs: Cutoffs) -> dict[str, int]:
    """Remove what is older than its cutoff, the oldest first; rows removed by table."""
    old = _ended_before(tables, cutoffs.ended_runs, cutoffs.limit)
    many = chain.from_iterable(
        tables.runs.surplus_of(job, cutoffs.runs_per_job) for job in tables.jobs.rows.values()
    )
    runs = [*islice(dict.fromkeys(chain(old, many)), cutoffs.limit)]
    runs += _surplus(tables, cutoffs.runs_per_job, set(runs), cutoffs.limit)
    logs = [key for run_id in runs for key in tables.logs.keys_of_run(run_id)]
    return {
        "runs": _remove(tables.runs, runs),
        "logs": _remove(tables.logs, logs),
        "ledger": _remove(tables.ledger, _ledger_before(tables, cutoffs.ledger, cutoffs.limit)),
        **_prune_backfills(tables, cutoffs.ledger, cutoffs.limit),
        "events": _remove(tables.events, _events_before(tables, cutoffs)),
        "deliveries": _remove(
            tables.deliveries, _deliveries_before(tables, cutoffs.ended_runs, cutoffs.limit)
        ),
        "workflow_runs": _remove(
            tables.workflow_runs, ended_before(tables, cutoffs.ended_runs, cutoffs.limit)
        ),
        **_prune_batch(tables, cutoffs.ended_runs, cutoffs.limit),
        "idempotency": _remove(
            tables.idempotency, _keys_before(tables, cutoffs.idempotency, cutoffs.limit)
        ),
    }


def _remove(table: Table[K, Any], keys: Iterable[K]) -> int:
    removed = 0
    for key in keys:
        table.write(key, None)
        removed += 1
    return removed


def _ended_before(tables: Tables, cutoff: datetime | None, limit: int) -> list[int]:
    if cutoff is None:
        return []
    older = takewhile(lambda ended: ended[0] < cutoff, tables.runs.ended)
    return [run_id for _, run_id in islice(older, limit)]


def _surplus(tables: Tables, keep: int | None, going: set[int], limit: int) -> list[int]:
    """Ended runs beyond the newest `keep` of their job that are not going already."""
    if keep is None:
        return []
    kept: Counter[int] = Counter()
    surplus = []
    for run_id in sorted((run_id for _, run_id in tables.runs.ended), reverse=True):
        job_id = tables.runs.rows[run_id].job_id
        kept[job_id] += 1
        if kept[job_id] > keep and run_id not in going:
            surplus.append(run_id)
    return sorted(surplus)[:limit]


def _ledger_before(
    tables: Tables, cutoff: datetime | None, limit: int
) -> list[tuple[int, int, datetime]]:
    return [] if cutoff is None else list(islice(tables.ledger.before(cutoff), limit))


def _prune_backfills(tables: Tables, cutoff: datetime | None, limit: int) -> dict[str, int]:
    """Slots first: a backfill goes when it has none any more."""
    ids = [] if cutoff is None else tables.backfills.ended_before(cutoff, limit)
    keys = chain.from_iterable(map(tables.backfilled_slots.keys_of, ids))
    removed = _remove(tables.backfilled_slots, list(islice(keys, limit)))
    bare = [each for each in ids if not tables.backfilled_slots.keys_of(each)]
    return {"backfilled_slots": removed, "backfills": _remove(tables.backfills, bare)}


def _prune_batch(tables: Tables, cutoff: datetime | None, limit: int) -> dict[str, int]:
    """Of closed instances: what hangs on others first; the instances stay."""
    batch, closed = tables.batch, closed_before(tables, cutoff)
    steps = [step.id for each in closed for step in batch.steps.of_instance(each)]
    skips = [number for step_id in steps for number in batch.skips.numbers_of(step_id)]
    removed = _remove(batch.skips, skips[:limit])
    plain = [step_id for step_id in steps if not batch.skips.numbers_of(step_id)]
    gone = _remove(batch.steps, plain[:limit])
    bare = [each for each in closed if not batch.steps.of_instance(each)][:limit]
    moves = sum(len(batch.moves.rows.get(each, ())) for each in bare)
    _remove(batch.moves, bare)
    for run in chain.from_iterable(map(batch.runs.of_instance, bare)):
        batch.runs.write(run.run_id, amended(run, context={}, definition={}))
    return {"batch_skips": removed, "batch_steps": gone, "batch_moves": moves}


def _deliveries_before(tables: Tables, cutoff: datetime | None, limit: int) -> list[int]:
    if cutoff is None:
        return []
    rows = tables.deliveries.rows.values()
    old = (each.id for each in rows if each.ended_at is not None and each.ended_at < cutoff)
    return [*islice(old, limit)]


def _events_before(tables: Tables, cutoffs: Cutoffs) -> list[int]:
    """Batches from the oldest on: what stays has no gap, even if the clock once stepped back.

    The newest stays, as it does where the next numbers are counted from it. What a follower has
    not read stays longer.
    """
    cutoff = cutoffs.events
    if cutoff is None:
        return []
    unread = cutoffs.unread_events or cutoff
    newest = tables.newest_event.rows.get(None, 0)
    read = min(tables.followers.rows.values(), default=newest)
    older = takewhile(
        lambda batch: (
            batch.at < (cutoff if batch.last_seq <= read else min(cutoff, unread))
            and batch.last_seq < newest
        ),
        tables.events.after(0),
    )
    return [batch.first_seq for batch in islice(older, cutoffs.limit)]


def _keys_before(tables: Tables, cutoff: datetime | None, limit: int) -> list[str]:
    if cutoff is None:
        return []
    rows = tables.idempotency.rows.values()
    return list(islice((record.key for record in rows if record.created_at < cutoff), limit))
