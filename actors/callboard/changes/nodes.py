"""What nodes do: live, claim, and write logs."""

from __future__ import annotations

from collections.abc import Sequence

from callboard.changes.starts import start_triggers
from callboard.changes.work import Work
from callboard.commands import (
    AppendLog,
    ClaimedRun,
    ClaimRuns,
    DeregisterNode,
    RecordClockJump,
    RegisterNode,
    RenewLease,
    ReportProgress,
)
from callboard.domain.node import Node
from callboard.errors import Conflict
from callboard.store.contract import Renewal


async def register_node(work: Work, command: RegisterNode) -> Node:
    # Locked before the look at the nodes: of two that register at once, the second sees the first.
    starting = await work.tx.lock_start_triggers() if command.is_start else []
    is_first = bool(starting) and not await work.tx.has_live_node()
    node = await work.tx.insert_node(command.node, command.lease)
    if node is None:
        raise Conflict(
            "node_name_in_use",
            f"the lease of a node named {command.node.name!r} has not ended: if that node is dead,"
            " it ends by itself; if it is alive, give this one another name",
        )
    if is_first:
        await start_triggers(work, starting)
    return node


async def renew_lease(work: Work, command: RenewLease) -> Renewal | None:
    return await work.tx.renew_node(command.epoch, command.lease, command.vitals)


async def deregister_node(work: Work, command: DeregisterNode) -> None:
    await work.tx.delete_node(command.epoch)


async def record_clock_jump(work: Work, command: RecordClockJump) -> None:
    work.clock_jumped(node=command.node, source=command.source.value, by_s=command.by_s)


async def claim_runs(work: Work, command: ClaimRuns) -> tuple[ClaimedRun, ...]:
    runs = await work.tx.claim_runs(command.epoch, command.limit)
    work.runs_changed(runs)
    jobs = await work.tx.lock_jobs(sorted({(run.group, run.job) for run in runs}))
    by_id = {job.id: job for job in jobs.values()}
    log_seqs = await work.tx.last_log_seqs([run.id for run in runs])
    return tuple(
        ClaimedRun(run=run, job=by_id.get(run.job_id), log_seq=log_seqs.get(run.id, 0))
        for run in runs
    )


async def append_log(work: Work, commands: Sequence[AppendLog]) -> list[None]:
    for command in commands:
        await work.tx.append_log(command.chunks, epoch=command.epoch)
        work.logged_run_ids.update(chunk.run_id for chunk in command.chunks)
    return [None for _ in commands]


async def report_progress(work: Work, commands: Sequence[ReportProgress]) -> list[None]:
    for command in commands:
        work.runs_progressed(await work.tx.report_progress(command.epoch, dict(command.said)))
    return [None for _ in commands]
