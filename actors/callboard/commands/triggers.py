"""Changes of triggers, but for the passing of their slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from callboard.domain.json import JsonObject
from callboard.domain.pause import Missed
from callboard.domain.run import Run
from callboard.domain.trigger import Trigger
from callboard.runtime import Command
from callboard.store.contract import TriggerFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrigger(Command[Trigger]):
    """Store a new trigger; with `activate`, it is active in the same transaction.

    Refused: AlreadyExists; InvalidInput for an action on a job that does not exist.
    """

    trigger: Trigger
    activate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTriggers(Command[tuple[Trigger, ...]]):
    """Store new triggers, all or none; active, but for those that are given as inactive.

    Without `activate` all are inactive. Refused: AlreadyExists; InvalidInput at triggers[i].
    """

    triggers: tuple[Trigger, ...]
    activate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTrigger(Command[tuple[Trigger, bool]]):
    """Create the trigger, or replace the one of its name; whether it was created.

    An existing one keeps its state. Other timing begins a new generation, whose slots lie in the
    future; slots that are due already are decided by the old one (D09). An equal
    definition changes nothing. Refused: StaleVersion, InvalidInput.
    """

    trigger: Trigger
    activate: bool = True
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrigger(Command[None]):
    """Delete a trigger; due slots are decided first, its runs and its ledger stay.

    Runs that it holds (overlap) are stopped.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateTrigger(Command[Trigger]):
    """Begin a new generation from now on; an active trigger stays as it is.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateTrigger(Command[Trigger]):
    """Keep the trigger, unscheduled; slots that are due already are decided.

    What fired stays fired: runs that it holds (overlap) still start in their turn.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTrigger(Command[Trigger]):
    """Skip the slots to come until `until`, or until somebody resumes it.

    Slots that are due already are decided first. A paused one gets the new end of its pause; the
    same one changes nothing. The trigger's version stays. Refused: NotFound, StaleVersion,
    Conflict not_pausable, InvalidInput at until when that has come already.
    """

    group: str
    name: str
    until: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A trigger that was resumed, and the slots that lay in its pause."""

    trigger: Trigger
    slots: int
    """How many were decided by it; what a misfire policy leaves for later plans is not counted."""
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTrigger(Command[Resumed]):
    """End a pause; `missed` says what becomes of its slots.

    Refused: NotFound, StaleVersion, Conflict not_paused, InvalidInput when the schedule cannot be
    understood any more.
    """

    group: str
    name: str
    missed: Missed = Missed.SKIP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkStep:
    """What one transaction of a bulk change did."""

    changed: int
    slots: int = 0
    """Slots that it decided."""
    after: tuple[str, str] | None = None
    """Where the next one goes on; None: there is nothing left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTriggers(Command[BulkStep]):
    """Pause a page of the filter's triggers, as PauseTrigger; those that cannot be are passed over.

    Refused: InvalidInput at until, on the first page.
    """

    filter: TriggerFilter
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTriggers(Command[BulkStep]):
    """Resume a page of the filter's triggers; one that cannot be understood any more is parked."""

    filter: TriggerFilter
    missed: Missed = Missed.SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTrigger(Command[tuple[Run, ...]]):
    """Start all actions of a trigger at once, without a slot, in any of its states.

    Refused: NotFound, Conflict job_disabled, Conflict overlap by the trigger's overlap policy.
    """

    group: str
    name: str
    arguments: JsonObject = field(default_factory=dict)
    """Laid over the arguments of each action."""
    overlap: Literal["trigger", "allow"] = "trigger"
    """`allow`: start beside whatever is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellEvent(Command[Trigger]):
    """Count events of an event trigger, which make a slot; the trigger as it waits for it.

    Refused: NotFound, Conflict not_event_trigger, Conflict trigger_not_active.
    """

    group: str
    name: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkTrigger(Command[None]):
    """Park a trigger that cannot be understood any more (D05); gone or changed: nothing."""

    trigger: Trigger
    reason: str
