"""Who waits for whom: the questions under way, to find a cycle before it hangs.

A handler that asks holds up its actor until the answer comes. A new question closes a cycle when
its target is held up, directly or through others, by somebody who waits for the one that asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from pykka._envelope import Envelope

from callboard.runtime.mailbox import Mailbox


class Work:
    """Code of an actor under way: a handler or hook, or a deferred reply."""

    __slots__ = ("holds", "serves", "who")

    def __init__(self, who: Mailbox, serves: Ask | None, *, holds: bool) -> None:
        self.who = who
        self.serves = serves
        self.holds = holds

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it."""
        return not self.holds and self.serves is None

    def end(self) -> None:
        """Let go of everybody; a context copied from this one may outlive it."""
        self.holds = False
        self.serves = None


class Ask:
    """One question under way: it holds up the actors of the work that made it."""

    __slots__ = ("_noted_by", "by", "pending", "target")

    def __init__(self, by: Work, target: Any) -> None:
        self.by = by
        self.target = target
        self.pending = True
        self._noted_by: Mailbox | None = None

    def holders(self) -> Iterator[Mailbox]:
        """The actors that do nothing else until it is answered, nearest first."""
        return (work.who for work in ancestry(self.by) if work.holds)

    def begin(self) -> None:
        """Note it down with the nearest actor that it holds up."""
        self._noted_by = next(self.holders(), None)
        if self._noted_by is not None:
            self._noted_by.asks.append(self)

    def end(self) -> None:
        """Strike it out."""
        self.pending = False
        if self._noted_by is not None:
            self._noted_by.asks.remove(self)


class AskEnvelope(Envelope[Any]):
    """A message with its reply address and the question it belongs to."""

    __slots__ = ("ask",)

    def __init__(self, message: Any, reply_to: Any, ask: Ask) -> None:
        super().__init__(message, reply_to)
        self.ask = ask


current_work: ContextVar[Work | None] = ContextVar("callboard_current_work", default=None)
"""What the running code does for which actor; None outside of actors."""


def ancestry(work: Work) -> Iterator[Work]:
    """The work, the work that waits for it, and so on."""
    yield work
    while work.serves is not None and work.serves.pending:
        work = work.serves.by
        yield work


def names(work: Work) -> tuple[str, ...]:
    """Who asked whom, up to the work's own actor."""
    return tuple(reversed([each.who.owner for each in ancestry(work)]))


def find_cycle(work: Work, target: Mailbox) -> tuple[str, ...] | None:
    """The cycle that a question from `work` to `target` would close: names, the first again last.

    None when there is none.
    """
    waiting = list(ancestry(work))
    held = [each.who for each in waiting if each.holds]
    path = _path_to_any(target, held)
    if path is None:
        return None
    upward = [each.who for each in waiting]
    back = reversed(upward[: upward.index(path[-1]) + 1])
    return tuple(mailbox.owner for mailbox in (*back, *path))


def _path_to_any(start: Mailbox, goals: list[Mailbox]) -> list[Mailbox] | None:
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop()
        if path[-1] in goals:
            return path
        for mailbox in _awaited_by(path[-1]):
            if mailbox not in seen:
                seen.add(mailbox)
                paths.append([*path, mailbox])
    return None


def _awaited_by(mailbox: Mailbox) -> list[Mailbox]:
    return [
        ask.target
        for ask in mailbox.asks
        if isinstance(ask.target, Mailbox) and mailbox in ask.holders()
    ]
