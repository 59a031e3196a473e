"""Life: one life of an actor, from `on_start` to its end.

States
    starting -> serving -> stopping -> ended      after the message to stop, or `kill`
    starting | serving -> failing -> ended        after a crash

    starting   `on_start`
    serving    messages, one at a time
    stopping   `on_stop`
    failing    `on_failure`
    ended      timers and tasks are cancelled; askers whose reply is still due got ActorDeadError

A crash is an exception under `tell`, in `on_start` or in a spawned task. An exception under `ask`
belongs to the asker. The message that an actor crashed on is not handled again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka._introspection import get_attr_directly
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from callboard.runtime.answer import Failed, deliver
from callboard.runtime.chain import Ask, AskEnvelope, Work, current_work
from callboard.runtime.errors import HandlerCancelled
from callboard.runtime.mailbox import Mailbox, refuse
from callboard.runtime.reply import Reply
from callboard.runtime.tasks import OwnedTasks
from callboard.runtime.timers import TimerEnvelope

if TYPE_CHECKING:
    from callboard.runtime.actor import AsyncioActor

T = TypeVar("T")

logger = logging.getLogger(__name__)

TURN = 200
"""How many messages an actor handles before it lets the rest of the loop go on."""

PROXIED = (ProxyCall, ProxyGetAttr, ProxySetAttr)
"""Messages of pykka's proxies, which call the actor's methods and reach its attributes."""

PASSING = (KeyboardInterrupt, GeneratorExit)
"""What is no concern of an actor: the user's wish to end the program, the end of a coroutine."""


class Life:
    """Runs one actor's hooks and messages in the task that awaits `run`."""

    def __init__(self, actor: AsyncioActor, mailbox: Mailbox) -> None:
        self.actor = actor
        self.mailbox = mailbox
        self.name = type(actor).__name__
        self._tasks = OwnedTasks(self.name)
        self._replies: set[Reply[Any]] = set()
        self._envelope: Envelope[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._fault: BaseException | None = None
        self._is_open = True
        self._is_cut_off = False
        self._is_killed = False

    def begin(
        self, story: Coroutine[Any, Any, object], *, on_end: Callable[[BaseException | None], None]
    ) -> None:
        """Start the task that this life, and perhaps others after it, are lived in."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(story, name=self.name, context=Context())
        self.mailbox.task = self._task
        # Not in a `finally` of the story: cancelled before its first step, it would not run.
        self._task.add_done_callback(partial(_ended, self.name, on_end))

    def follow(self, previous: Life) -> None:
        """Go on in the task and with the mailbox of an earlier life."""
        self._task = previous._task
        self.mailbox = previous.mailbox

    async def run(self) -> BaseException | None:
        """Live; None after a stop, or what the actor crashed of."""
        self._task = asyncio.current_task()
        fault = await self._serve_to_the_end()
        self._is_open = False
        if fault is None:
            await self._call_last("on_stop", self.actor.on_stop)
        else:
            logger.error("%s crashed", self.name, exc_info=fault)
            details = (type(fault), fault, fault.__traceback__)
            await self._call_last("on_failure", partial(self.actor.on_failure, *details))
        await self._end()
        return None if self._is_killed else fault

    def kill(self) -> None:
        """Cut off whatever the actor does; it stops without handling what waits."""
        self._is_killed = True
        self._cut_off()

    def crash(self, error: BaseException) -> None:
        """Cut off the running handler and end this life by `error`."""
        if not self._is_open:
            logger.error("%s: a task failed while the actor ended", self.name, exc_info=error)
        elif self._fault is None:
            self._fault = error
            self._cut_off()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine beside the messages; an error in it is a crash."""
        return self._tasks.start(work, name=name, serves=None, on_failure=self.crash)

    def later(self, awaitable: Awaitable[T]) -> Reply[T]:
        """A reply that the awaitable gives."""
        reply: Reply[T] = Reply(self.name)
        task = self._tasks.start(
            awaitable if isinstance(awaitable, CoroutineType) else _awaiting(awaitable),
            name="later",
            serves=Work(self.mailbox, _question_of(self._envelope), holds=False),
            on_failure=reply.set_exception,
        )
        task.add_done_callback(partial(_pass_result, reply))
        return reply

    def _cut_off(self) -> None:
        self._is_cut_off = True
        if self._task is not None:
            self._task.cancel()

    async def _serve_to_the_end(self) -> BaseException | None:
        error: BaseException | None = None
        try:
            await self._hold(self.actor.on_start(), None)
            await self._serve()
        except PASSING:
            raise
        except BaseException as caught:  # noqa: BLE001 - not even SystemExit may stop the others
            error = caught
        return self._verdict(error)

    def _verdict(self, error: BaseException | None) -> BaseException | None:
        """What this life ends of: None for a stop, by message or by cancellation."""
        assert self._task is not None
        if self._fault is not None:
            self._task.uncancel()  # the one of `crash`
            error = self._fault
        if self._is_killed or self._task.cancelling():
            if error is not None and not isinstance(error, asyncio.CancelledError):
                logger.error("%s crashed while it was cut off", self.name, exc_info=error)
            return None
        return self._stray(error) if isinstance(error, asyncio.CancelledError) else error

    async def _serve(self) -> None:
        """Handle messages until the one to stop is next; it stays for the undertaker."""
        mailbox, left = self.mailbox, TURN
        while not self._is_cut_off:
            if mailbox.empty():
                await mailbox.arrival()
                left = TURN
                continue
            if left == 0:
                await _breathe()
                left = TURN
            left -= 1
            envelope = mailbox.get()
            if type(envelope.message) is _ActorStop:
                mailbox.put_back(envelope)
                return
            if type(envelope) is not TimerEnvelope or self.actor.timers.claim(envelope.timer):
                begun = self._handle(envelope)
                if begun is not None:
                    await self._finish(envelope, begun)

    def _handle(self, envelope: Envelope[Any]) -> Coroutine[Any, Any, Any] | None:
        """Handle a message, up to where the handler is a coroutine that is still to be awaited."""
        self._envelope = envelope
        try:
            answer = self._dispatch(envelope.message)
        except BaseException as error:  # noqa: BLE001 - it is told apart there
            self._fail(envelope, error)
            return None
        if isinstance(answer, CoroutineType):
            return answer
        self._answer(envelope, answer)
        return None

    async def _finish(self, envelope: Envelope[Any], begun: Coroutine[Any, Any, Any]) -> None:
        try:
            answer = await self._hold(begun, _question_of(envelope))
        except BaseException as error:  # noqa: BLE001 - it is told apart there
            self._fail(envelope, error)
        else:
            self._answer(envelope, answer)

    def _dispatch(self, message: Any) -> Any:
        if not isinstance(message, PROXIED):
            return self.actor.on_receive(message)
        match message:
            case ProxyCall():
                return get_attr_directly(self.actor, message.attr_path)(
                    *message.args, **message.kwargs
                )
            case ProxyGetAttr():
                return get_attr_directly(self.actor, message.attr_path)
            case ProxySetAttr():
                parent = get_attr_directly(self.actor, message.attr_path[:-1])
                return setattr(parent, message.attr_path[-1], message.value)

    async def _hold(self, started: Any, question: Ask | None) -> Any:
        """Finish what a handler or hook began, if it is a coroutine."""
        if type(started) is not CoroutineType:
            return started
        work = Work(self.mailbox, question, holds=True)
        current_work.set(work)
        try:
            return await started
        finally:
            work.end()

    def _answer(self, envelope: Envelope[Any], answer: Any) -> None:
        if isinstance(answer, Reply):
            answer.bind(envelope.reply_to, self._replies)
        elif envelope.reply_to is not None:
            deliver(envelope.reply_to, answer)

    def _fail(self, envelope: Envelope[Any], error: BaseException) -> None:
        assert self._task is not None
        if isinstance(error, PASSING):
            raise error
        if isinstance(error, asyncio.CancelledError):
            if self._task.cancelling():
                refuse(envelope, f"{self.name} was cut off while it handled {self._subject()}")
                raise error
            error = self._stray(error)
        if envelope.reply_to is None:
            raise error
        logger.debug("%s answers by an exception", self.name, exc_info=error)
        deliver(envelope.reply_to, Failed(error, error.__traceback__))

    def _stray(self, error: asyncio.CancelledError) -> HandlerCancelled:
        # Nobody cancelled the actor: it waited for something that was cancelled.
        cancelled = HandlerCancelled(self.name, self._subject())
        cancelled.__cause__ = error
        return cancelled

    def _subject(self) -> str:
        return "on_start" if self._envelope is None else type(self._envelope.message).__name__

    async def _call_last(self, name: str, hook: Callable[[], Any]) -> None:
        try:
            await self._hold(hook(), None)
        except PASSING:
            raise
        except BaseException as error:
            logger.error("%s.%s failed", self.name, name, exc_info=error)

    async def _end(self) -> None:
        self.actor.timers.cancel_all()
        try:
            await self._tasks.cancel_all()
        except asyncio.CancelledError:
            logger.error("%s ended before its tasks did: %s", self.name, self._tasks.names())
        for reply in tuple(self._replies):
            reply.set_exception(ActorDeadError(f"{self.name} stopped before it answered"))


def bury(actor: AsyncioActor) -> None:
    """Close the mailbox of an actor that has ended: every asker gets an answer."""
    actor.actor_stopped.set()
    actor.actor_inbox.task = None
    lost = Counter(type(envelope.message).__name__ for envelope in actor.actor_inbox.close())
    if lost:
        logger.warning("%s stopped before it handled %s", actor.actor_inbox.owner, dict(lost))


def _ended(
    name: str, on_end: Callable[[BaseException | None], None], task: asyncio.Task[Any]
) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        logger.error("%s ended by an error outside of its handlers", name, exc_info=error)
    on_end(error)


def _question_of(envelope: Envelope[Any] | None) -> Ask | None:
    return envelope.ask if type(envelope) is AskEnvelope else None


def _pass_result(reply: Reply[T], task: asyncio.Task[T]) -> None:
    if not task.cancelled() and task.exception() is None:
        reply.set(task.result())


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable


@coroutine
def _breathe() -> Generator[None, None, None]:
    """Let the rest of the loop run once."""
    yield
