"""FunctionStep: a step that is one function of its context.

It reads and commits chunks, or does its work in one go (a tasklet): which of both shows by what it
calls. A tasklet that returns AGAIN is called again; what it put into `ctx.state` is committed
before. A function that is no coroutine function runs in a thread.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from callboard.batch.step import Step
from callboard.domain.batch_step import StepCounts
from callboard.errors import UsageError

if TYPE_CHECKING:
    from callboard.batch.context import StepContext


class Again(Enum):
    """What a tasklet returns that is not done."""

    AGAIN = "again"


AGAIN: Final = Again.AGAIN


class FunctionStep(Step):
    """`@job.step` makes one; it can still be called as the function that it is."""

    kind = "tasklet"

    def __init__(self, function: Callable[..., Any], *, name: str | None = None, **rules: Any):
        """Args:
        function: of the context, or of nothing.
        name: the function's own by default.
        rules: as of Step.
        """
        if not callable(function):
            raise UsageError(f"a step is a function, not {function!r}")
        super().__init__(name or str(getattr(function, "__name__", "step")), **rules)
        self.function = function
        self._is_async = inspect.iscoroutinefunction(inspect.unwrap(function)) or (
            inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
        )
        self._takes_context = bool(inspect.signature(function).parameters)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    async def execute(self, ctx: StepContext) -> None:
        while True:
            commits = ctx.counts.commits
            value = await self._call(ctx)
            ctx.check_ended()
            if value is not AGAIN:
                break
            if ctx.counts.commits == commits:
                await ctx.save()
            ctx.check_stop()
        if value is not None:
            ctx.log.warning(
                "step %s returned %s, which means nothing: return None or AGAIN, and put an exit "
                "code into ctx.exit_code",
                ctx.step,
                type(value).__name__,
            )
        if not ctx.has_chunks and ctx.counts.commits == commits:
            ctx.add_counts(StepCounts(commits=1))  # its end is its transaction

    async def _call(self, ctx: StepContext) -> Any:
        given = (ctx,) if self._takes_context else ()
        if self._is_async:
            return await self.function(*given)
        value = await ctx.in_thread(self.function, *given)
        return await value if inspect.isawaitable(value) else value
