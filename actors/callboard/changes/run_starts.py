"""Starts of runs that somebody asks for, and may be refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from callboard.changes.batch_starts import Reservations, reserve_instances
from callboard.changes.continued import (
    continued,
    live_previous,
    previous_problems,
    read_previous,
)
from callboard.changes.job_room import JobRoom, is_refused_whole, job_full, open_room
from callboard.changes.key_room import KeyRoom, look_for_room
from callboard.changes.runs import create_runs
from callboard.changes.suspended_start import SuspendedStart
from callboard.changes.work import Work
from callboard.commands import StartRuns
from callboard.domain.job import Job
from callboard.domain.parameters import MOST_PROBLEMS, ArgumentChecks
from callboard.domain.run import NewRun, Run
from callboard.errors import Conflict, FieldProblem, InvalidInput, RefusedError, UsageError
from callboard.store.contract import IdempotencyRecord

Jobs: TypeAlias = Mapping[tuple[str, str], Job]
Refusal: TypeAlias = RefusedError | UsageError


async def start_runs(work: Work, command: StartRuns) -> tuple[Run, ...]:
    """As StartRuns, of runs of a trigger. Raises what it may be refused with."""
    (answer,) = await start_all(work, [command])
    assert not isinstance(answer, SuspendedStart)
    if isinstance(answer, Exception):
        raise answer
    return answer


async def start_all(
    work: Work, commands: Sequence[StartRuns]
) -> list[tuple[Run, ...] | Refusal | SuspendedStart]:
    """The answers of many starts that share one commit, each all or none, in their order.

    A start that depends on the room of its jobs is suspended until `settle_room`.
    """
    every = [new for command in commands for new in command.runs]
    jobs = await work.tx.lock_jobs(sorted({(new.group, new.job) for new in every}))
    work.jobs.update({job.id: job for job in jobs.values()})
    previous = await read_previous(work, every)
    room = await look_for_room(work, every, jobs)
    # Most jobs have no limit: their starts, which may be many, need not be asked one by one.
    may_be_full = any(job.max_concurrent_runs is not None for job in jobs.values())
    answers: list[tuple[Run, ...] | Refusal | SuspendedStart | range] = []
    shared: list[tuple[NewRun, Job]] = []
    refusals = [refusal_of(each.runs, jobs, work.checks, previous) for each in commands]
    right = {place: commands[place] for place, no in enumerate(refusals) if no is None}
    instances = await reserve_instances(work, right, jobs)
    for place, command in enumerate(commands):
        refusal = refusals[place]
        if refusal is not None:
            answers.append(refusal)
            continue
        if previous:
            command = replace(
                command, runs=tuple([continued(new, previous) for new in command.runs])
            )
        if may_be_full and any(
            is_refused_whole(new, jobs[new.group, new.job]) for new in command.runs
        ):
            answers.append(await _suspended(work, command, jobs, instances, place))
        elif command.idempotency_key is not None:
            # Rare and needs a row of its own: not worth a place in the shared insert.
            answers.append(await _start_once(work, command, jobs, room, instances, place))
        elif refusal := await _refusal(work, command, jobs, room, instances, place):
            answers.append(refusal)
        else:
            command = instances.take(work, place, command)
            answers.append(range(len(shared), len(shared) + len(command.runs)))
            shared += [(new, jobs[new.group, new.job]) for new in command.runs]
    await instances.drop_rest(work)
    runs = await create_runs(work, shared)
    return [
        tuple(runs[each.start : each.stop]) if isinstance(each, range) else each for each in answers
    ]


def refusal_of(
    runs: Sequence[NewRun], jobs: Jobs, checks: ArgumentChecks, previous: Mapping[int, Run]
) -> Refusal | None:
    """Why these runs cannot be created; None when they can, where there is room."""
    if gone := _without_job(runs, jobs):
        return gone
    problems = [
        problem
        for index, new in enumerate(runs)
        for problem in checks.problems(
            jobs[new.group, new.job], new.arguments, f"runs[{index}].arguments"
        )
    ]
    problems += previous_problems(runs, jobs, previous)
    if problems:
        return InvalidInput(*problems[:MOST_PROBLEMS])
    for new in runs:
        if jobs[new.group, new.job].disabled:
            return Conflict("job_disabled", f"job {new.job!r} is disabled")
    return live_previous(runs, previous) if previous else None


def _without_job(runs: Sequence[NewRun], jobs: Jobs) -> InvalidInput | None:
    problems = [
        FieldProblem(
            f"runs[{index}].job", f"there is no job {new.job!r} in the group {new.group!r}"
        )
        for index, new in enumerate(runs)
        if (new.group, new.job) not in jobs
    ]
    return InvalidInput(*problems) if problems else None


async def _refusal(
    work: Work,
    command: StartRuns,
    jobs: Jobs,
    room: KeyRoom,
    instances: Reservations,
    place: int,
) -> Refusal | None:
    """Why there is no room for its runs; when there is, they take it."""
    no_instance = instances.refusal(place, command)
    return no_instance or await room.take(work, command.runs, jobs)


async def _start_once(
    work: Work,
    command: StartRuns,
    jobs: Jobs,
    room: KeyRoom,
    instances: Reservations,
    place: int,
) -> tuple[Run, ...] | Refusal:
    known, is_first = await _record(work, command)
    if known.run_ids:
        return await _runs_of(work, known)
    if refusal := await _refusal(work, command, jobs, room, instances, place):
        if is_first:
            await work.tx.delete_idempotency(known.key)
        return refusal
    command = instances.take(work, place, command)
    created = await create_runs(work, [(new, jobs[new.group, new.job]) for new in command.runs])
    await work.tx.update_idempotency(replace(known, run_ids=tuple(run.id for run in created)))
    return tuple(created)


async def _record(work: Work, command: StartRuns) -> tuple[IdempotencyRecord, bool]:
    """What is known of the command's key, and whether that was stored just now."""
    assert command.idempotency_key is not None
    fresh = IdempotencyRecord(key=command.idempotency_key, digest="", created_at=work.now)
    present = await work.tx.insert_idempotency(fresh)
    return (fresh, True) if present is None else (present, False)


async def _runs_of(work: Work, known: IdempotencyRecord) -> tuple[Run, ...]:
    runs = await work.tx.lock_runs(known.run_ids)
    return tuple(runs[run_id] for run_id in known.run_ids if run_id in runs)


async def _suspended(
    work: Work, command: StartRuns, jobs: Jobs, instances: Reservations, place: int
) -> tuple[Run, ...] | Refusal | SuspendedStart:
    known, is_first = None, False
    if command.idempotency_key is not None:
        known, is_first = await _record(work, command)
        if known.run_ids:
            return await _runs_of(work, known)
    if refusal := instances.refusal(place, command):
        if known is not None and is_first:
            await work.tx.delete_idempotency(known.key)
        return refusal
    command = instances.take(work, place, command)
    start = SuspendedStart(runs=command.runs, jobs=jobs, record=known, is_first=is_first)
    work.suspended.append(start)
    return start


async def settle_room(work: Work) -> None:
    """Decide what waits for room: first the runs that were created, then the starts, in order."""
    seeking, suspended = work.seeking, work.suspended
    if not (seeking or suspended):
        return
    work.seeking, work.suspended = [], []
    for start in suspended:
        if refusal := _of_gone_jobs(work, start):
            await _refuse(work, start, refusal)
    suspended = [start for start in suspended if start.answer is None]
    room = await open_room(work, seeking, suspended)
    await room.refuse(work, seeking)
    if suspended:
        await _decide(work, room, suspended)


def _of_gone_jobs(work: Work, start: SuspendedStart) -> InvalidInput | None:
    """The refusal of a start whose job was deleted in the transaction, behind it."""
    if not work.gone_job_ids:
        return None
    jobs = {name: job for name, job in start.jobs.items() if job.id not in work.gone_job_ids}
    return _without_job(start.runs, jobs)


async def _refuse(work: Work, start: SuspendedStart, refusal: Refusal) -> None:
    """Nothing is left of it: the next one with its key is decided anew."""
    start.answer = refusal
    if start.record is not None and start.is_first:
        await work.tx.delete_idempotency(start.record.key)


async def _decide(work: Work, room: JobRoom, suspended: Sequence[SuspendedStart]) -> None:
    every = [new for start in suspended for new in start.runs]
    jobs = {name: job for start in suspended for name, job in start.jobs.items()}
    keys = await look_for_room(work, every, jobs)
    taken = await _taken_keys(work, suspended)
    admitted: list[SuspendedStart] = []
    by_key: dict[str, SuspendedStart] = {}
    repeated: list[tuple[SuspendedStart, SuspendedStart]] = []
    for start in suspended:
        key = None if start.record is None else start.record.key
        if key in by_key:
            repeated.append((start, by_key[key]))
            continue
        fresh = _fresh(start, taken)
        lacking = room.lacks(fresh)
        refusal: Refusal | None = job_full(lacking) if lacking else None
        refusal = refusal or await keys.take(work, start.runs, start.jobs)
        if refusal is not None:
            await _refuse(work, start, refusal)
            continue
        room.take(fresh)
        taken |= {(job.id, new.unique_key) for new, job in fresh if new.unique_key is not None}
        admitted.append(start)
        if key is not None:
            by_key[key] = start
    await _create(work, admitted)
    for start, first in repeated:
        start.answer = first.answer


async def _taken_keys(work: Work, suspended: Sequence[SuspendedStart]) -> set[tuple[int, str]]:
    """Unique keys, by job, that live runs have."""
    keys = [
        (job.id, new.unique_key)
        for start in suspended
        for new, job in start.wanted()
        if new.unique_key is not None
    ]
    return set(await work.tx.live_runs_by_key(keys)) if keys else set()


def _fresh(start: SuspendedStart, taken: set[tuple[int, str]]) -> list[tuple[NewRun, Job]]:
    """Those of its runs that will be created; the others are answered with runs that are live."""
    fresh: list[tuple[NewRun, Job]] = []
    seen = set(taken)
    for new, job in start.wanted():
        if new.unique_key is not None:
            if (job.id, new.unique_key) in seen:
                continue
            seen.add((job.id, new.unique_key))
        fresh.append((new, job))
    return fresh


async def _create(work: Work, admitted: Sequence[SuspendedStart]) -> None:
    wanted = [each for start in admitted for each in start.wanted()]
    runs = iter(await create_runs(work, wanted, is_admitted=True))
    for start in admitted:
        start.answer = tuple([next(runs) for _ in start.runs])
        if start.record is not None:
            run_ids = tuple([run.id for run in start.answer])
            await work.tx.update_idempotency(replace(start.record, run_ids=run_ids))
