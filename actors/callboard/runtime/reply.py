"""Reply: an answer that an actor gives after its handler has returned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pykka

R = TypeVar("R")

logger = logging.getLogger(__name__)


class Reply(Generic[R]):
    """Returned by a handler in place of the answer, which follows by `set` or `set_exception`.

    The first answer counts, later ones are ignored: the runtime answers `ActorDeadError` itself
    when the actor ends before it did.
    """

    def __init__(self, actor: str) -> None:
        self._actor = actor
        self._deliver: Callable[[pykka.Future[Any]], None] | None = None
        self._asker: pykka.Future[Any] | None = None
        self._is_bound = False
        self._on_answer: Callable[[Reply[Any]], None] | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the answer was given."""
        return self._deliver is not None

    def set(self, value: R) -> None:
        """Answer."""
        self._answer(lambda asker: asker.set(value))

    def set_exception(self, error: BaseException) -> None:
        """Answer by an error; logged when nobody asked."""
        if self._is_bound and self._asker is None and not self.is_answered:
            logger.error("%s failed at work that nobody waits for", self._actor, exc_info=error)
        self._answer(lambda asker: asker.set_exception((type(error), error, error.__traceback__)))

    def bind(
        self, asker: pykka.Future[Any] | None, on_answer: Callable[[Reply[Any]], None]
    ) -> None:
        """Say who asked (None: nobody), and what to call when the answer has been given."""
        self._is_bound = True
        self._asker = asker
        self._on_answer = on_answer
        if self._deliver is not None:
            self._hand_over(self._deliver)

    def _answer(self, deliver: Callable[[pykka.Future[Any]], None]) -> None:
        if self._deliver is not None:
            return
        self._deliver = deliver
        if self._is_bound:
            self._hand_over(deliver)

    def _hand_over(self, deliver: Callable[[pykka.Future[Any]], None]) -> None:
        if self._asker is not None:
            deliver(self._asker)
        if self._on_answer is not None:
            self._on_answer(self)
