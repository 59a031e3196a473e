"""Changes of queues."""

from __future__ import annotations

from dataclasses import replace

from callboard.changes.naming import first_of
from callboard.changes.versions import as_successor, check_version
from callboard.changes.work import Work
from callboard.commands import CreateQueue, DeleteQueue, PauseQueue, ReplaceQueue, ResumeQueue
from callboard.domain.queue import Queue
from callboard.errors import AlreadyExists, Conflict, NotFound


async def create_queue(work: Work, command: CreateQueue) -> Queue:
    queue = await work.tx.insert_queue(command.queue)
    if queue is None:
        raise AlreadyExists("queue", command.queue.name)
    work.queue_changed(queue)
    return queue


async def replace_queue(work: Work, command: ReplaceQueue) -> tuple[Queue, bool]:
    wanted = command.queue
    present = await work.tx.lock_queue(wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("queue", wanted.name)
        return await create_queue(work, CreateQueue(queue=wanted)), True
    check_version("queue", present, command.expected_version)
    edited = as_successor(wanted, present)
    return await _changed(work, present, edited), False


async def pause_queue(work: Work, command: PauseQueue) -> Queue:
    return await _set_paused(work, command, paused=True)


async def resume_queue(work: Work, command: ResumeQueue) -> Queue:
    return await _set_paused(work, command, paused=False)


async def delete_queue(work: Work, command: DeleteQueue) -> None:
    queue = await _present(work, command)
    users = await work.tx.jobs_of_queue(queue.group, queue.name)
    if users:
        names = first_of(users)
        raise Conflict(
            "queue_in_use",
            f"queue {queue.name!r} is named by {names}: change or delete those first, or take its "
            "limits away instead",
        )
    await work.tx.delete_queue(queue.id)
    work.queue_deleted(queue)


async def _set_paused(work: Work, command: PauseQueue | ResumeQueue, *, paused: bool) -> Queue:
    queue = await _present(work, command)
    return await _changed(work, queue, replace(queue, paused=paused))


async def _present(work: Work, command: PauseQueue | ResumeQueue | DeleteQueue) -> Queue:
    queue = await work.tx.lock_queue(command.group, command.name)
    if queue is None:
        raise NotFound("queue", command.name)
    check_version("queue", queue, command.expected_version)
    return queue


async def _changed(work: Work, present: Queue, edited: Queue) -> Queue:
    if edited == present:
        return present
    stored = await work.tx.update_queue(edited)
    if stored is None:
        raise NotFound("queue", present.name)
    work.queue_changed(stored)
    return stored
