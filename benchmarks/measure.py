"""The workloads as a child process does them: one function each, from a system to figures.

Each returns the metrics that `workloads.py` names. Whatever does not come out as it must (a run
missing, a start not stored) is a `Failed`: such a sample has no figures.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.meter import Reading, rss_mb
from benchmarks.probe import PROBE
from benchmarks.systems.contract import Client, CodedTriggers, Env, NotOffered, System, Worker

Metrics = dict[str, float]

POLL_S = 0.005
WARM_UP = 200
"""Starts before the measured ones: connections are open then, and plans are made."""


class Failed(Exception):
    """The sample did not do what it was to do."""


async def starts(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W1: single starts by many submitters."""
    async with system.client(env) as client:
        await _submit(client, env, min(WARM_UP, env.count))
        stored = await client.waiting()
        before = _begin(postmaster)
        await _submit(client, env, env.count)
        span = Reading.take(postmaster).since(before)
        await _check_stored(client, stored + env.count)
    return {"value": env.count / span.wall_s, **span.cost_of(env.count)}


async def bulk_starts(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W1b: the same in calls of many."""
    async with system.client(env) as client:
        await client.start_many(min(WARM_UP, env.count))
        stored = await client.waiting()
        before = _begin(postmaster)
        await _submit_bulks(client, env)
        span = Reading.take(postmaster).since(before)
        await _check_stored(client, stored + env.count)
    return {"value": env.count / span.wall_s, **span.cost_of(env.count)}


async def bulk_timers(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W4d: starts of a later time, in calls of many."""
    due = time.time() + 86_400
    async with system.client(env) as client:
        await client.start_many(min(WARM_UP, env.count))
        stored = await client.waiting()
        before = _begin(postmaster)
        await _submit_bulks(client, env, due)
        span = Reading.take(postmaster).since(before)
        await _check_stored(client, stored + env.count)
    return {"value": env.count / span.wall_s, **span.cost_of(env.count)}


async def drain(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W2: from the start of a worker to the last end that is recorded."""
    async with system.client(env) as client:
        try:
            await _submit_bulks(client, env)
        except NotOffered:
            await _submit(client, env, env.count)
        await _check_stored(client, env.count)
    before = _begin(postmaster)
    async with system.worker(env) as worker:
        await _recorded(worker, env.count)
        span = Reading.take(postmaster).since(before)
        await _check_ends(worker, env.count)
    return {"value": env.count / span.wall_s, **span.cost_of(env.count)}


async def latency(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W3: starts at a steady rate into an idle worker of the same process."""
    async with system.worker(env) as worker:
        for _ in range(5):
            await worker.client.start(due=time.time())
        await PROBE.reached(5, within_s=env.patience_s)
        await asyncio.sleep(0.5)
        before = _begin(postmaster)
        await _start_at_rate(worker.client, env)
        await _all_came(env)
        span = Reading.take(postmaster).since(before)
    return {**_lateness(value="p50"), **span.cost_of(env.count)}


async def timers(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W4: one-shot timers, spread over one second."""
    async with system.worker(env) as worker:
        await asyncio.sleep(0.5)
        gc.collect()
        due = math.ceil(time.time() + env.lead_s)
        numbers = iter(range(env.count))

        async def submit() -> None:
            for number in numbers:
                await worker.client.start(due=due + number / env.count, is_timer=True)

        with worker.client.registering():
            register_s = await _timed(_gather(submit, env.submitters))
        idle = await _idle_until(due, postmaster)
        fired = await _fire(env, due, postmaster)
    return {**fired, **idle, "register_per_s": env.count / register_s}


async def triggers(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W4b: recurring triggers, all due at one instant."""
    due = math.ceil(time.time() + env.lead_s)
    coded = CodedTriggers(count=env.count, due=due) if system.has_coded_triggers else None
    metrics: Metrics = {}
    async with system.worker(env, coded) as worker:
        await asyncio.sleep(0.5)
        if coded is None:
            numbers = iter(range(env.count))

            async def submit() -> None:
                for number in numbers:
                    await worker.client.schedule(number, due)

            with worker.client.registering():
                register_s = await _timed(_gather(submit, env.submitters))
            metrics["register_per_s"] = env.count / register_s
        idle = await _idle_until(due, postmaster)
        fired = await _fire(env, due, postmaster)
    return {**metrics, **fired, **idle}


async def memory(system: System, env: Env, postmaster: int | None) -> Metrics:
    """W5: started and drained on a store in memory."""
    async with system.memory_worker(env) as worker:
        await asyncio.sleep(0.1)
        before = _begin(None)
        await _submit_bulks(worker.client, env)
        await _recorded(worker, env.count)
        span = Reading.take(None).since(before)
        await _check_ends(worker, env.count)
    return {"value": env.count / span.wall_s, "rss_mb": rss_mb(), **span.cost_of(env.count)}


MEASURES: Mapping[str, Callable[[System, Env, int | None], Awaitable[Metrics]]] = {
    "W1": starts,
    "W1b": bulk_starts,
    "W2": drain,
    "W3": latency,
    "W4": timers,
    "W4c": timers,
    "W4d": bulk_timers,
    "W4b": triggers,
    "W5": memory,
}


def _begin(postmaster: int | None) -> Reading:
    PROBE.reset()
    gc.collect()
    return Reading.take(postmaster)


async def _submit(client: Client, env: Env, count: int) -> None:
    left = iter(range(count))

    async def submit() -> None:
        for _ in left:
            await client.start()

    await _gather(submit, env.submitters)


async def _submit_bulks(client: Client, env: Env, due: float = 0.0) -> None:
    """All of them, one call after the other."""
    for first in range(0, env.count, env.bulk):
        await client.start_many(min(env.bulk, env.count - first), due=due)


async def _gather(work: Callable[[], Awaitable[None]], times: int) -> None:
    await asyncio.gather(*(work() for _ in range(times)))


async def _timed(work: Awaitable[None]) -> float:
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def _recorded(worker: Worker, count: int) -> None:
    await PROBE.reached(count)
    while await worker.unfinished():  # noqa: ASYNC110 - only the store knows
        await asyncio.sleep(POLL_S)


async def _check_stored(client: Client, wanted: int) -> None:
    stored = await client.waiting()
    if stored != wanted:
        raise Failed(f"{stored} of {wanted} starts are stored")


async def _check_ends(worker: Worker, wanted: int) -> None:
    if PROBE.count != wanted:
        raise Failed(f"handlers began {PROBE.count} times for {wanted} runs")
    succeeded = await worker.succeeded(wanted + 1)
    if succeeded is not None and succeeded != wanted:
        raise Failed(f"{succeeded} of {wanted} runs are recorded as succeeded")


async def _start_at_rate(client: Client, env: Env) -> None:
    tasks = []
    start = time.perf_counter()
    for number in range(env.count):
        await asyncio.sleep(max(0.0, start + number / env.rate - time.perf_counter()))
        tasks.append(asyncio.create_task(client.start(due=time.time())))
    await asyncio.gather(*tasks)


async def _idle_until(due: float, postmaster: int | None) -> Metrics:
    """CPU and memory while everything waits, from a second after now to a second before `due`."""
    await asyncio.sleep(1.0)
    idle_s = due - 1.0 - time.time()
    if idle_s < 0.5:
        raise Failed("registering took longer than the time until the first was due")
    before = Reading.take(postmaster)
    await asyncio.sleep(idle_s)
    span = Reading.take(postmaster).since(before)
    return {**span.load(), "rss_mb": rss_mb()}


async def _fire(env: Env, due: float, postmaster: int | None) -> Metrics:
    """How late they came, and what that cost from just before `due` to the last one."""
    await asyncio.sleep(max(0.0, due - 0.1 - time.time()))
    before = Reading.take(postmaster)
    await asyncio.sleep(max(0.0, due - time.time()))
    await _all_came(env)
    span = Reading.take(postmaster).since(before)
    return {**_lateness(value="p99"), **span.cost_of(env.count)}


async def _all_came(env: Env) -> None:
    if not await PROBE.reached(env.count, within_s=env.patience_s):
        raise Failed(f"{PROBE.count} of {env.count} came within {env.patience_s:.0f} s")


def _lateness(*, value: str) -> Metrics:
    late = sorted(PROBE.late_s)
    ranks = {"p50": 0.50, "p99": 0.99}
    found = {
        f"{name}_ms": late[min(len(late) - 1, math.ceil(share * len(late)) - 1)] * 1e3
        for name, share in ranks.items()
    }
    return {**found, "max_ms": late[-1] * 1e3, "value": found[f"{value}_ms"]}
