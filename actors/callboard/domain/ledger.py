"""The ledger: what became of each slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """What was decided for a slot."""

    FIRED = "fired"
    SKIPPED = "skipped"
    PENDING = "pending"
    """In the future, or not decided yet; never stored."""


class SkipReason(StrEnum):
    """Why a slot was skipped."""

    PAUSED = "paused"
    MISFIRE = "misfire"
    OVERLAP = "overlap"
    CALENDAR = "calendar"
    DST_GAP = "dst_gap"
    LIMIT = "limit"
    DISABLED = "disabled"
    NO_JOB = "no_job"
    """None of the jobs that the trigger starts was there (on_missing: skip)."""
    COALESCED = "coalesced"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One slot, or a stretch of skipped ones, with its decision.

    The identity is (trigger_id, generation, slot): the database refuses a second entry.
    """

    trigger_id: int
    generation: int
    slot: datetime
    decision: Decision
    reason: SkipReason | None = None
    until: datetime | None = None
    """Last slot of a stretch; None for a single slot."""
    count: int = 1
    """Slots in the stretch, both ends included."""
    decided_at: datetime | None = None
    run_ids: tuple[int, ...] = ()
    """Runs that the slot started, in the order of the trigger's actions."""
    caused_by: tuple[int, ...] = ()
    """Runs whose ends met the conditions of a conditional trigger, ascending."""
    events: int | None = None
    """How many the batch of an event trigger had; None: of others."""
