"""A history, read twice: by the API of a board, and from the tables with plain SQL. Both must say
the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from callboard import Callboard
from callboard.domain.ledger import Decision
from callboard.domain.run import HELD
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger
from callboard.events import Event
from callboard.store.contract import JobFilter, RunFilter, TriggerFilter
from support.history import (
    MICROSECOND,
    EventFact,
    History,
    RunFact,
    SlotFact,
    decided_until,
)

PAGE: Final = 500


class Disagreement(AssertionError):
    """The API and the tables tell different stories."""


async def read_history(board: Callboard, dsn: str) -> History:
    """The history behind a board, with SQL on `dsn` as the second opinion.

    Raises:
        Disagreement: they differ. Nothing may be going on while they are read.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        head = await connection.fetchval("select max(last_seq) from callboard.event_batch")
        by_api = await _read_by_api(board, head or 0)
        runs, slots, events = await _read_by_sql(connection)
    finally:
        await connection.close()
    _compare("runs", list(by_api.runs.values()), runs)
    _compare("slots", by_api.slots, slots)
    _compare("events", by_api.events, events)
    return by_api


async def _read_by_api(board: Callboard, head: int) -> History:
    jobs = await board.list_jobs(JobFilter(limit=PAGE))
    triggers = await board.list_triggers(TriggerFilter(limit=PAGE))
    slots = [slot for trigger in triggers for slot in await _slots_by_api(board, trigger)]
    return History(
        jobs={job.name: job for job in jobs},
        triggers=triggers,
        runs={run.id: run for run in await _runs_by_api(board)},
        slots=sorted(slots, key=lambda slot: (slot.trigger_id, slot.slot)),
        events=await _events_by_api(board, head),
    )


async def _runs_by_api(board: Callboard) -> list[RunFact]:
    facts: list[RunFact] = []
    before: int | None = None
    while page := await board.list_runs(RunFilter(before_id=before, limit=PAGE)):
        before = page[-1].id
        facts += [
            RunFact(
                id=run.id,
                job=run.job,
                state=run.state,
                attempt=run.attempt,
                previous_run_id=run.previous_run_id,
                chain_id=run.chain_id,
                trigger_id=run.trigger_id,
                slot=run.slot,
                arguments=json.dumps(dict(run.arguments), sort_keys=True),
                crashes=run.crashes,
                node=run.node,
                ended_at=run.ended_at,
                error=run.error.type if run.error else None,
                trace_id=run.trace_id,
                started_at=run.started_at,
                result=None if run.result is None else json.dumps(run.result, sort_keys=True),
                message=run.error.message if run.error else None,
            )
            for run in page
        ]
    return facts[::-1]


async def _slots_by_api(board: Callboard, trigger: Trigger) -> list[SlotFact]:
    facts: list[SlotFact] = []
    assert trigger.created_at is not None
    since, end = trigger.created_at, decided_until(trigger) + MICROSECOND
    while page := await board.list_slots(
        trigger.group, trigger.name, since=since, until=end, limit=PAGE
    ):
        since = (page[-1].until or page[-1].slot) + MICROSECOND
        facts += [
            SlotFact(
                trigger_id=trigger.id,
                slot=view.slot,
                until=view.until,
                count=view.count,
                decision=view.decision.value,
                reason=view.reason.value if view.reason else None,
                run_ids=view.run_ids,
            )
            for view in page
            # What only a backfill fired is not in the ledger.
            if view.decision is Decision.SKIPPED or view.starts_at is not None
        ]
    return facts


async def _events_by_api(board: Callboard, head: int) -> list[EventFact]:
    facts: list[EventFact] = []
    async with board.subscribe(after=0, snapshot=False, buffer=PAGE) as subscription:
        while len(facts) < head:
            event = await anext(subscription)
            assert isinstance(event, Event)
            run = event.run
            facts.append(
                EventFact(
                    seq=event.seq,
                    type=event.type,
                    run_id=run.id if run else None,
                    state=run.state if run else None,
                    node=run.node if run else None,
                    at=event.at,
                    is_held=run is not None and run.is_held,
                )
            )
    return facts


async def _read_by_sql(
    connection: asyncpg.Connection[Any],
) -> tuple[list[RunFact], list[SlotFact], list[EventFact]]:
    # `union all` of two tables: a run that is in both would be there twice.
    runs = await connection.fetch(
        "select id, job, state, attempt, previous_run_id, chain_id, trigger_id, slot, arguments,"
        " crashes, node, ended_at, error->>'type' as error, trace_id, started_at, result,"
        " error->>'message' as message"
        " from callboard.run order by id"
    )
    slots = await connection.fetch(
        'select trigger_id, slot, until, slot_count as "count", decision, reason, run_ids'
        " from callboard.ledger order by trigger_id, slot"
    )
    facts = [_run_from_row(row) for row in runs]
    return (
        facts,
        [SlotFact(**{**row, "run_ids": tuple(row["run_ids"])}) for row in slots],
        await _events_by_sql(connection, {run.id: run.node for run in facts}),
    )


def _run_from_row(row: Any) -> RunFact:
    values = {**row, "state": RunState(row["state"])}
    for name in ("arguments", "result"):
        if row[name] is not None:
            values[name] = json.dumps(json.loads(row[name]), sort_keys=True)
    return RunFact(**values)


async def _events_by_sql(
    connection: asyncpg.Connection[Any], nodes: Mapping[int, str | None]
) -> list[EventFact]:
    """
    Args:
        nodes: by run: who executed it last.
    """
    batches = await connection.fetch(
        "select first_seq, last_seq, at, records, node, ended, ended_states, queued, started"
        " from callboard.event_batch order by first_seq"
    )
    facts: list[EventFact] = []
    for row in batches:
        told = [*_told_of_runs(row, nodes), *(_told(*record) for record in _records(row))]
        assert len(told) == row["last_seq"] - row["first_seq"] + 1
        for seq, fields in enumerate(told, start=row["first_seq"]):
            facts.append(EventFact(seq=seq, at=row["at"], **fields))
    return facts


def _told_of_runs(row: Any, nodes: Mapping[int, str | None]) -> Iterator[dict[str, Any]]:
    """What a batch tells of runs in few words, in the order of its numbers."""
    states = row["ended_states"] or ["succeeded"] * len(row["ended"])
    for run_id, state in zip(row["ended"], states, strict=True):
        yield _of_run("run.ended", run_id, RunState(state), nodes.get(run_id))
    for run_id in row["queued"]:
        yield _of_run("run.queued", run_id, RunState.QUEUED, None)
    for run_id in row["started"]:
        yield _of_run("run.started", run_id, RunState.RUNNING, row["node"])


def _of_run(type: str, run_id: int, state: RunState, node: str | None) -> dict[str, Any]:
    return {"type": type, "run_id": run_id, "state": state, "node": node}


def _records(row: Any) -> list[Any]:
    records: list[Any] = json.loads(row["records"])
    return records


def _told(type: str, run_id: int | None, patch: Any) -> dict[str, Any]:
    """What a record of a batch tells in full."""
    if run_id is None:
        return {"type": type, "run_id": None, "state": None, "node": None}
    state = RunState(patch["state"])
    is_held = state is RunState.QUEUED and datetime.fromisoformat(patch["due_at"]) == HELD
    return {**_of_run(type, run_id, state, patch["node"]), "is_held": is_held}


def _compare(what: str, by_api: Sequence[object], by_sql: Sequence[object]) -> None:
    if list(by_api) == list(by_sql):
        return
    differing = [
        f"{ours} is {theirs}"
        for ours, theirs in zip(by_api, by_sql, strict=False)
        if ours != theirs
    ]
    counts = f"{len(by_api)} {what} by the API, {len(by_sql)} by SQL"
    raise Disagreement("; ".join([counts, *differing[:3]]))
