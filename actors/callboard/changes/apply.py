"""From commands to changes: the table, and the order within one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from callboard import commands as c
from callboard.changes import ends, jobs, nodes, requests, runs, slots, triggers
from callboard.changes.work import Work
from callboard.errors import RefusedError, UsageError

CHANGE: Final[Mapping[type, Callable[[Work, Any], Awaitable[object]]]] = {
    c.CreateJob: jobs.create_job,
    c.ReplaceJob: jobs.replace_job,
    c.DeleteJob: jobs.delete_job,
    c.CreateTrigger: triggers.create_trigger,
    c.ReplaceTrigger: triggers.replace_trigger,
    c.DeleteTrigger: triggers.delete_trigger,
    c.ActivateTrigger: triggers.activate_trigger,
    c.DeactivateTrigger: triggers.deactivate_trigger,
    c.FireTrigger: triggers.fire_trigger,
    c.ParkTrigger: triggers.park_trigger,
    c.ParkRun: ends.park_run,
    c.HandBack: ends.hand_back,
    c.StopRun: ends.stop_run,
    c.RetryRun: runs.retry_run,
    c.AbandonRun: ends.abandon_run,
    c.RegisterNode: nodes.register_node,
    c.RenewLease: nodes.renew_lease,
    c.DeregisterNode: nodes.deregister_node,
    c.RescueRuns: ends.rescue_runs,
    c.BeginRequest: requests.begin_request,
    c.FinishRequest: requests.finish_request,
    c.AbortRequest: requests.abort_request,
    c.ClaimRuns: nodes.claim_runs,
}
"""One command at a time."""

BULK: Final[Mapping[type, Callable[[Work, Any], Awaitable[Sequence[object]]]]] = {
    c.EndRuns: ends.end_runs,
    c.FireSlots: slots.fire_slots,
    c.StartRuns: runs.start_all,
    c.AppendLog: nodes.append_log,
}
"""All commands of the kind in one call, answered in order."""

LAST: Final = frozenset({c.ClaimRuns, c.HandBack})
"""Claims take what starts and slots have just made. A hand-back takes its turn among them: it may
be there for the sake of the very claim before it, which its node has given up waiting for."""


async def apply_all(work: Work, changes: Sequence[c.Change]) -> list[object]:
    """The answers in the order of `changes`; a refusal is an exception in its place.

    Ends come first, for they free what claims want; claims come last. A refused change has written
    nothing. Any other exception leaves this function: then nothing may be committed.
    """
    answers: dict[int, object] = {}
    for kind in BULK:
        await _apply_bulk(work, kind, changes, answers)
    late = [index for index, change in enumerate(changes) if type(change) in LAST]
    known = answers.keys() | set(late)
    early = [index for index in range(len(changes)) if index not in known]
    for index in (*early, *late):
        answers[index] = await _apply_one(work, changes[index])
    return [answers[index] for index in range(len(changes))]


async def _apply_bulk(
    work: Work, kind: type, changes: Sequence[c.Change], answers: dict[int, object]
) -> None:
    places = [index for index, change in enumerate(changes) if type(change) is kind]
    if places:
        results = await BULK[kind](work, [changes[index] for index in places])
        answers.update(zip(places, results, strict=True))


async def _apply_one(work: Work, change: c.Change) -> object:
    try:
        return await CHANGE[type(change)](work, change)
    except (RefusedError, UsageError) as refusal:
        return refusal
