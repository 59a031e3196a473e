"""LoopWatch: sees from another thread whether an event loop still turns, and what holds it up.

It asks the loop for an answer, again and again. While there is none for longer than the limit, the
handler that is on the stack of the loop's thread is named in the log; when the loop turns again,
whoever asked for it is told how long that took.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from callboard.clock import Clock
from callboard.events import LoopBlocked
from callboard.runners.coroutine import run_on_stack
from callboard.runners.vitals import lines_of, stack_of

LOOKS_PER_WARNING: Final = 4
LEAST_LOOK_S: Final = 0.01
MOST_LOOK_S: Final = 1.0
AGAIN_S: Final = 10.0
"""Between two lines in the log about the same block."""

logger = logging.getLogger(__name__)


class LoopGone(Exception):
    """The event loop was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """What is on the loop's stack."""

    run_id: int | None
    job: str | None
    stack: tuple[str, ...]
    """A line a frame, the innermost last."""


class LoopWatch:
    """Watches the loop on whose thread it is made."""

    def __init__(
        self, *, warn_s: float, on_freed: Callable[[LoopBlocked], object], clock: Clock
    ) -> None:
        """Args:
        warn_s: a loop that is blocked for so long is worth a line in the log.
        on_freed: told, on the watching thread, of a block that was and is over.
        """
        self.every_s = min(max(warn_s / LOOKS_PER_WARNING, LEAST_LOOK_S), MOST_LOOK_S)
        """Seconds between looks."""
        self._warn_s = warn_s
        self._on_freed = on_freed
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._named_at: float | None = None
        self._culprit: Culprit | None = None

    def look(self, now: float) -> float:
        """Seconds for which the loop has not turned, as far as is known; 0.0: it turns.

        Raises:
            LoopGone: there is no such loop any more.
        """
        if self._asked_at is not None and self._answered_at is None:
            return self._on_silence(now, now - self._asked_at)
        self._on_answer()
        self._ask(now)
        return 0.0

    def forgive(self, now: float) -> None:
        """Count anew from now: the watching thread stood still as well."""
        if self._asked_at is not None:
            self._asked_at = now

    def stack(self) -> Culprit:
        """What the loop's thread does at this moment."""
        frame = sys._current_frames().get(self._thread_id)
        context = run_on_stack(frame)
        return Culprit(
            run_id=None if context is None else context.run_id,
            job=None if context is None else context.job,
            stack=lines_of(stack_of(frame)),
        )

    def _ask(self, now: float) -> None:
        self._asked_at, self._answered_at = now, None
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError as closed:
            raise LoopGone from closed

    def _answer(self) -> None:
        """On the loop."""
        self._answered_at = self._clock.monotonic()

    def _on_silence(self, now: float, silent_s: float) -> float:
        if self._loop.is_closed():
            raise LoopGone
        last = self._named_at
        if silent_s >= self._warn_s and (last is None or now - last >= AGAIN_S):
            self._named_at = now
            self._name(silent_s)
        return silent_s

    def _name(self, silent_s: float) -> None:
        culprit = self.stack()
        if self._culprit is None or self._culprit.run_id is None:
            self._culprit = culprit
        facts = {
            "event": "loop.blocked",
            "run_id": culprit.run_id,
            "job": culprit.job,
            "blocked_s": round(silent_s, 3),
            "stack": culprit.stack,
        }
        who = "something" if culprit.run_id is None else f"run {culprit.run_id} of {culprit.job!r}"
        where = "".join(f"\n  {line}" for line in culprit.stack)
        logger.warning(
            "%s has blocked the event loop for %.1f s; it is in%s",
            who,
            silent_s,
            where,
            extra=facts,
        )

    def _on_answer(self) -> None:
        culprit, self._culprit = self._culprit, None
        self._named_at = None
        if culprit is None or self._asked_at is None or self._answered_at is None:
            return
        blocked_s = self._answered_at - self._asked_at
        self._on_freed(
            LoopBlocked(run_id=culprit.run_id, job=culprit.job, blocked_s=round(blocked_s, 3))
        )
