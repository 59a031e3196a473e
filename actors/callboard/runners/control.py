"""RunControl: how a run on this node is asked to end, and made to.

    GOING -request_stop(cooperative), time_out-> ASKED -grace is over-> KILLED
    GOING | ASKED -request_stop(kill)-> KILLED

The executor and the attempt tell it, the runner listens and obeys. All of it on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import TypeAlias

from callboard.clock import Alarm, Clock
from callboard.domain.run import StopMode


class Phase(IntEnum):
    """How hard a run is pressed to end; it only ever rises."""

    GOING = 0
    ASKED = 1
    """It should end by itself, soon."""
    KILLED = 2
    """Its grace is over: end it by force, or let go of it."""


class StopCause(StrEnum):
    """Why a run has to end; the first cause stays."""

    REQUESTED = "requested"
    TIMEOUT = "timeout"


Listener: TypeAlias = Callable[[Phase], None]


class RunControl:
    """The wish that one run should end."""

    __slots__ = ("_alarm", "_clock", "_kill_at", "_listeners", "cause", "phase")

    def __init__(self, clock: Clock) -> None:
        self.phase = Phase.GOING
        self.cause: StopCause | None = None
        self._clock = clock
        self._listeners: list[Listener] = []
        self._alarm: Alarm | None = None
        self._kill_at = float("inf")

    def request_stop(self, mode: StopMode, grace_s: float) -> None:
        """Ask the run to end, and kill it `grace_s` seconds later (infinite: never); mode kill
        does not ask.

        A further request may shorten the grace, never lengthen it.
        """
        self.cause = self.cause or StopCause.REQUESTED
        if mode is StopMode.KILL:
            self._rise(Phase.KILLED)
        else:
            self._ask(grace_s)

    def time_out(self, grace_s: float) -> None:
        """The run has taken too long; nothing new for one that is to end anyway."""
        if self.cause is None:
            self.cause = StopCause.TIMEOUT
            self._ask(grace_s)

    def listen(self, listener: Listener) -> None:
        """Call `listener(phase)` when the phase rises; at once when it has risen already."""
        self._listeners.append(listener)
        if self.phase is not Phase.GOING:
            listener(self.phase)

    def close(self) -> None:
        """The run has ended: no alarm rings, nobody is called any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._listeners.clear()

    def _ask(self, grace_s: float) -> None:
        self._rise(Phase.ASKED)
        kill_at = self._clock.monotonic() + grace_s
        if kill_at < self._kill_at and self.phase is Phase.ASKED:
            if self._alarm is not None:
                self._alarm.cancel()
            self._kill_at = kill_at
            self._alarm = self._clock.call_at(kill_at, lambda: self._rise(Phase.KILLED))

    def _rise(self, phase: Phase) -> None:
        if phase > self.phase:
            self.phase = phase
            for listener in tuple(self._listeners):
                listener(phase)
