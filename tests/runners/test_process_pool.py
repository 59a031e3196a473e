"""Worker processes that are used again: their number, their age, their end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from callboard.clock import SystemClock
from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from callboard.runners import process_pool
from callboard.runners.process_pool import ProcessPool
from callboard.runners.worker_process import WorkerProcess
from callboard.runners.worker_start import Start, start_of_workers
from callboard.runners.worker_wire import Ended, Settle
from callboard.testing import VirtualClock
from runners.process_rig import call, failure, groups, is_there, job, processes, result, rig_with
from runners.rig import eventually, open_rig


async def test_a_worker_is_replaced_after_so_many_runs() -> None:
    async with rig_with(runs_per_worker=2) as rig:
        pids = [await result(rig, "pid") for _ in range(4)]
        assert len(set(pids)) == 2
        await eventually(lambda: not is_there(pids[0]))


async def test_close_leaves_no_process_or_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A16; of busy workers and of the spare that was started behind them."""
    monkeypatch.setattr(process_pool, "SPARE_S", 0.0)
    files = len(os.listdir("/proc/self/fd"))
    async with rig_with() as rig:
        attempt = rig.begin(job("sleep_on"))
        await attempt.printed("begun")
        await eventually(lambda: len(groups(rig)) == 2)
        pids = groups(rig)
        await attempt.abandon()
    assert not {str(pid) for pid in pids} & set(os.listdir("/proc"))
    assert len(os.listdir("/proc/self/fd")) <= files  # fewer: what earlier tests left may go


async def test_what_is_done_with_a_worker_afterwards() -> None:
    pool = ProcessPool(2, start=_start(), settle=_settle, runs_per_worker=10, idle_s=0.05)
    idle, grown, limited, burdened = (pool.take() for _ in range(4))
    end = Ended(state=RunState.SUCCEEDED)
    pool.give_back(grown, replace(end, grown_mb=1000.0), is_limited=False)
    pool.give_back(limited, end, is_limited=True)
    pool.give_back(burdened, replace(end, has_children=True), is_limited=False)
    assert not any(worker.is_trusted for worker in (grown, limited, burdened))
    pool.give_back(idle, end, is_limited=False)
    assert idle.is_trusted
    await eventually(lambda: pool.groups == [])
    assert idle.is_gone
    assert not is_there(idle.group)
    pool.close()


async def test_virtual_time_stands_still_while_a_worker_works(virtual: VirtualClock) -> None:
    async with rig_with(hold=virtual.hold) as rig:
        attempt = rig.begin(job("wait_for_stop"))
        await attempt.printed("begun")
        moving = asyncio.create_task(virtual.advance(3600))
        for _ in range(200):
            await asyncio.sleep(0)
        assert virtual.monotonic() == 0
        attempt.control.request_stop(StopMode.COOPERATIVE, 30)
        await attempt.outcome()
        await moving


async def test_a_worker_that_survives_a_kill_is_counted_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T08: as one does that hangs in the system."""
    monkeypatch.setattr("callboard.runners.process_runner.LAST_CHANCE_S", 0.05)
    kill = WorkerProcess.kill
    async with rig_with() as rig:
        attempt = rig.begin(job("sleep_on"))
        await attempt.printed("begun")
        monkeypatch.setattr(WorkerProcess, "kill", lambda worker: None)
        attempt.control.request_stop(StopMode.KILL, 0)
        outcome = await attempt.outcome()
        assert outcome.error is not None
        assert (outcome.state, outcome.error.type) == (RunState.STOPPED, "Detached")
        assert rig.runners.stuck == 1
        monkeypatch.setattr(WorkerProcess, "kill", kill)
        for group in groups(rig):
            os.killpg(group, signal.SIGKILL)
        await eventually(lambda: rig.runners.stuck == 0)


async def test_where_no_worker_can_be_started_the_run_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    async with rig_with() as rig:
        monkeypatch.setattr(processes(rig)._pool, "_start", _start())
        error = failure(await call(rig, "pid"))
    assert error.type == "WorkerNotStarted"
    assert "No such file" in error.message


def _start() -> Start:
    return start_of_workers(environ=os.environ, guard=(), clock=SystemClock())


def _settle() -> Settle:
    return Settle(path=tuple(sys.path), python_path=None, modules=None, warm=())


NODE = """
import asyncio, sys
sys.path[:0] = {path!r}
from runners.contract_rows import ROWS
from runners.rig import open_rig

async def main():
    async with open_rig() as rig:
        (row,) = [row for row in ROWS if row.name == "process"]
        attempt = rig.begin(row.jobs["child"])
        await attempt.printed("pids")
        print(*attempt.texts(), flush=True)
        await attempt.outcome()

asyncio.run(main())
"""


async def test_workers_and_their_children_die_with_a_node_that_is_killed() -> None:
    code = NODE.format(path=[str(Path(__file__).parents[1]), *sys.path])
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert node.stdout is not None
    pids = [int(pid) for pid in (await node.stdout.readline()).split()[1:]]
    assert len(pids) == 2
    assert all(map(is_there, pids))
    node.kill()
    await node.wait()
    await eventually(lambda: not any(map(is_there, pids)))


@pytest.mark.slow
def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with open_rig() as rig:
            assert await result(rig, "echo", value="x" * 900_000) == "x" * 900_000
            assert failure(await call(rig, "die", how="kill")).exit_code == 137
            attempt = rig.begin(job("sleep_on"))
            await attempt.printed("begun")
            attempt.control.request_stop(StopMode.KILL, 0)
            assert (await attempt.outcome()).state is RunState.STOPPED

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
