"""Verbs of a transaction on jobs, triggers, calendars and queues; see contract.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.ledger import LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.queue import Queue
from callboard.domain.trigger import Trigger, TriggerState
from callboard.store.contract_values import TriggerFilter, WaitingKey


class DefinitionVerbs(Protocol):
    """A part of `contract.Transaction`."""

    # jobs
    async def insert_job(self, job: Job) -> Job | None:
        """The stored job (id, version 1, created_at, updated_at set); None: the name is taken."""
        ...

    async def update_job(self, job: Job) -> Job | None:
        """Replace the definition of the job `job.id` at `job.version`; its name and group stay.

        Returns the job with its version counted up; None: gone, or at another version.
        """
        ...

    async def delete_job(self, job_id: int) -> bool:
        """Whether it was there. The caller has ended its queued runs and checked its triggers."""
        ...

    async def lock_jobs(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Job]:
        """The jobs by (group, name) that exist, guarded against deletion until the commit.

        `for_change` waits for, and keeps out, everybody else's lock_jobs of the same jobs.
        """
        ...

    # triggers
    async def insert_triggers(self, triggers: Sequence[Trigger]) -> list[Trigger | None]:
        """Each as stored (id, version 1, created_at, updated_at set); None where the name is taken,
        also by one earlier in `triggers`."""
        ...

    async def taken_trigger_names(self, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the names (group, name) that a trigger has."""
        ...

    async def update_trigger(self, trigger: Trigger) -> Trigger | None:
        """Replace everything but the names of the trigger `trigger.id` at `trigger.version`."""
        ...

    async def lock_trigger(self, group: str, name: str) -> Trigger | None:
        """The trigger, its row locked against every other writer until the commit."""
        ...

    async def lock_triggers(
        self, filter: TriggerFilter, states: Sequence[TriggerState]
    ) -> list[Trigger]:
        """A page of the triggers in these states, by group and name, locked as by lock_trigger.

        The filter's own state is ignored.
        """
        ...

    async def lock_triggers_by_name(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Trigger]:
        """The triggers by (group, name) that exist, locked likewise, in the order of ids."""
        ...

    async def lock_triggers_by_id(
        self, ids: Sequence[int], *, if_sequenced: Sequence[int] = ()
    ) -> dict[int, Trigger]:
        """The triggers that exist, locked likewise, in the order of ids.

        Those of `if_sequenced` only where the end of their runs means something to them.
        """
        ...

    async def lock_triggers_of_calendar(
        self, group: str, calendar: str, *, after_id: int, limit: int
    ) -> list[Trigger]:
        """A page of the triggers that obey the calendar, in any state, by id, locked likewise."""
        ...

    async def lock_start_triggers(self) -> list[Trigger]:
        """Active and paused triggers with a slot at a cluster start, by id, locked likewise."""
        ...

    async def delete_trigger(self, trigger_id: int) -> bool:
        """Whether it was there. Its ledger and its runs stay."""
        ...

    async def triggers_of_job(self, group: str, job: str) -> list[str]:
        """Names of the triggers that have an action on the job and cannot be without it, ascending,
        at most 10."""
        ...

    async def advance_triggers(self, plans: Sequence[SlotPlan]) -> list[bool]:
        """Move each trigger from `plan.before` to `plan.after`; for each plan whether it did.

        It does only where the stored trigger still has before's id, generation, state, next_slot
        and resume_at. Writes after's generation, state, reason, next_slot, last_slot, resume_at
        and anchor_at, and adds what after has more of firings; the version stays.
        """
        ...

    async def gather_events(self, triggers: Sequence[Trigger]) -> None:
        """Write what these locked triggers have gathered, and nothing else of them."""
        ...

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        """Raises LedgerConflict when a (trigger, generation, slot) has an entry already."""
        ...

    # calendars
    async def insert_calendar(self, calendar: Calendar) -> Calendar | None:
        """As insert_job."""
        ...

    async def update_calendar(self, calendar: Calendar) -> Calendar | None:
        """As update_job."""
        ...

    async def delete_calendar(self, calendar_id: int) -> bool:
        """Whether it was there. The caller has checked that no trigger obeys it."""
        ...

    async def lock_calendars(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Calendar]:
        """The calendars by (group, name) that exist; none of them changes until the commit.

        `for_change` waits for, and keeps out, everybody else's lock_calendars of the same.
        """
        ...

    async def triggers_of_calendar(self, group: str, calendar: str) -> list[str]:
        """Names of the triggers that obey the calendar, ascending, at most 10."""
        ...

    # queues
    async def insert_queue(self, queue: Queue) -> Queue | None:
        """As insert_job."""
        ...

    async def update_queue(self, queue: Queue) -> Queue | None:
        """As update_job."""
        ...

    async def delete_queue(self, queue_id: int) -> bool:
        """Whether it was there."""
        ...

    async def lock_queue(self, group: str, name: str) -> Queue | None:
        """The queue, its row locked against every other writer, and against claims of its runs,
        until the commit."""
        ...

    async def jobs_of_queue(self, group: str, queue: str) -> list[str]:
        """Names of the jobs that name the queue, ascending, at most 10."""
        ...

    async def count_waiting(self, keys: Sequence[WaitingKey]) -> list[int]:
        """How many runs are queued behind each of the keys, also for their time; up to `most`."""
        ...
