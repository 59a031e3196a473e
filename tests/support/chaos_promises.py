"""The checker of storms: what was seen outside of the database, held against what is written in it.

A witness knows which process executed what and when, when each process died, and when it stood
still. Then (beside `support.history` and `support.slot_promises`):

- every execution belongs to a claim of the node whose process it was;
- the end that is recorded is that of an execution under the run's last claim: nobody wrote who had
  lost the run;
- two executions of a run overlap only where the first one's process stood still;
- what was acknowledged was executed, or stopped before;
- a job's runs never exceed its limit, in the order of events;
- counters say what the rows say: crashes, firings, backfills.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from callboard.domain.backfill import Backfill, BackfillState
from callboard.domain.ledger import Decision
from callboard.domain.states import ON_NODE, RunState
from support.executions import Execution
from support.history import Asked, EventFact, History, RunFact, decided_until
from support.slot_promises import BackfilledFact

TOKEN: Final = re.compile(r"\b\d+-\d{19}\b")
BEFORE_IT_BEGAN: Final = frozenset({RunState.STOPPED, RunState.TIMED_OUT})
CLOCKS_NS: Final = 2_000_000
"""The database's clock and the nodes' are one, read at different moments."""
LATE_NS: Final = 500_000_000
"""How long a handler may take to end when it is cancelled, on a machine with a lot to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What was seen from outside; times are nanoseconds since 1970."""

    executions: Sequence[Execution]
    """By their beginning."""
    names: Mapping[int, str]
    """By process id: the node's name."""
    deaths: Mapping[int, int] = field(default_factory=dict)
    """By process id: when it was gone."""
    pauses: Sequence[tuple[int, int, int]] = ()
    """(process id, from, until): when a process stood still."""


def faults_of_storm(
    history: History,
    witness: Witness,
    asked: Asked,
    *,
    cancelled: frozenset[str],
    crash_budget: int,
) -> list[str]:
    """What is wrong, in words.

    Args:
        cancelled: jobs whose handlers end when they are told to.
        crash_budget: of all nodes.
    """
    return [
        *_faults_of_claims(history, witness),
        *_faults_of_fences(history, witness),
        *_faults_of_overlaps(history, witness, cancelled),
        *_faults_of_promises(history, witness, asked),
        *_faults_of_limits(history),
        *_faults_of_crashes(history, crash_budget),
    ]


def faults_of_backfills(
    history: History, backfills: Iterable[Backfill], backfilled: Sequence[BackfilledFact]
) -> Iterator[str]:
    """Counters of completed backfills."""
    fired = Counter(each.backfill_id for each in backfilled)
    succeeded = Counter(
        each.backfill_id
        for each in backfilled
        if all(_last_of(history, run_id).state is RunState.SUCCEEDED for run_id in each.run_ids)
    )
    for backfill in backfills:
        name = f"backfill {backfill.id}"
        if backfill.state is not BackfillState.COMPLETED:
            yield f"{name} is {backfill.state}"
        if backfill.decided != backfill.slots_total:
            yield f"{name} decided {backfill.decided} of {backfill.slots_total} slots"
        if backfill.fired != fired[backfill.id]:
            yield f"{name} counts {backfill.fired} firings, there are {fired[backfill.id]}"
        if backfill.succeeded != succeeded[backfill.id]:
            yield f"{name} counts {backfill.succeeded} successes, not {succeeded[backfill.id]}"


def faults_of_firings(history: History, names: Iterable[str]) -> Iterator[str]:
    """Counters of triggers that were not turned off and on, and not fired by hand."""
    wanted = frozenset(names)
    fired = Counter(slot.trigger_id for slot in history.slots if slot.decision == Decision.FIRED)
    for trigger in history.triggers:
        if trigger.name in wanted and trigger.firings != fired[trigger.id]:
            yield f"{trigger.name} counts {trigger.firings} firings, its ledger {fired[trigger.id]}"


def faults_of_once(history: History, instants: Mapping[str, datetime]) -> Iterator[str]:
    """Triggers with one slot each."""
    for trigger in history.triggers:
        if trigger.name in instants:
            instant = instants[trigger.name]
            expected = [instant] if instant <= decided_until(trigger) else []
            decided = [slot.slot for slot in history.slots if slot.trigger_id == trigger.id]
            if decided != expected:
                yield f"{trigger.name} has the slots {decided}, not {expected}"


def _last_of(history: History, run_id: int) -> RunFact:
    """The last run of the chain that begins with that one."""
    return max(
        (run for run in history.runs.values() if run.chain_id == run_id), key=lambda run: run.id
    )


def _claims(history: History) -> dict[int, list[EventFact]]:
    claims: defaultdict[int, list[EventFact]] = defaultdict(list)
    for event in history.events:
        if event.state is RunState.RUNNING and event.run_id is not None:
            claims[event.run_id].append(event)
    return claims


def _faults_of_claims(history: History, witness: Witness) -> Iterator[str]:
    claimed = Counter(
        (run_id, event.node) for run_id, events in _claims(history).items() for event in events
    )
    executed = Counter(
        (each.run_id, witness.names[each.pid])
        for each in witness.executions
        if each.pid in witness.names
    )
    for (run_id, name), times in executed.items():
        if times > claimed[run_id, name]:
            claims = claimed[run_id, name]
            yield f"run {run_id} was executed {times} times on {name}, which claimed it {claims} x"


def _faults_of_fences(history: History, witness: Witness) -> Iterator[str]:
    known = {each.token: each for each in witness.executions}
    claims = _claims(history)
    for run in history.runs.values():
        found = TOKEN.search(f"{run.result} {run.message}")
        if found is None:
            continue
        execution = known.get(found[0])
        if execution is None or execution.run_id != run.id:
            yield f"run {run.id} has the end of {found[0]}: {execution}"
        elif run.node != witness.names.get(execution.pid, run.node):
            yield f"run {run.id} of {run.node} was ended by {witness.names[execution.pid]}"
        elif run.id in claims and execution.begun_ns < _ns(claims[run.id][-1].at) - CLOCKS_NS:
            yield f"run {run.id} was ended by {execution}, then claimed by {claims[run.id][-1]}"


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def _faults_of_overlaps(
    history: History, witness: Witness, cancelled: frozenset[str]
) -> Iterator[str]:
    by_run: defaultdict[int, list[Execution]] = defaultdict(list)
    for each in witness.executions:
        if each.run_id in history.runs and history.runs[each.run_id].job in cancelled:
            by_run[each.run_id].append(each)
    for run_id, executions in by_run.items():
        for first, second in pairwise(executions):
            by_ns = _end_ns(first, witness) - max(second.begun_ns, _awake_ns(first, witness))
            if by_ns > LATE_NS:
                how_long = f"{by_ns / 1e9:.2f} s"
                yield f"run {run_id} was executed twice for {how_long}: {first}, {second}"


def _end_ns(execution: Execution, witness: Witness) -> int:
    if execution.ended_ns is not None:
        return execution.ended_ns
    return witness.deaths.get(execution.pid, execution.begun_ns)


def _awake_ns(execution: Execution, witness: Witness) -> int:
    """When the process last woke up during the execution, which may have ended in that instant."""
    end_ns = _end_ns(execution, witness)
    return max(
        (until for pid, since, until in witness.pauses if pid == execution.pid and since < end_ns),
        default=0,
    )


def _faults_of_promises(history: History, witness: Witness, asked: Asked) -> Iterator[str]:
    executed = {each.run_id for each in witness.executions}
    for run_id in asked.acknowledged.values():
        run = history.runs.get(run_id)
        # A stop, a timeout and the death of a node may come before the handler's first line.
        is_done = run is None or run.state in BEFORE_IT_BEGAN or run.error == "NodeLost"
        if run_id not in executed and not is_done:
            yield f"run {run_id} was acknowledged and never executed: {run}"


def _faults_of_limits(history: History) -> Iterator[str]:
    limits = {
        job.name: job.max_concurrent_runs
        for job in history.jobs.values()
        if job.max_concurrent_runs is not None
    }
    at_work: defaultdict[str, set[int]] = defaultdict(set)
    for event in history.events:
        run = history.runs.get(event.run_id or 0)
        if run is None or run.job not in limits:
            continue
        if event.state in ON_NODE:
            at_work[run.job].add(run.id)
        else:
            at_work[run.job].discard(run.id)
        if len(at_work[run.job]) > limits[run.job]:
            yield f"at event {event.seq} {run.job} has the runs {sorted(at_work[run.job])} at once"


def _faults_of_crashes(history: History, crash_budget: int) -> Iterator[str]:
    lost = Counter(e.run_id for e in history.events if e.state is RunState.LOST)
    parked = {e.run_id for e in history.events if e.state is RunState.PARKED}
    for run in history.runs.values():
        if run.crashes != lost[run.id]:
            yield f"run {run.id} counts {run.crashes} crashes, its events {lost[run.id]}"
        if run.crashes > crash_budget + 1:
            yield f"run {run.id} crashed {run.crashes} times"
        if run.id in parked and run.crashes <= crash_budget:
            yield f"run {run.id} was parked after {run.crashes} crashes: {run.error}"
