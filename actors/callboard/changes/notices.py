"""From the ends of runs to the messages of webhooks, by a follower of the committed events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from callboard.changes.following import read_step
from callboard.changes.work import Work
from callboard.commands import Noted, NoteEnds
from callboard.domain.chain_end import ChainEnd
from callboard.domain.delivery import NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.instant import instant_to_text
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.webhook import Webhook, WebhookEvent

FOLLOWER: Final = "notices"
BAD: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT})
"""Ends that webhooks tell of; who stops a run knows of it."""
OF_RUNS: Final = frozenset({WebhookEvent.RUN_FAILED, WebhookEvent.RUN_RECOVERED})


async def note_ends(work: Work, command: NoteEnds) -> Noted:
    following = await work.tx.lock_follower(FOLLOWER)
    if following is None:
        return Noted(is_watching=True)  # another node is at it
    every = await work.tx.webhooks()
    webhooks = [each for each in every if _is_watching(each)]
    if not webhooks:
        if following.seq is not None:
            await work.tx.move_follower(FOLLOWER, None)
        return Noted(is_watching=any(not each.disabled for each in every))
    if following.seq is None:
        # Not retroactive: what was committed before anybody listened is nobody's.
        await work.tx.move_follower(FOLLOWER, following.newest)
        return Noted(is_watching=True)
    if following.seq >= following.newest:
        return Noted(is_watching=True)
    job_ids = await work.tx.job_ids_of({(each.group, each.job) for each in webhooks})
    step = await read_step(work, following.seq, following.newest, job_ids, events=command.events)
    await _tell(work, webhooks, [end for end in step.ends if end.is_final])
    await work.tx.move_follower(FOLLOWER, step.last)
    return Noted(is_watching=True, again=step.again, missed=step.missed)


async def follow_from_now(work: Work) -> None:
    """Begin to follow the events, if nobody does: what is committed from now on is told."""
    following = await work.tx.lock_follower(FOLLOWER)
    if following is not None and following.seq is None:
        await work.tx.move_follower(FOLLOWER, following.newest)


def _is_watching(webhook: Webhook) -> bool:
    return not webhook.disabled and not OF_RUNS.isdisjoint(webhook.events)


async def _tell(work: Work, webhooks: Sequence[Webhook], ends: Sequence[ChainEnd]) -> None:
    if not ends:
        return
    runs = await work.tx.lock_runs(sorted({end.run_id for end in ends}))
    deliveries: list[NewDelivery] = []
    for end in ends:
        run = runs.get(end.run_id)
        if run is not None and (event := await _event_of(work, end)) is not None:
            deliveries += _deliveries(webhooks, event[0], end, run, event[1])
    if await work.tx.insert_deliveries(deliveries):
        work.hints.add("deliveries")


async def _event_of(work: Work, end: ChainEnd) -> tuple[WebhookEvent, Mapping[str, Any]] | None:
    """What an end means after those before it, with more to say of it."""
    if end.state in BAD:
        failing = FailingJob(job_id=end.job_id, run_id=end.run_id, since=end.at)
        await work.tx.note_failing_jobs([failing])
        return WebhookEvent.RUN_FAILED, {}
    if end.state is not RunState.SUCCEEDED:
        return None
    recovered = await work.tx.take_failing_jobs([end.job_id])
    if not recovered:
        return None
    since = recovered[0]
    return WebhookEvent.RUN_RECOVERED, {
        "failing_since": instant_to_text(since.since),
        "failed_run_id": since.run_id,
    }


def _deliveries(
    webhooks: Sequence[Webhook],
    event: WebhookEvent,
    end: ChainEnd,
    run: Run,
    more: Mapping[str, Any],
) -> Iterable[NewDelivery]:
    for webhook in webhooks:
        if webhook.group == run.group and webhook.wants(event, job=run.job, trigger=run.trigger):
            yield NewDelivery(
                webhook_id=webhook.id,
                event=event,
                subject=f"run:{run.id}",
                payload={
                    "event": event,
                    "at": instant_to_text(end.at),
                    "group": run.group,
                    "job": run.job,
                    "run": _facts(run, end.state),
                    **more,
                },
            )


def _facts(run: Run, state: RunState) -> dict[str, Any]:
    """What may leave the house of a run: neither its arguments nor its result."""
    error = run.error
    return {
        "id": run.id,
        "state": state.value,
        "trigger": run.trigger,
        "slot": run.slot and instant_to_text(run.slot),
        "attempt": run.attempt,
        "chain_id": run.chain_id,
        "error": error and {"type": error.type, "message": error.message},
        "trace_id": run.trace_id,
        "started_at": run.started_at and instant_to_text(run.started_at),
        "ended_at": run.ended_at and instant_to_text(run.ended_at),
    }
