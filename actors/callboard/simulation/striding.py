"""A board that takes days at a stride: for triggers whose slots depend on nothing but the time.

Its clock rings only at the end of each stride, as that of a machine that sleeps most of the time;
the grace of its triggers covers a stride, so that nothing is late; and one plan of `plan_slots`
decides up to a thousand slots of a trigger, which the ledger counts and forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from callboard.board import Callboard
from callboard.config import BoardConfig
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.misfire import SlotPlan, plan_slots
from callboard.domain.run import Run
from callboard.domain.trigger import MisfirePolicy, OverlapPolicy, Trigger
from callboard.events import EventRecord
from callboard.scheduler import Scheduler
from callboard.store.memory import MemoryStore
from callboard.store.memory_tables import Tables
from callboard.store.memory_transaction import MemoryTransaction
from callboard.supervisor import Supervisor
from callboard.virtual_clock import VirtualClock

LONGEST_LEASE_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FiredSlots(LedgerEntry):
    """Many slots of one trigger that fire, as one entry."""

    slots: tuple[datetime, ...]
    """Ascending."""


def plan_stride(trigger: Trigger, now: datetime) -> SlotPlan:
    """What `plan_slots` decides, the slots that fire being one entry."""
    plan = plan_slots(trigger, now)
    fired = tuple(entry.slot for entry in plan.entries if entry.decision is Decision.FIRED)
    if not fired:
        return plan
    together = FiredSlots(
        trigger_id=trigger.id,
        generation=trigger.generation,
        slot=fired[0],
        decision=Decision.FIRED,
        until=fired[-1],
        count=len(fired),
        slots=fired,
    )
    others = (entry for entry in plan.entries if entry.decision is not Decision.FIRED)
    return replace(plan, entries=(together, *others))


class StridingClock(VirtualClock):
    """A virtual clock whose alarms all ring late: at the end of the stride that they fall in."""

    def __init__(self, start: datetime, *, stride_s: int, end: datetime) -> None:
        """Args:
        end: where the last stride ends; it may be a shorter one.
        """
        super().__init__(start)
        self._stride_s = stride_s
        self._end_s = (end - start).total_seconds()

    async def stride(self) -> None:
        """Move on to the end of the present stride."""
        with self._moving():
            await self._move(self._edge(int(self._monotonic // self._stride_s) + 1))

    def _rings_at(self, monotonic: float) -> float:
        return max(monotonic, self._edge(ceil(monotonic / self._stride_s)))

    def _edge(self, strides: int) -> float:
        return min(float(strides * self._stride_s), self._end_s)


class StridingBoard(Callboard):
    """A board without an executor that plans by strides."""

    def _make_scheduler(self, supervisor: Supervisor) -> Scheduler:
        return Scheduler(
            job_store=supervisor.child("job_store"),
            publish=supervisor.publish,
            horizon_s=self.config.horizon_s,
            tick_s=self.config.poll_s,
            clock=self.clock,
            share=self._share(),
            plan=plan_stride,
        )


class CountingStore(MemoryStore):
    """Gives every entry of the ledger to `on_entry`, and keeps neither it nor runs nor events."""

    def __init__(self, clock: VirtualClock, on_entry: Callable[[LedgerEntry], None]) -> None:
        super().__init__(clock)
        self._on_entry = on_entry

    def _transaction(self) -> MemoryTransaction:
        return _CountingTransaction(self._tables, self._clock.now(), self._on_entry)


class _CountingTransaction(MemoryTransaction):
    def __init__(
        self, tables: Tables, now: datetime, on_entry: Callable[[LedgerEntry], None]
    ) -> None:
        super().__init__(tables, now)
        self._on_entry = on_entry

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            self._on_entry(entry)

    async def insert_runs(self, runs: Sequence[Run]) -> set[int]:
        return {run.id for run in runs}

    async def append_events(
        self, records: Sequence[EventRecord], *, queued: Sequence[Run] = ()
    ) -> int:
        return 0


def striding_trigger(trigger: Trigger, stride_s: int, *, is_disabled: bool) -> Trigger:
    """The trigger with a grace that covers a stride.

    Args:
        is_disabled: whether all its jobs are, so that none of its firings counts.
    """
    return replace(
        trigger,
        misfire=MisfirePolicy(grace_s=2 * stride_s),
        overlap=OverlapPolicy(),
        max_firings=None if is_disabled else trigger.max_firings,
    )


def striding_config(stride_s: float) -> BoardConfig:
    """Beats at every stride; nothing is pruned, for nothing is kept."""
    return BoardConfig(
        node_name="simulation",
        executes=False,
        drain_s=0.0,
        lease_s=LONGEST_LEASE_S,
        firing_lease_s=LONGEST_LEASE_S,
        poll_s=stride_s,
        rescue_every_s=stride_s,
        prune_every_s=stride_s,
        horizon_s=2 * stride_s,
        keep_runs_s=None,
        keep_ledger_s=None,
        keep_events_s=None,
    )
