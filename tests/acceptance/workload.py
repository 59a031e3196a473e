"""Work for nodes that are to be hurt: handlers of all sorts, jobs and triggers made of them.

Every handler leaves word of its execution in the file that its argument `trace` names, when it
begins and when it ends (`support.executions`), so that executions are known from outside, whatever
the database says. `ask` is whose wish a run is. What a handler returns or raises names the
execution, so that it can be told whose end was recorded.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from callboard import Callboard, MisfirePolicy, RetryPolicy, RunContext, cron, every
from callboard.domain.job import Job, OnCrash
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Coalesce, MisfirePolicyName, Trigger
from support.executions import BEGUN, ENDED, read_executions, token_of

RETRY_FAST: Final = RetryPolicy(max_attempts=3, initial_s=0.1, max_s=0.3)
NEVER_S: Final = 3600.0
COMMAND: Final = 'echo "+ $CALLBOARD_RUN_ID $$ $(date +%s%N)" >> "$CALLBOARD_ARG_TRACE"'

PLAIN: Final = (
    "quick",
    "threaded",
    "slow",
    "blocking",
    "blocking_once",
    "gated",
    "patient",
    "not_json",
    "talkative",
    "exiting",
    "murderous",
)

S = RunState
ENDS: Final[Mapping[str, frozenset[RunState]]] = {
    "quick": frozenset({S.SUCCEEDED}),
    "threaded": frozenset({S.SUCCEEDED}),
    "slow": frozenset({S.SUCCEEDED}),
    "flaky": frozenset({S.SUCCEEDED, S.FAILED}),
    "failing": frozenset({S.FAILED}),
    "late": frozenset({S.TIMED_OUT}),
    "command": frozenset({S.SUCCEEDED}),
    "limited": frozenset({S.SUCCEEDED}),
    "fragile": frozenset({S.SUCCEEDED, S.FAILED}),
}
"""How runs of each job may end."""


def note(ctx: RunContext, trace: str) -> str:
    """Leave word that this execution begins; its token."""
    begun_ns = time.time_ns()
    _write(trace, BEGUN, ctx.run_id, begun_ns)
    return token_of(os.getpid(), begun_ns)


@contextmanager
def execution(ctx: RunContext, trace: str) -> Iterator[str]:
    """Leave word of the beginning and of the end, however it ends."""
    token = note(ctx, trace)
    try:
        yield token
    finally:
        _write(trace, ENDED, ctx.run_id, time.time_ns())


def _write(trace: str, mark: str, run_id: int, at_ns: int) -> None:
    """One short write to the file's end is whole or not there."""
    with open(trace, "ab", buffering=0) as file:
        file.write(f"{mark} {run_id} {os.getpid()} {at_ns}\n".encode())


async def quick(ctx: RunContext, trace: str, ask: int = 0) -> str:
    with execution(ctx, trace) as token:
        return token


def threaded(ctx: RunContext, trace: str, ask: int = 0) -> str:
    with execution(ctx, trace) as token:
        time.sleep(0.02)
        print("done in a thread")
        return token


async def slow(ctx: RunContext, trace: str, ask: int = 0, seconds: float = 0.7) -> str:
    with execution(ctx, trace) as token:
        await asyncio.sleep(seconds)
        return token


async def flaky(ctx: RunContext, trace: str, ask: int = 0) -> str:
    with execution(ctx, trace) as token:
        if ctx.attempt < 3:
            raise RuntimeError(f"attempt {ctx.attempt} was to fail: {token}")
        return token


async def failing(ctx: RunContext, trace: str, ask: int = 0) -> None:
    with execution(ctx, trace) as token:
        raise ValueError(f"always: {token}")


async def blocking_once(ctx: RunContext, trace: str, gate: str, ask: int = 0) -> str:
    """Blocks the loop until there is the file `gate`, the first time that the run is executed."""
    with execution(ctx, trace) as token:
        if executions(Path(trace))[ctx.run_id] == 1:
            while not Path(gate).exists():  # noqa: ASYNC240
                time.sleep(0.02)  # noqa: ASYNC251
        return token


async def gated(ctx: RunContext, trace: str, gate: str, ask: int = 0) -> str:
    """Ends when there is the file `gate`."""
    with execution(ctx, trace) as token:
        while not Path(gate).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.02)
        return token


async def blocking(ctx: RunContext, trace: str, ask: int = 0, seconds: float = 0.0) -> str:
    """Blocks the loop, which is not what coroutines are for."""
    with execution(ctx, trace) as token:
        time.sleep(seconds)  # noqa: ASYNC251
        return token


def patient(ctx: RunContext, trace: str, ask: int = 0, seconds: float = 0.0) -> str:
    """Keeps a thread busy that nothing can end."""
    with execution(ctx, trace) as token:
        time.sleep(seconds)
        return token


async def not_json(ctx: RunContext, trace: str, ask: int = 0) -> object:
    note(ctx, trace)
    return object()


def talkative(ctx: RunContext, trace: str, ask: int = 0, megabytes: int = 0) -> int:
    note(ctx, trace)
    line = "x" * 1023
    for _ in range(megabytes * 1024):
        print(line)
    return megabytes


async def exiting(ctx: RunContext, trace: str, ask: int = 0) -> None:
    note(ctx, trace)
    sys.exit(3)


def murderous(ctx: RunContext, trace: str, ask: int = 0) -> None:
    """Ends the whole node, in a way that runs no cleanup."""
    note(ctx, trace)
    os._exit(9)


def jobs(trace: Path) -> list[Job]:
    """One of each; those of the storm are the keys of ENDS, the others are for faults."""
    return [
        *(_job(name, trace) for name in PLAIN),
        _job("flaky", trace, retry=RETRY_FAST),
        _job("failing", trace, retry=RETRY_FAST),
        _job("unknown", trace, handler="nobody_wrote_it"),
        _job("hanging", trace, handler="patient", timeout_s=0.3),
        _job("late", trace, handler="slow", timeout_s=0.3, arguments={"seconds": NEVER_S}),
        _job("limited", trace, handler="slow", max_concurrent_runs=2, arguments={"seconds": 0.1}),
        _job("fragile", trace, handler="slow", on_crash=OnCrash.FAIL, arguments={"seconds": 0.3}),
        Job(
            name="command",
            kind="command",
            spec={"argv": ["sh", "-c", COMMAND]},
            arguments={"trace": str(trace)},
        ),
    ]


def _job(name: str, trace: Path, *, handler: str = "", arguments: Any = None, **fields: Any) -> Job:
    return Job(
        name=name,
        kind="python",
        spec={"handler": f"{__name__}:{handler or name}"},
        arguments={"trace": str(trace), **(arguments or {})},
        **fields,
    )


def triggers() -> list[Trigger]:
    """Several every second, of every misfire policy, and cron ones."""
    policy, once = MisfirePolicyName, MisfirePolicyName.FIRE_ONCE
    second = every(seconds=1)
    return [
        _trigger("each", second, "quick"),
        _trigger("several", second, "quick", "flaky", "threaded"),
        _trigger("skipping", second, "threaded", policy=policy.SKIP, grace_s=0.5),
        _trigger("latest", second, "command", policy=once, grace_s=0.5),
        _trigger(
            "earliest", second, "fragile", policy=once, grace_s=0.5, coalesce=Coalesce.EARLIEST
        ),
        _trigger("capped", every(seconds=1.5), "limited", policy=policy.FIRE_ALL, grace_s=0, cap=2),
        _trigger("failing", every(seconds=3), "failing"),
        _trigger("late", every(seconds=4), "late"),
        _trigger("minutely", cron("* * * * *"), "quick"),
        _trigger("zoned", cron("*/2 * * * *", zone="America/New_York"), "slow"),
    ]


def _trigger(name: str, schedule: Any, *names: str, **misfire: Any) -> Trigger:
    return Trigger(
        name=name,
        schedule=schedule,
        actions=tuple(Action(job=job) for job in names),
        misfire=MisfirePolicy(**misfire),
    )


async def define_all(board: Callboard, trace: Path, *, with_triggers: bool = True) -> None:
    """Store all of it; again changes nothing."""
    for job in jobs(trace):
        await board.replace_job(job)
    for trigger in triggers() if with_triggers else ():
        await board.replace_trigger(trigger)


def executions(trace: Path) -> dict[int, int]:
    """By run: how often a handler began to work for it."""
    return dict(Counter(each.run_id for each in read_executions(trace)))
