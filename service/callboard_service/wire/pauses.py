"""Pausing and resuming on the wire: of one trigger, and of all that a filter names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec

from callboard.domain.pause import Missed
from callboard.domain.trigger import TriggerState
from callboard.errors import FieldProblem
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.shapes import Instant, KnownName, Moment, check_known_name, instant
from callboard_service.wire.triggers import TriggerResource

S = TypeVar("S", bound="PauseInput | ResumeInput")

MissedWord = Annotated[
    Missed,
    msgspec.Meta(
        description="the slots between: skipped as paused, or decided by the misfire policy"
    ),
]
JobOfActions = Annotated[KnownName | None, msgspec.Meta(description="those with an action on it")]
All = Annotated[bool, msgspec.Meta(description="every trigger; then without group and job")]
DryRun = Annotated[bool, msgspec.Meta(description="only count")]


class PauseInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How long slots are to be skipped."""

    until: Annotated[
        Instant | None, msgspec.Meta(description="the pause ends by itself; null: when resumed")
    ] = None


class ResumeInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What becomes of the slots between."""

    missed: MissedWord = Missed.SKIP


class GroupPauseInput(PauseInput, kw_only=True, forbid_unknown_fields=True):
    """How a job's or a group's triggers are to be paused."""

    dry_run: DryRun = False


class GroupResumeInput(ResumeInput, kw_only=True, forbid_unknown_fields=True):
    """How a job's or a group's triggers are to be resumed."""

    dry_run: DryRun = False


class BulkPauseInput(GroupPauseInput, kw_only=True, forbid_unknown_fields=True):
    """Which triggers are to be paused."""

    group: KnownName | None = None
    job: JobOfActions = None
    all: All = False


class BulkResumeInput(GroupResumeInput, kw_only=True, forbid_unknown_fields=True):
    """Which triggers are to be resumed."""

    group: KnownName | None = None
    job: JobOfActions = None
    all: All = False


class SlotsBetween(msgspec.Struct, kw_only=True):
    """The slots that came while a trigger was paused."""

    missed: MissedWord
    count: int
    first: Moment | None
    last: Moment | None


class ResumedTrigger(TriggerResource, kw_only=True):
    """A resumed trigger, and what became of the slots between."""

    between: SlotsBetween


class BulkPause(msgspec.Struct, kw_only=True):
    """What a bulk pause or resume did, or would do."""

    matched: Annotated[int, msgspec.Meta(description="triggers that the filter names")]
    changed: Annotated[int, msgspec.Meta(description="of them, paused or resumed")]
    slots: Annotated[
        int | None, msgspec.Meta(description="slots between, of all resumed; null when paused")
    ]
    state: TriggerState
    dry_run: bool


def read_pause(raw: object, shape: type[S]) -> tuple[S, datetime | None]:
    """A request to pause, and the end of the pause.

    Raises:
        InvalidInput
    """

    def build(given: S) -> tuple[S, datetime | None]:
        faults = Faults()
        if isinstance(given, BulkPauseInput | BulkResumeInput):
            _check_filter(faults, given)
        until = faults.attempt(lambda: instant(getattr(given, "until", None), "until"), None)
        faults.raise_any()
        return given, until

    return read_value(raw, shape, build, stand_in={})


def read_resume(raw: object, shape: type[S]) -> S:
    """A request to resume.

    Raises:
        InvalidInput
    """
    return read_pause(raw, shape)[0]


def _check_filter(faults: Faults, given: BulkPauseInput | BulkResumeInput) -> None:
    faults.attempt(lambda: check_known_name(given.group, "group"), None)
    faults.attempt(lambda: check_known_name(given.job, "job"), None)
    if given.all is (given.group is not None or given.job is not None):
        reason = "goes without group and job" if given.all else "no group, no job and not all"
        faults.add(FieldProblem("all", reason, 'name a group or a job, or send "all": true'))
