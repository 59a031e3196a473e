"""What can be asked about triggers and their slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from callboard import commands as c
from callboard.domain.event_batches import MOST_EVENTS
from callboard.domain.explain import Explanation
from callboard.domain.instant import utc_instant
from callboard.domain.json import JsonObject, check_json_object, check_size
from callboard.domain.pause import Missed
from callboard.domain.pause_end import check_pause_end
from callboard.domain.run import Run
from callboard.domain.slot import SlotView
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import invalid
from callboard.operations.asking import Asking, found
from callboard.runtime import Command
from callboard.slot_reading import Span, explain, read_ledger, read_slots
from callboard.store.contract import TriggerFilter

BULK_STEP: Final = 100
"""Triggers that one transaction of a bulk change takes on: nobody waits for it for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """What a change of many triggers did, or, in a dry run, would do."""

    matched: int
    """Triggers that the filter names."""
    changed: int
    """Of them, those that were not as wanted yet."""
    slots: int = 0
    """Slots that were decided by it."""


class TriggerOperations(Asking):
    """Triggers by group and name, one or many, and what becomes of their slots."""

    async def create_trigger(self, trigger: Trigger, *, activate: bool = True) -> Trigger:
        """Raises AlreadyExists; InvalidInput at actions[i].job for a job that does not exist."""
        return await self._ask(c.CreateTrigger(trigger=trigger, activate=activate))

    async def create_triggers(
        self, triggers: Sequence[Trigger], *, activate: bool = True
    ) -> list[Trigger]:
        """Create triggers, all or none, in one commit.

        Active, but for those given as inactive; none if not `activate`. Raises AlreadyExists;
        InvalidInput at triggers[i], for a name that comes twice, too.
        """
        command = c.CreateTriggers(triggers=tuple(triggers), activate=activate)
        return list(await self._ask(command, weight=len(command.triggers)))

    async def replace_trigger(
        self, trigger: Trigger, *, expected_version: int | None = None, activate: bool = True
    ) -> tuple[Trigger, bool]:
        """Create (active if `activate`), or replace one, which keeps its state; whether created.

        Other timing begins a new generation; slots that are due are decided by the old one.
        """
        return await self._ask(
            c.ReplaceTrigger(trigger=trigger, activate=activate, expected_version=expected_version)
        )

    async def delete_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """Its runs and its ledger stay. Raises NotFound, StaleVersion."""
        await self._ask(c.DeleteTrigger(group=group, name=name, expected_version=expected_version))

    async def get_trigger(self, group: str, name: str) -> Trigger:
        """Raises NotFound."""
        return found(await self._ask(c.GetTrigger(group=group, name=name)), "trigger", name)

    async def list_triggers(self, filter: TriggerFilter) -> list[Trigger]:
        """One page, by group and name."""
        return await self._ask(c.ListTriggers(filter=filter))

    async def activate_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Trigger:
        """An active one stays as it is. Raises NotFound, StaleVersion."""
        return await self._ask(
            c.ActivateTrigger(group=group, name=name, expected_version=expected_version)
        )

    async def deactivate_trigger(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> Trigger:
        """Raises NotFound, StaleVersion."""
        return await self._ask(
            c.DeactivateTrigger(group=group, name=name, expected_version=expected_version)
        )

    async def pause_trigger(
        self,
        group: str,
        name: str,
        *,
        until: datetime | None = None,
        expected_version: int | None = None,
    ) -> Trigger:
        """Skip its slots from now on until `until`, or until it is resumed.

        A paused one stays so, with the new `until`. Raises NotFound, StaleVersion, Conflict
        not_pausable, InvalidInput at until when that has come already.
        """
        command = c.PauseTrigger(
            group=group, name=name, until=_end_of_pause(until), expected_version=expected_version
        )
        return await self._ask(command)

    async def resume_trigger(
        self,
        group: str,
        name: str,
        *,
        missed: Missed = Missed.SKIP,
        expected_version: int | None = None,
    ) -> c.Resumed:
        """End its pause; `missed` says what becomes of the slots in it (M05).

        Raises NotFound, StaleVersion, Conflict not_paused.
        """
        command = c.ResumeTrigger(
            group=group, name=name, missed=missed, expected_version=expected_version
        )
        return await self._ask(command)

    async def pause_triggers(
        self, filter: TriggerFilter, *, until: datetime | None = None, dry_run: bool = False
    ) -> BulkChange:
        """Pause all active triggers of the filter, whose page is ignored.

        Works in transactions of BULK_STEP triggers: when one fails, those before it stay, and the
        same call goes on. Triggers made later are not paused. Raises InvalidInput at until.
        """
        until = _end_of_pause(until)
        counts = await self._count(filter)
        if dry_run:
            check_pause_end(until, await self._ask(c.ReadClock()))
            changed = sum(
                count
                for (state, resume_at), count in counts.items()
                if state is TriggerState.ACTIVE
                or (state is TriggerState.PAUSED and resume_at != until)
            )
            return BulkChange(matched=sum(counts.values()), changed=changed)
        done = await self._bulk(lambda page: c.PauseTriggers(filter=page, until=until), filter)
        return replace(done, matched=sum(counts.values()))

    async def resume_triggers(
        self, filter: TriggerFilter, *, missed: Missed = Missed.SKIP, dry_run: bool = False
    ) -> BulkChange:
        """Resume all paused triggers of the filter, in steps as pause_triggers.

        One whose schedule cannot be understood any more is parked.
        """
        counts = await self._count(filter)
        matched = sum(counts.values())
        if dry_run:
            paused = (n for (state, _), n in counts.items() if state is TriggerState.PAUSED)
            return BulkChange(matched=matched, changed=sum(paused))
        done = await self._bulk(lambda page: c.ResumeTriggers(filter=page, missed=missed), filter)
        return replace(done, matched=matched)

    async def _count(
        self, filter: TriggerFilter
    ) -> dict[tuple[TriggerState, datetime | None], int]:
        return await self._ask(c.CountTriggers(filter=filter))

    async def _bulk(
        self, step_of: Callable[[TriggerFilter], Command[c.BulkStep]], filter: TriggerFilter
    ) -> BulkChange:
        changed = slots = 0
        page: TriggerFilter | None = replace(filter, after=None, limit=BULK_STEP)
        while page is not None:
            step = await self._ask(step_of(page))
            changed, slots = changed + step.changed, slots + step.slots
            page = None if step.after is None else replace(page, after=step.after)
        return BulkChange(matched=changed, changed=changed, slots=slots)

    async def fire_trigger(
        self,
        group: str,
        name: str,
        *,
        arguments: JsonObject | None = None,
        overlap: Literal["trigger", "allow"] = "trigger",
    ) -> list[Run]:
        """Start all its actions at once, without a slot.

        With `overlap="allow"` beside whatever of it is live; otherwise the trigger's overlap policy
        may hold the runs, or refuse them. Raises NotFound (of a job, too, where the trigger may
        lack some), Conflict overlap or job_disabled.
        """
        given = {} if arguments is None else arguments
        check_json_object(given, "arguments")
        check_size(given, "arguments")
        command = c.FireTrigger(group=group, name=name, arguments=given, overlap=overlap)
        return list(await self._ask(command))

    async def tell_event(self, group: str, name: str, *, count: int = 1) -> Trigger:
        """Tell an event trigger that something happened, `count` times.

        The answer's next_slot is the slot that will come of it. Raises NotFound, Conflict
        not_event_trigger or trigger_not_active, InvalidInput at count.
        """
        if isinstance(count, bool) or not isinstance(count, int):
            raise invalid("count", f"is a {type(count).__name__}, not a whole number")
        if not 1 <= count <= MOST_EVENTS:
            raise invalid("count", f"{count} is outside 1 to {MOST_EVENTS}", "tell them in parts")
        return await self._ask(c.TellEvent(group=group, name=name, count=count))

    async def list_slots(
        self, group: str, name: str, *, since: datetime, until: datetime, limit: int = 100
    ) -> list[SlotView]:
        """Slots in [since, until): what became of them, then what is to come.

        Pending ones are marked `collision` where another active trigger starts one of its jobs at
        the same instant. Raises NotFound.
        """
        trigger = await self.get_trigger(group, name)
        return await read_slots(self._ask, trigger, Span(since=since, until=until, limit=limit))

    async def read_ledger(
        self,
        group: str,
        name: str,
        *,
        since: datetime,
        until: datetime,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[SlotView]:
        """What became of the slots in [since, until) up to now, with its reasons.

        All generations. Slots that are certain to be skipped are told before that is written. Due
        slots that nobody decided yet are left out. Raises NotFound.
        """
        trigger = await self.get_trigger(group, name)
        span = Span(since=since, until=until, limit=limit, newest_first=newest_first)
        return await read_ledger(self._ask, trigger, span)

    async def explain_slot(self, group: str, name: str, at: datetime) -> Explanation:
        """What became of the instant `at`, or will, or why it is no slot of the trigger.

        Raises NotFound; InvalidInput at at.
        """
        trigger = await self.get_trigger(group, name)
        return await explain(self._ask, trigger, utc_instant(at, "at"))


def _end_of_pause(until: datetime | None) -> datetime | None:
    return None if until is None else utc_instant(until, "until")
