"""What simulated nodes work at: jobs of several kinds, handlers that take virtual time, triggers.

Handlers leave word of each execution in `Log`, which is outside of all nodes, and name it in what
they return or raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from callboard import Action, MisfirePolicy, RetryPolicy, RunContext, Trigger, after, every
from callboard.domain.job import Job, OnCrash
from callboard.domain.schedule import Schedule
from callboard.domain.trigger import MisfirePolicyName, OverlapPolicy, OverlapPolicyName
from callboard.runners.handlers import HandlerRegistry
from callboard.testing import VirtualClock
from simulation.node_clock import NodeClock

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LIMIT: Final = 2
PERIODS: Final[Mapping[str, timedelta]] = {
    "quick": timedelta(seconds=1),
    "skipping": timedelta(seconds=2),
    "one": timedelta(seconds=2),
    "buffered": timedelta(seconds=3),
    "cancelling": timedelta(seconds=4),
    "limited": timedelta(seconds=2),
}
OVERLAPS: Final[Mapping[str, OverlapPolicy]] = {
    "skipping": OverlapPolicy(policy=OverlapPolicyName.SKIP),
    "one": OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE),
    "buffered": OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=2),
    "cancelling": OverlapPolicy(policy=OverlapPolicyName.CANCEL_OLD),
}
JOBS: Final = ("quick", "slow", "flaky", "limited", "fragile")
STARTED: Final = ("quick", "quick", "quick", "slow", "flaky", "limited", "fragile")
"""What clients start, the more often the more often it is named."""


@dataclass(slots=True, kw_only=True)
class Execution:
    """A handler at work."""

    run_id: int
    life: int
    """Which life of which node: counts all of them."""
    begun_at: datetime
    """By the store's clock."""
    ended_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Log:
    """All executions; the number of one is its place."""

    executions: list[Execution] = field(default_factory=list)

    def end_life(self, life: int, at: datetime) -> None:
        """Nobody of that life works any more."""
        for execution in self.executions:
            if execution.life == life and execution.ended_at is None:
                execution.ended_at = at


class Handlers:
    """The handlers of one life of one node."""

    def __init__(
        self, *, life: int, log: Log, clock: NodeClock, world: VirtualClock, rng: Random
    ) -> None:
        self._life = life
        self._log = log
        self._clock = clock
        self._world = world
        self._rng = rng

    def registry(self) -> HandlerRegistry:
        known = HandlerRegistry(modules=())
        for name in JOBS:
            known.register(name, getattr(self, name))
        return known

    async def quick(self, ctx: RunContext, ask: int = 0) -> int:
        return await self._work(ctx, self._rng.choice((0.0, 0.0, 0.3)))

    async def slow(self, ctx: RunContext, ask: int = 0) -> int:
        return await self._work(ctx, self._rng.choice((0.5, 3.0, 12.0)))

    async def limited(self, ctx: RunContext, ask: int = 0) -> int:
        return await self._work(ctx, self._rng.uniform(0.0, 1.0))

    async def fragile(self, ctx: RunContext, ask: int = 0) -> int:
        return await self._work(ctx, self._rng.uniform(0.0, 3.0))

    async def flaky(self, ctx: RunContext, ask: int = 0) -> int:
        number = await self._work(ctx, self._rng.uniform(0.0, 0.5))
        if self._rng.random() < 0.5:
            raise RuntimeError(f"execution {number}")
        return number

    async def _work(self, ctx: RunContext, seconds: float) -> int:
        """The number of the execution."""
        number = len(self._log.executions)
        execution = Execution(run_id=ctx.run_id, life=self._life, begun_at=self._world.now())
        self._log.executions.append(execution)
        try:
            if seconds:
                await self._clock.sleep(seconds)
        finally:
            execution.ended_at = execution.ended_at or self._world.now()
        return number


def jobs() -> list[Job]:
    retry = RetryPolicy(max_attempts=3, initial_s=0.5, max_s=2.0)
    fields: dict[str, dict[str, Any]] = {
        "flaky": {"retry": retry},
        "limited": {"max_concurrent_runs": LIMIT},
        "fragile": {"on_crash": OnCrash.FAIL},
    }
    return [
        Job(name=name, kind="python", spec={"handler": name}, **fields.get(name, {}))
        for name in JOBS
    ]


def triggers(rng: Random) -> list[Trigger]:
    """Some of them; their slots lie on grids through the epoch, all but those of a delay."""
    chosen = [name for name in PERIODS if rng.random() < 0.6]
    made = [_trigger(name, every(PERIODS[name], anchor_at=EPOCH), rng) for name in chosen]
    if rng.random() < 0.5:
        made.append(_trigger("delayed", after(seconds=1.5), rng))
    return made


def _trigger(name: str, schedule: Schedule, rng: Random) -> Trigger:
    job = name if name in JOBS else rng.choice(("quick", "slow"))
    fields: dict[str, Any] = {}
    if schedule.kind != "delay":
        fields["misfire"] = MisfirePolicy(
            policy=rng.choice(list(MisfirePolicyName)), grace_s=rng.choice((0.5, 3.0))
        )
    return Trigger(
        name=name,
        schedule=schedule,
        actions=_actions(job),
        overlap=OVERLAPS.get(name, OverlapPolicy()),
        **fields,
    )


def _actions(job: str) -> Sequence[Action]:
    return (Action(job=job),)
