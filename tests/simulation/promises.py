"""The checker of simulations: what a store says happened, against what the outside world knows.

Most of it is `support.history` and `support.slot_promises`. What is added here can only be said
where every execution and every instant is known:

- an end was written by the execution that the run had been claimed for last;
- no more runs of a job than its limit were running at any event;
- nobody worked for a run while somebody else did, but for nodes that were frozen meanwhile;
- the counters are those of the rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from callboard.domain.ledger import Decision
from callboard.domain.run import Run
from callboard.domain.states import ON_NODE, RunState
from callboard.domain.trigger import Trigger
from callboard.events import run_as_of
from callboard.store.contract import JobFilter, RunFilter, TriggerFilter
from callboard.store.memory import MemoryStore
from simulation.work import LIMIT, PERIODS, Execution
from support.history import (
    Asked,
    EventFact,
    History,
    RunFact,
    SlotFact,
    faults_of_runs,
    faults_of_starts,
)
from support.slot_promises import faults_of_slots

ALL = 1_000_000
EXECUTION = re.compile(r"execution (\d+)")


async def read_history(store: MemoryStore) -> History:
    """All that the store says happened."""
    triggers = await store.list_triggers(TriggerFilter(limit=ALL))
    runs = {run.id: run for run in await store.list_runs(RunFilter(limit=ALL))}
    return History(
        jobs={job.name: job for job in await store.list_jobs(JobFilter(limit=ALL))},
        triggers=triggers,
        runs={run.id: _fact(run) for run in sorted(runs.values(), key=lambda run: run.id)},
        slots=[slot for trigger in triggers for slot in await _slots(store, trigger)],
        events=await _events(store, runs),
    )


def _fact(run: Run) -> RunFact:
    return RunFact(
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
        result=None if run.result is None else json.dumps(run.result),
        message=run.error.message if run.error else None,
    )


async def _slots(store: MemoryStore, trigger: Trigger) -> list[SlotFact]:
    assert trigger.created_at is not None
    day = timedelta(days=1)
    entries = await store.read_ledger(
        trigger.id, since=trigger.created_at - day, until=trigger.created_at + day, limit=ALL
    )
    return [
        SlotFact(
            trigger_id=trigger.id,
            slot=entry.slot,
            until=entry.until,
            count=entry.count,
            decision=entry.decision.value,
            reason=entry.reason.value if entry.reason else None,
            run_ids=entry.run_ids,
        )
        for entry in entries
    ]


async def _events(store: MemoryStore, runs: Mapping[int, Run]) -> list[EventFact]:
    facts: list[EventFact] = []
    for batch in await store.read_events(0, ALL):
        for seq, record in enumerate(batch.records, start=batch.first_seq):
            run = None
            if record.run_id in runs:
                run = run_as_of(runs[record.run_id], record)
            facts.append(
                EventFact(
                    seq=seq,
                    type=record.type,
                    run_id=record.run_id,
                    state=run.state if run else None,
                    node=run.node if run else None,
                    at=batch.at,
                    is_held=run is not None and run.is_held,
                )
            )
    return facts


def faults_of(
    history: History,
    asked: Asked,
    executions: Sequence[Execution],
    names: Sequence[str],
    frozen: Sequence[bool],
) -> list[str]:
    """What is wrong, in words; everything must have ended, every trigger be deactivated.

    Args:
        names: of the nodes, by life.
        frozen: by life: whether it ever was.
    """
    begun = Counter(execution.run_id for execution in executions)
    return [
        *faults_of_starts(history, asked),
        *faults_of_runs(history, has_drained=True, executions=begun),
        *faults_of_slots(history, PERIODS),
        *_faults_of_ends(history, executions, names),
        *_faults_of_limits(history),
        *_faults_of_overlaps(executions, frozen),
        *_faults_of_counters(history),
    ]


def _faults_of_ends(
    history: History, executions: Sequence[Execution], names: Sequence[str]
) -> Iterator[str]:
    """Ends that somebody else wrote than who had the run (H02, H05)."""
    for run in history.runs.values():
        number = _execution_of(run)
        if number is None:
            if run.state is RunState.SUCCEEDED:
                yield f"run {run.id} succeeded without a result"
            continue
        execution = executions[number]
        if execution.run_id != run.id or names[execution.life] != run.node:
            yield f"run {run.id} of {run.node} was ended by {execution}"
        elif run.started_at is None or execution.begun_at < run.started_at:
            yield f"run {run.id} was claimed at {run.started_at} and ended by {execution}"


def _execution_of(run: RunFact) -> int | None:
    """The number of the execution that its end names."""
    if run.result is not None:
        return int(run.result)
    found = EXECUTION.search(run.message or "")
    return None if found is None else int(found[1])


def _faults_of_limits(history: History) -> Iterator[str]:
    limited = {run.id for run in history.runs.values() if run.job == "limited"}
    on_node: set[int] = set()
    for event in history.events:
        if event.run_id not in limited or event.run_id is None:
            continue
        (on_node.add if event.state in ON_NODE else on_node.discard)(event.run_id)
        if len(on_node) > LIMIT:
            yield f"at event {event.seq} the limited runs {sorted(on_node)} are running"


def _faults_of_overlaps(executions: Sequence[Execution], frozen: Sequence[bool]) -> Iterator[str]:
    """Two who worked for a run at once; a frozen one works when it is thawed, if for a moment."""
    of_run: defaultdict[int, list[Execution]] = defaultdict(list)
    for execution in executions:
        if not frozen[execution.life]:
            of_run[execution.run_id].append(execution)
    for run_id, several in of_run.items():
        ends = [each.ended_at for each in several[:-1]]
        for end, following in zip(ends, several[1:], strict=True):
            if end is None or end > following.begun_at:
                yield f"run {run_id} was executed by two at once: {several}"


def _faults_of_counters(history: History) -> Iterator[str]:
    fired = Counter(slot.trigger_id for slot in history.slots if slot.decision == Decision.FIRED)
    for trigger in history.triggers:
        if trigger.firings != fired[trigger.id]:
            yield f"{trigger.name} counts {trigger.firings} firings, its ledger {fired[trigger.id]}"
