"""What the runtime itself can refuse or report.

CallboardError
|- AskTimeout         no answer in time
|- AskCycle           the question would wait for its own asker
|- HandlerCancelled   the handler was cancelled before it could answer
|- ForkedAfterStart   the process was forked under a running actor
|- TooManyRestarts    an actor crashed more often than its policy allows
RuntimeError
|- WouldDeadlock      a blocking call on the thread that has to do the work
"""

from __future__ import annotations

from typing import Any

import pykka

from callboard.errors import CallboardError, UsageError


class AskTimeout(CallboardError):
    """An actor did not answer in time; it may still handle the message later.

    `chain` is who waits for whom, the silent actor last.
    """

    retryable = True

    def __init__(self, chain: tuple[str, ...], message: str, timeout: float) -> None:
        self.actor = chain[-1]
        self.message = message
        self.timeout = timeout
        self.chain = chain
        asked = f" (asked by {' -> '.join(chain)})" if len(chain) > 1 else ""
        super().__init__(f"{self.actor} did not answer {message} within {timeout:g} s{asked}")


class AskCycle(CallboardError):
    """The question would wait for its own asker; it was not sent.

    `chain` begins and ends with the same actor.
    """

    def __init__(self, chain: tuple[str, ...], message: str) -> None:
        self.chain = chain
        self.message = message
        super().__init__(f"{message} would close a cycle of asks: {' -> '.join(chain)}")


class HandlerCancelled(CallboardError):
    """The handler was cancelled before it could answer."""

    def __init__(self, actor: str, message: str) -> None:
        self.actor = actor
        self.message = message
        super().__init__(f"{actor} was cancelled while it handled {message}")


class ForkedAfterStart(UsageError):
    """The process was forked under a running actor, which lives on in the parent only."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(f"{actor} was started before this process was forked; start it after")


class TooManyRestarts(CallboardError):
    """An actor crashed more often than its policy allows; it stays dead."""

    def __init__(self, actor: str, count: int, window_s: float, last: BaseException) -> None:
        self.actor = actor
        self.count = count
        self.window_s = window_s
        self.last = last
        super().__init__(
            f"{actor} crashed {count} times within {window_s:g} s; "
            f"the last error was {type(last).__name__}: {last}"
        )


class WouldDeadlock(RuntimeError):
    """A blocking wait on an event loop's own thread; `future` is what was waited for."""

    def __init__(self, future: pykka.Future[Any]) -> None:
        self.future = future
        super().__init__(
            "a blocking get() or ask() on the event loop's thread would stop the loop; "
            "await the future of ask(message, block=False) instead (the message was sent)"
        )
