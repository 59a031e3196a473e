"""Changes of backfills."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.backfill import Backfill, NewBackfill
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBackfill(Command[Backfill]):
    """Store a new backfill; it begins at once, or is completed where its range has no slot.

    Refused: InvalidInput, Conflict trigger_paused (see domain/backfill_plan.py).
    """

    backfill: NewBackfill


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBackfill(Command[Backfill]):
    """Start no more of its slots; a paused one stays. Refused: NotFound, Conflict."""

    backfill_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeBackfill(Command[Backfill]):
    """Go on; a running one stays. Refused: NotFound, Conflict backfill_ended."""

    backfill_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBackfill(Command[Backfill]):
    """Start no more of its slots, ever. Refused: NotFound, Conflict when it is completed."""

    backfill_id: int
    stop_runs: bool = False
    """Also those that are live; also when it was cancelled before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceBackfill(Command[bool]):
    """Count its ended firings and start as many as there is room for; whether to ask again at once.

    Nothing is done while another node does it. A backfill that cannot go on pauses itself, or is
    cancelled when its trigger is gone, with a reason.
    """

    backfill_id: int
    limit: int
    """Slots looked at, at the most."""
