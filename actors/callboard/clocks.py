"""Clocks: this node's wall clock and the store's, by the node's monotonic one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from callboard.clock import Clock
from callboard.domain.timeline import Timeline, timeline_of
from callboard.events import ClockJumped, ClockSource

JUMP_S: Final = 1.0
"""A clock that is put right by less is slewed, as time daemons do; that is nobody's concern."""

logger = logging.getLogger(__name__)


class Clocks:
    """Where both stand, from reading to reading."""

    def __init__(self, clock: Clock, *, on_jump: Callable[[ClockJumped], None]) -> None:
        """`on_jump` is told of each step that a reading shows."""
        self._clock = clock
        self._on_jump = on_jump
        self._own = self._read_own()
        self._present: Timeline | None = None

    def compare_own(self) -> None:
        """Read the node's wall clock, and see whether it stepped."""
        reading = self._read_own()
        self._note_jump(ClockSource.NODE, self._own.step_to(reading))
        self._own = self._own.after(reading)

    def compare_store(
        self, shown: datetime, asked_at: float, answered_at: float
    ) -> tuple[Timeline, float]:
        """Where the store's clock stands, and by how many seconds the node's is ahead of it.

        Args:
            shown: by the store's clock, at some moment between the two others.
            asked_at, answered_at: by the monotonic clock.
        """
        reading = timeline_of(shown, asked_at=asked_at, answered_at=answered_at)
        if self._present is None:
            self._present = reading
        self._note_jump(ClockSource.STORE, self._present.step_to(reading))
        self._present = self._present.after(reading)
        return self._present, self._own.ahead_of(self._present)

    def _read_own(self) -> Timeline:
        asked_at = self._clock.monotonic()
        shown = self._clock.now()
        return timeline_of(shown, asked_at=asked_at, answered_at=self._clock.monotonic())

    def _note_jump(self, source: ClockSource, by_s: float) -> None:
        if abs(by_s) < JUMP_S:
            return
        where = "ahead" if by_s > 0 else "back"
        logger.warning("the clock of the %s stepped %s by %.3f s", source, where, abs(by_s))
        self._on_jump(ClockJumped(source=source, by_s=by_s))
