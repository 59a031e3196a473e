"""The end of runs, and the ways back: stopped, parked, handed back, abandoned, rescued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from callboard.changes.batch_recover import abandon_batch_run
from callboard.changes.completed import as_completed, end_completed
from callboard.changes.requeue import queued_again, unheld
from callboard.changes.retries import allowed_retries
from callboard.changes.runs import NextAttempt, create_attempts
from callboard.changes.stops import request_stops, stop_unheld
from callboard.changes.work import Work
from callboard.commands import AbandonRun, EndedRun, EndRuns, HandBack, ParkRun, RescueRuns, StopRun
from callboard.domain.batch_refusal import stop_refusal
from callboard.domain.job import Job, OnCrash
from callboard.domain.node import Node
from callboard.domain.recovery import recovers_at
from callboard.domain.run import Run, RunError
from callboard.domain.states import ON_NODE, RunEvent, RunState, advance
from callboard.domain.vitals import node_lost
from callboard.errors import NotFound
from callboard.store.contract import RunEnd


async def end_runs(work: Work, commands: Sequence[EndRuns]) -> list[frozenset[int]]:
    """For each command the ids of its runs that ended by it."""
    every: Sequence[EndedRun] = [ended for command in commands for ended in command.ended]
    results = await work.tx.completed_results([ended.end.run_id for ended in every])
    every = await allowed_retries(work, every, but=results)
    ends = [as_completed(ended.end, results) for ended in every]
    done = {run.id: run for run in await work.tx.end_runs(ends)}
    work.runs_changed(list(done.values()))
    await _append_logs(work, [ended for ended in every if ended.end.run_id in done])
    again = [
        NextAttempt(run=run, after_s=ended.retry_after_s)
        for ended in every
        if ended.retry_after_s is not None
        and ended.end.run_id not in results
        and (run := done.get(ended.end.run_id)) is not None
        # R06: what somebody wanted stopped is not tried again, however it ended.
        and run.stop_mode is None
    ]
    await create_attempts(work, again)
    return [
        frozenset(ended.end.run_id for ended in command.ended if ended.end.run_id in done)
        for command in commands
    ]


async def _append_logs(work: Work, ended: Sequence[EndedRun]) -> None:
    await work.tx.append_log([chunk for one in ended for chunk in one.log])
    work.logged_run_ids.update(one.end.run_id for one in ended if one.log)


async def stop_run(work: Work, command: StopRun) -> Run:
    run = await _locked(work, command.run_id)
    if run.is_batch and (refusal := stop_refusal(run)):
        raise refusal
    if run.state not in ON_NODE:
        advance(run.state, RunEvent.STOP)
        (stopped,) = await stop_unheld(work, [run], None)
        return stopped
    (stopping,) = await request_stops(work, [run], command.mode, command.grace_s)
    return stopping


async def park_run(work: Work, command: ParkRun) -> bool:
    run = (await work.tx.lock_runs([command.run_id])).get(command.run_id)
    if run is None or run.state not in ON_NODE:
        return False
    if not run.is_of_claim(command.epoch, command.started_at):
        return False
    if not await end_completed(work, [run]):
        return True
    if run.state is RunState.STOPPING:
        await stop_unheld(work, [run], None)
    else:
        await _write(work, [_parked(run, command.error)])
    return True


def _parked(run: Run, error: RunError) -> Run:
    return replace(unheld(run, advance(run.state, RunEvent.PARK)), error=error)


async def hand_back(work: Work, command: HandBack) -> int:
    runs = await work.tx.lock_runs_of_node(command.epoch)
    held = await end_completed(work, [run for run in runs if run.id not in command.keep])
    queued = [
        queued_again(run, work.now, run.due_at) for run in held if run.state is RunState.RUNNING
    ]
    await _write(work, queued)
    await stop_unheld(work, [run for run in held if run.state is RunState.STOPPING], None)
    return len(held)


async def abandon_run(work: Work, command: AbandonRun) -> Run:
    run = await _locked(work, command.run_id)
    if run.is_batch:
        return await abandon_batch_run(work, command, run)
    abandoned = replace(run, state=advance(run.state, RunEvent.ABANDON))
    await _write(work, [abandoned])
    return abandoned


async def rescue_runs(work: Work, command: RescueRuns) -> int:
    expired = await work.tx.expire_nodes(but=command.own_epoch)
    lost = await work.tx.lock_runs_of_lost_nodes(command.limit, but=command.own_epoch)
    runs = await _without_committing(work, lost)
    if incomplete := await end_completed(work, runs):
        await _decide_lost(work, incomplete, {node.epoch: node for node in expired}, command)
    if expired:
        await work.tx.delete_expired_nodes()
    return len(runs)


async def _without_committing(work: Work, runs: Sequence[Run]) -> list[Run]:
    """But for those a chunk of which is about to commit: a node that froze there would keep all
    the others waiting. They are found again by the next look."""
    ids = sorted({run.instance_id for run in runs if run.instance_id is not None})
    busy = await work.tx.committing_instances(ids) if ids else set()
    return [run for run in runs if run.instance_id not in busy]


async def _decide_lost(
    work: Work, runs: Sequence[Run], nodes: Mapping[int, Node], command: RescueRuns
) -> None:
    lost = [run if run.state is RunState.LOST else _lost(run) for run in runs]
    await _write(work, lost)
    jobs = await work.tx.lock_jobs(sorted({(run.group, run.job) for run in runs}))
    for run, was in zip(lost, runs, strict=True):
        node = nodes.get(run.epoch or 0)
        error = node_lost(run, None if node is None else node.vitals)
        job = jobs.get((run.group, run.job))
        await _rescue(work, run, was.state, job, error, command.crash_budget)


def _lost(run: Run) -> Run:
    return replace(run, state=advance(run.state, RunEvent.LOSE), crashes=run.crashes + 1)


async def _rescue(
    work: Work, run: Run, was: RunState, job: Job | None, error: RunError, budget: int
) -> None:
    policy = job.on_crash if job is not None else OnCrash.FAIL
    if was is RunState.STOPPING:
        await stop_unheld(work, [run], error.message)
    elif policy is OnCrash.FAIL:
        await _end_lost(work, run, error)
    elif policy is OnCrash.PARK or run.crashes > budget:
        await _write(work, [_parked(run, error)])
    else:
        due_at = recovers_at(run.id, run.crashes, run.due_at, work.now)
        await _write(work, [queued_again(run, work.now, due_at)])


async def _end_lost(work: Work, run: Run, error: RunError) -> None:
    state = advance(run.state, RunEvent.FAIL)
    end = RunEnd(run_id=run.id, epoch=run.epoch, state=state, error=error, ended_at=work.now)
    work.runs_changed(await work.tx.end_runs([end]))


async def _locked(work: Work, run_id: int) -> Run:
    run = (await work.tx.lock_runs([run_id])).get(run_id)
    if run is None:
        raise NotFound("run", run_id)
    return run


async def _write(work: Work, runs: Sequence[Run]) -> None:
    await work.tx.update_runs(runs)
    work.runs_changed(runs)
