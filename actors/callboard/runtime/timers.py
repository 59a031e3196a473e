"""Timers: messages of an actor to itself at a clock's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pykka._envelope import Envelope

from callboard.clock import Alarm, Clock


class Timer:
    """One message to come; it waits for its time, then in the mailbox."""

    __slots__ = ("alarm", "at", "key", "message")

    def __init__(self, key: str, at: float, message: object) -> None:
        self.key = key
        self.at = at
        self.message = message
        self.alarm: Alarm | None = None


class TimerEnvelope(Envelope[Any]):
    """A timer's message in the mailbox."""

    __slots__ = ("timer",)

    def __init__(self, timer: Timer) -> None:
        super().__init__(timer.message)
        self.timer = timer


class Timers:
    """The timers of one actor, at most one for each key.

    A timer that was cancelled or replaced is not delivered, even if it had rung already and its
    message waited in the mailbox.
    """

    def __init__(self, clock: Clock, post: Callable[[Envelope[Any]], None]) -> None:
        self._clock = clock
        self._post = post
        self._timers: dict[str, Timer] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._timers

    def send_at(self, key: str, monotonic: float, message: object) -> None:
        """Send `message` when the clock's `monotonic()` has reached that many seconds."""
        self.cancel(key)
        timer = self._timers[key] = Timer(key, monotonic, message)
        timer.alarm = self._clock.call_at(monotonic, lambda: self._post(TimerEnvelope(timer)))

    def send_after(self, key: str, seconds: float, message: object) -> None:
        """Send `message` in so many seconds."""
        self.send_at(key, self._clock.monotonic() + seconds, message)

    def send_within(self, key: str, seconds: float, message: object) -> None:
        """Send `message` in so many seconds, unless the timer of this key comes earlier."""
        at, present = self._clock.monotonic() + seconds, self._timers.get(key)
        if present is None or at < present.at:
            self.send_at(key, at, message)

    def cancel(self, key: str) -> None:
        """Take the timer back; nothing happens when there is none."""
        timer = self._timers.pop(key, None)
        if timer is not None and timer.alarm is not None:
            timer.alarm.cancel()

    def cancel_all(self) -> None:
        """Take all timers back."""
        for key in tuple(self._timers):
            self.cancel(key)

    def claim(self, timer: Timer) -> bool:
        """Whether the timer's message is still wanted; it is used up by that."""
        if self._timers.get(timer.key) is not timer:
            return False
        del self._timers[timer.key]
        return True
