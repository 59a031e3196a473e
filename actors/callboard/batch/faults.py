"""Faults: what one execution of a declarative step makes of errors: tries again, skips, fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from callboard.batch.listeners import Listeners
from callboard.batch.retrying import Retry
from callboard.batch.scanning import Passed
from callboard.batch.skipping import Skip, skipped_item
from callboard.clock import wait_briefly

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """No attempt has succeeded."""

    error: Exception
    """Of the last one."""


class Faults:
    """Counts the skips of one execution of a step, in all its phases."""

    __slots__ = ("_ctx", "_listeners", "_retry", "_skip", "_stopped", "_used")

    def __init__(
        self, ctx: StepContext, listeners: Listeners, skip: Skip | None, retry: Retry | None
    ) -> None:
        self._ctx = ctx
        self._listeners = listeners
        self._skip = skip
        self._retry = retry
        self._used = 0
        self._stopped: asyncio.Future[None] | None = None
        """Done when a stop is asked; made for the first wait."""

    async def retried(
        self,
        phase: str,
        error: Exception,
        call: Callable[[], Awaitable[T]],
        on_error: Callable[[Exception], Awaitable[None]],
    ) -> T | Failed:
        """What the call gives in one of the attempts behind the first, which has failed with
        `error`.

        Args:
            on_error: called for each failure.
        """
        attempt = 1
        while True:
            await on_error(error)
            if not await self.is_another(phase, attempt, error):
                return Failed(error)
            attempt += 1
            try:
                return await call()
            except Exception as again:  # noqa: BLE001 - whichever it is, the policy decides
                error = again

    async def is_another(self, phase: str, attempt: int, error: Exception) -> bool:
        """Whether there is to be another attempt behind this one; if so, when it is time for it.

        Raises:
            Interrupted: a stop was asked meanwhile.
        """
        if self._retry is None:
            return False
        delay_s = self._retry.delay_s(error, attempt, self._ctx.rng)
        if delay_s is None:
            return False
        await self._listeners.call("on_retry", self._ctx, phase, attempt, error)
        await self._wait(delay_s)
        self._ctx.count(retries=1)
        return True

    def may_skip(self, error: BaseException) -> bool:
        """Whether the step would skip an item for it, were there no limit."""
        return self._skip is not None and self._skip.covers(error)

    def passed(self, phase: str, item: object, error: Exception) -> Passed:
        """What stands for the item that is skipped; counted.

        Raises:
            SkipLimitExceeded; the error itself when it is none to skip.
        """
        if self._skip is None:
            raise error
        self._skip.check(phase, error, used=self._used)
        self._used += 1
        return Passed(skipped_item(phase, item, error), item, error)

    async def _wait(self, seconds: float) -> None:
        ctx = self._ctx
        if seconds > 0 and not ctx.stopping:
            if self._stopped is None:
                stopped = self._stopped = asyncio.get_running_loop().create_future()
                ctx.when_stopping(partial(stopped.set_result, None))
            await wait_briefly(self._stopped, seconds, ctx.clock)
        ctx.check_stop()
