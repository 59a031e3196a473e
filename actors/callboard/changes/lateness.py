"""What was found of slots that missed a deadline: told once."""

from __future__ import annotations

from typing import Any

from callboard.changes.work import Work
from callboard.commands import NoteDeadlines
from callboard.domain.delivery import NewDelivery
from callboard.domain.instant import instant_to_text
from callboard.domain.lateness import MissedDeadline
from callboard.domain.webhook import WebhookEvent


async def note_deadlines(work: Work, command: NoteDeadlines) -> bool:
    watched = command.watched
    before = watched.checked.get(command.kind)
    if not await work.tx.move_deadline_check(
        watched.trigger_id, command.kind, before, command.until
    ):
        return False
    for missed in command.missed:
        work.deadline_missed(watched.group, watched.name, _facts(command, missed))
    await _tell(work, command)
    return True


async def _tell(work: Work, command: NoteDeadlines) -> None:
    if not command.missed:
        return
    watched, event = command.watched, WebhookEvent.DEADLINE_MISSED
    deliveries = [
        NewDelivery(
            webhook_id=webhook.id,
            event=event,
            subject=f"slot:{watched.trigger_id}:{command.kind}:{instant_to_text(missed.slot)}",
            payload={
                "event": event,
                "at": instant_to_text(work.now),
                "group": watched.group,
                "trigger": watched.name,
                **_facts(command, missed),
            },
        )
        for webhook in await work.tx.webhooks()
        if webhook.group == watched.group
        and any(webhook.wants(event, job=job, trigger=watched.name) for job in command.jobs)
        for missed in command.missed
    ]
    if await work.tx.insert_deliveries(deliveries):
        work.hints.add("deliveries")


def _facts(command: NoteDeadlines, missed: MissedDeadline) -> dict[str, Any]:
    return {
        "deadline": command.kind,
        "slot": instant_to_text(missed.slot),
        "until": instant_to_text(missed.until),
        "reason": missed.reason,
        "run_ids": list(missed.run_ids),
    }
