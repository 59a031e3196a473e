"""What became of a cycle: the answers, what is to be told, and what it left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callboard.changes.cycle_plan import Plan
from callboard.changes.cycle_split import Hot
from callboard.changes.waiting import RestOfEnds, Sink, Waiting
from callboard.commands import EndedRun, EndRuns
from callboard.committed_events import CommittedEvents
from callboard.domain.claimed import ClaimedRun
from callboard.domain.run import Run
from callboard.events import Committed
from callboard.store.cycle import Cycled


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Of a committed cycle; of its claim only what concerns others."""

    answers: list[tuple[Sink, object]] = field(default_factory=list)
    left: list[Waiting] = field(default_factory=list)
    """For a transaction."""
    assigned: tuple[ClaimedRun, ...] = ()
    """Runs that were born running."""
    committed: Committed | None = None
    topics: frozenset[str] = frozenset()
    """As other nodes are told."""


def outcome_of(hot: Hot, plan: Plan, cycled: Cycled) -> Outcome:
    outcome = Outcome()
    ended = _settle_ends(hot, plan, cycled, outcome)
    created, born = _settle_starts(plan, cycled, outcome)
    outcome.committed = _committed(plan, cycled, ended, created, born)
    outcome.topics = _topics(outcome.committed, queued=len(created) - len(born))
    return outcome


def _settle_ends(hot: Hot, plan: Plan, cycled: Cycled, outcome: Outcome) -> Sequence[EndedRun]:
    """Answer the ends; those that happened, each once."""
    is_all = len(cycled.ended) == len(plan.ended)
    for command, sink in hot.ends:
        if is_all and len(command.ended) == len(plan.ended):
            outcome.answers.append((sink, cycled.ended))
            continue
        done = frozenset([one.end.run_id for one in command.ended]) & cycled.ended
        left = [one for one in command.ended if one.end.run_id not in done]
        if left:
            outcome.left.append((EndRuns(ended=tuple(left)), RestOfEnds(sink, done)))
        else:
            outcome.answers.append((sink, done))
    if is_all:
        return plan.ended
    once: dict[int, EndedRun] = {}
    for one in plan.ended:
        if one.end.run_id in cycled.ended:
            once.setdefault(one.end.run_id, one)
    return [*once.values()]


def _settle_starts(
    plan: Plan, cycled: Cycled, outcome: Outcome
) -> tuple[Sequence[Run], Sequence[Run]]:
    """Answer the starts; the runs that were created, as they were queued, and those that run."""
    runs = [fresh.created(cycled.now) for fresh in plan.cycle.starts]
    is_all = len(cycled.started) == len(runs)
    at = 0
    for command, sink, _ in plan.starts:
        if len(command.runs) == 1:
            mine: tuple[Run, ...] = (runs[at],)
        else:
            mine = tuple(runs[at : at + len(command.runs)])
        at += len(mine)
        if is_all or mine[0].id in cycled.started:
            outcome.answers.append((sink, mine))
        else:
            outcome.left.append((command, sink))
    born: list[Run] = []
    if cycled.is_born:
        outcome.assigned = tuple(_assigned(plan, cycled))
        born = [claimed.run for claimed in outcome.assigned]
    created = runs if is_all else [run for run in runs if run.id in cycled.started]
    return created, born


def _assigned(plan: Plan, cycled: Cycled) -> list[ClaimedRun]:
    cycle = plan.cycle
    now, started, node, epoch = cycled.now, cycled.started, cycled.node, cycle.epoch
    jobs = {job.id: job for _, _, job in plan.starts}
    return [
        ClaimedRun(fresh.created(now, node, epoch), jobs[fresh.job_id])
        for fresh in cycle.starts[: cycle.born]
        if fresh.id in started
    ]


def _committed(
    plan: Plan,
    cycled: Cycled,
    ended: Sequence[EndedRun],
    created: Sequence[Run],
    born: Sequence[Run],
) -> Committed | None:
    """What is told of a cycle; None where nothing happened."""
    if not cycled.first_seq:
        return None
    events = CommittedEvents(
        first_seq=cycled.first_seq,
        at=cycled.now,
        ended=ended,
        queued=created,
        started=(*born, *cycled.claimed) if born else cycled.claimed,
    )
    return Committed(
        first_seq=cycled.first_seq,
        events=events,
        due_at=_due_at(created[len(born) :]),
        freed=frozenset([id for one in ended if (id := one.run.trigger_id) is not None]),
        logged_run_ids=frozenset([one.run.id for one in ended if one.log]),
    )


def _due_at(queued: Sequence[Run]) -> datetime | None:
    return min([run.due_at for run in queued], default=None)


def _topics(committed: Committed | None, queued: int) -> frozenset[str]:
    if committed is None:
        return frozenset()
    topics = {"events"}
    if queued:
        topics.add("runs")
    if committed.logged_run_ids:
        topics.add("logs")
    return frozenset(topics)
