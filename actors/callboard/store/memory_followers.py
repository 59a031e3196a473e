"""The memory store's followers of the events."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import repeat

from callboard.domain.chain_end import ChainEnd
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.store.contract import EndsRead
from callboard.store.memory_events import CycleBatch, StoredBatch
from callboard.store.memory_tables import Tables


def read_ends(
    tables: Tables,
    after: int,
    until: int,
    job_ids: Collection[int],
    names: Collection[tuple[str, str]],
    events: int,
) -> EndsRead:
    """As `contract.Transaction.read_ends`."""
    first_seq = last_seq = None
    ends: list[ChainEnd] = []
    for batch in tables.events.after(after):
        first_seq = batch.first_seq if first_seq is None else first_seq
        if batch.first_seq > until or batch.first_seq >= first_seq + events:
            break
        last_seq = batch.last_seq
        ends += _ends(tables, batch, job_ids, names)
    return EndsRead(
        first_seq=None if last_seq is None else first_seq, last_seq=last_seq, ends=tuple(ends)
    )


def _ends(
    tables: Tables,
    batch: StoredBatch,
    job_ids: Collection[int],
    names: Collection[tuple[str, str]],
) -> Iterator[ChainEnd]:
    for seq, run_id, state in _ended(batch):
        run = tables.runs.rows.get(run_id)
        if run is not None and (run.job_id in job_ids or (run.group, run.job) in names):
            yield ChainEnd(
                seq=seq,
                commit_seq=batch.first_seq,
                at=batch.at,
                run_id=run_id,
                job_id=run.job_id,
                job=run.job,
                group=run.group,
                state=state,
                chain_id=run.chain_id,
                is_final=state is RunState.SUCCEEDED or not _is_followed(tables, run, batch),
                is_triggered=_is_triggered(tables, run),
                workflow_run_id=None if run.terms is None else run.terms.workflow_run_id,
            )


def _ended(batch: StoredBatch) -> Iterator[tuple[int, int, RunState]]:
    """Number, run and state of each end."""
    if isinstance(batch, CycleBatch):
        states = batch.ended_states or repeat(RunState.SUCCEEDED)
        for place, (run_id, state) in enumerate(zip(batch.ended, states, strict=False)):
            yield batch.first_seq + place, run_id, state
        return
    for place, record in enumerate(batch.records):
        if record.type == "run.ended" and record.run_id is not None:
            yield batch.first_seq + place, record.run_id, RunState(str(record.patch["state"]))


def _is_triggered(tables: Tables, run: Run) -> bool:
    """Whether a trigger began the chain."""
    first = tables.runs.rows.get(run.chain_id)
    return run.trigger is not None or (first is not None and first.trigger is not None)


def _is_followed(tables: Tables, run: Run, batch: StoredBatch) -> bool:
    """Whether the next attempt was created with the end."""
    runs = tables.runs
    chain = (runs.rows[run_id] for run_id in runs.states_of_chain(run.chain_id))
    return any(each.previous_run_id == run.id and each.created_at <= batch.at for each in chain)
