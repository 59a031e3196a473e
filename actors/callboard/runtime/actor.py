"""AsyncioActor: pykka's actor on an event loop.

Where it differs from pykka's own runtime
    - It is not in pykka's process-global registry: `ActorRegistry.stop_all()`, which any failing
      threading actor may trigger, does not reach it, and two boards cannot meet there.
    - No exception, cancellation included, leaves the actor: only KeyboardInterrupt passes.
    - The mailbox is bounded, and refuses at once what comes after the message to stop.
    - A handler may be a coroutine function, answer later, and own tasks and timers.
    - One life of it is a value of its own (`life.py`), so that a supervisor can give the mailbox
      another one.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Coroutine
from types import TracebackType
from typing import Any, ClassVar, Never, TypeVar

import pykka
from pykka._envelope import Envelope

from callboard.clock import Clock, SystemClock
from callboard.runtime.future import AsyncioFuture
from callboard.runtime.life import Life, bury
from callboard.runtime.mailbox import Mailbox
from callboard.runtime.reply import Reply
from callboard.runtime.seam import PykkaActor
from callboard.runtime.timers import Timers

T = TypeVar("T")

logger = logging.getLogger(__name__)


class AsyncioActor(PykkaActor):
    """An actor on the event loop that runs when it is made; it lives as long as its ref is kept.

    `on_start`, `on_stop`, `on_failure`, `on_receive` and methods called through a proxy may be
    plain or `async def`. `start`, `tell`, `ask`, `stop` and `proxy` are pykka's; the typed
    `callboard.runtime.ask`, `tell` and `stop` know of time, too.
    """

    mailbox_limit: ClassVar[int] = 10_000
    """How many messages may wait; one more is refused by `Overloaded`."""

    def __init__(self, *args: Any, clock: Clock | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.timers = Timers(self.clock, self._post)
        self.actor_inbox.owner = type(self).__name__
        self.actor_inbox.limit = self.mailbox_limit
        self._life = Life(self, self.actor_inbox)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Any]:
        """Make an actor and let it live on the running loop."""
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    def later(self, awaitable: Awaitable[T]) -> Reply[T]:
        """A reply for the handler to return: the awaitable's result, when it is done.

        The actor goes on with its next message meanwhile. The work is cancelled with the actor;
        its error goes to the asker only (and to the log when nobody asked).
        """
        return self._life.later(awaitable)

    def reply_later(self) -> Reply[Any]:
        """A reply for the handler to return, and for any code of the actor to give."""
        return Reply(self._life.name)

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run a coroutine beside the messages; an error in it is a crash of the actor.

        It is cancelled and awaited when the actor ends, after `on_stop`.
        """
        return self._life.spawn(work, name)

    def crash(self, error: BaseException) -> None:
        """End this life of the actor by `error`, as one in a spawned task does."""
        self._life.crash(error)

    def unexpected(self, message: Never) -> None:
        """For the last case of a match on messages: logs a warning, the actor goes on."""
        logger.warning("%s got a message it does not know: %r", type(self).__name__, message)

    def on_start(self) -> Any:
        """Runs before the first message; an exception is a crash."""

    def on_stop(self) -> Any:
        """Runs after the last message, while tasks, timers and due replies are still there.

        An exception is logged; the actor stops anyway.
        """

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        """Runs in place of `on_stop` after a crash."""

    def on_receive(self, message: Any) -> Any:
        """Handle a message; the result answers the asker."""
        logger.warning("%s got a message it does not know: %r", type(self).__name__, message)

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox(asyncio.get_running_loop())

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return AsyncioFuture()

    def _start_actor_loop(self) -> None:
        self._life.begin(self._life.run(), on_end=lambda _: bury(self))

    def _follow(self, previous: AsyncioActor) -> None:
        """Take over the ref, the mailbox and the task of an actor that crashed."""
        own = self.actor_inbox
        self.actor_urn = previous.actor_urn
        self.actor_inbox = previous.actor_inbox
        self.actor_stopped = previous.actor_stopped
        self._life.follow(previous._life)
        # The constructor may have handed out its own ref: make it another name for the old one.
        vars(self._actor_ref).update(vars(previous._actor_ref))
        self._actor_ref._actor_weakref = previous._actor_ref._actor_weakref = weakref.ref(self)
        self._actor_ref = previous._actor_ref
        own.pour_into(self.actor_inbox)

    def _post(self, envelope: Envelope[Any]) -> None:
        self.actor_inbox.put_own(envelope)
