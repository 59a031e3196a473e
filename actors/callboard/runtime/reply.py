"""Reply: an answer that an actor gives after its handler has returned."""

from __future__ import annotations

import logging
from collections.abc import MutableSet
from typing import Any, Final, Generic, TypeVar

from callboard.runtime.answer import Asker, Failed, deliver

R = TypeVar("R")

logger = logging.getLogger(__name__)

_NOTHING: Final = object()


class Reply(Generic[R]):
    """Returned by a handler in place of the answer, which follows by `set` or `set_exception`.

    The first answer counts, later ones are ignored: the runtime answers `ActorDeadError` itself
    when the actor ends before it did.
    """

    __slots__ = ("_actor", "_asker", "_due", "_outcome")

    def __init__(self, actor: str) -> None:
        self._actor = actor
        self._outcome: object = _NOTHING
        self._asker: Asker | None = None
        self._due: MutableSet[Reply[Any]] | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the answer was given."""
        return self._outcome is not _NOTHING

    def set(self, value: R) -> None:
        """Answer."""
        self._answer(value)

    def set_exception(self, error: BaseException) -> None:
        """Answer by an error; logged when nobody asked."""
        if self._due is not None and self._asker is None and not self.is_answered:
            logger.error("%s failed at work that nobody waits for", self._actor, exc_info=error)
        self._answer(Failed(error, error.__traceback__))

    def bind(self, asker: Asker | None, due: MutableSet[Reply[Any]]) -> None:
        """Say who asked (None: nobody), and in which set it stands until the answer was given."""
        self._asker = asker
        self._due = due
        if self._outcome is _NOTHING:
            due.add(self)
        else:
            self._hand_over()

    def _answer(self, outcome: object) -> None:
        if self._outcome is not _NOTHING:
            return
        self._outcome = outcome
        if self._due is not None:
            self._due.discard(self)
            self._hand_over()

    def _hand_over(self) -> None:
        if self._asker is not None:
            deliver(self._asker, self._outcome)
