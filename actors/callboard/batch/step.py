"""Step: what a batch job is made of, as its code says it.

A kind of step is a subclass: it says what it is (`spec`), and does its work with a StepContext. The
engine begins and ends it; a step that returns has succeeded, one that raises has failed.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, TypeVar

from callboard.domain.batch_step import StepExecution
from callboard.domain.json import Json, JsonObject
from callboard.errors import invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

BeforeStep: TypeAlias = "Callable[[StepContext], Awaitable[object] | object]"
AfterStep: TypeAlias = Callable[[StepExecution], Awaitable[str | None] | str | None]
B = TypeVar("B", bound=BeforeStep)
A = TypeVar("A", bound=AfterStep)

MAX_NAME: Final = 255


class Interrupted(BaseException):
    """A stop was asked for, and the step ends here, at a boundary.

    No Exception, so that code which carries on after any error does not carry on after this.
    """


class Step(ABC):
    """One step of a job. A subclass has a `kind`, and what `spec` and `execute` say."""

    kind: ClassVar[str]
    """tasklet, chunk, partition or job."""

    def __init__(
        self,
        name: str,
        *,
        start_limit: int | None = None,
        allow_start_if_complete: bool = False,
        promote: tuple[str, ...] = (),
        promote_on: tuple[str, ...] = ("COMPLETED",),
        promote_strict: bool = False,
    ) -> None:
        """Args:
        start_limit: executions of the step in one instance at the most; None: any number.
        allow_start_if_complete: a restart runs it again although it succeeded.
        promote: keys of its context that the job's gets when it ends, with an exit code that
            `promote_on` names (`*` and `?` match as in a flow).
        promote_strict: a key that is missing then fails the step.
        Raises:
            InvalidInput: at name, start_limit.
        """
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or ":" in name:
            reason = f"{name!r} is not a name of 1 to {MAX_NAME} characters without a colon"
            raise invalid("name", reason)
        if start_limit is not None and (isinstance(start_limit, bool) or start_limit < 1):
            raise invalid("start_limit", f"{start_limit!r} is not at least 1", "None: no limit")
        self.name = name
        self.start_limit = start_limit
        self.allow_start_if_complete = allow_start_if_complete
        self.promote = tuple(promote)
        self.promote_on = tuple(promote_on)
        self.promote_strict = promote_strict
        self._befores: list[BeforeStep] = []
        self._afters: list[AfterStep] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def spec(self) -> JsonObject:
        """The step in its job's spec: `{"name", "kind", ...}`; what is at its default is left out.

        A subclass adds to it.
        """
        spec: dict[str, Json] = {"name": self.name, "kind": self.kind}
        if self.start_limit is not None:
            spec["start_limit"] = self.start_limit
        if self.allow_start_if_complete:
            spec["allow_start_if_complete"] = True
        return spec

    @abstractmethod
    async def execute(self, ctx: StepContext) -> None:
        """Do the work: all of it, or what is left of it.

        Raises:
            Interrupted: it was asked to stop, and did so at a boundary.
            Exception: it has failed.
        """

    def before(self, hook: B) -> B:
        """A decorator: called with the context before the step does anything; raising fails it."""
        self._befores.append(hook)
        return hook

    def after(self, hook: A) -> A:
        """A decorator: called with the execution as it is about to end (state, exit_code, counts,
        ended_at). A text that it returns is the exit code; what it raises is only logged."""
        self._afters.append(hook)
        return hook

    async def before_step(self, ctx: StepContext) -> None:
        """Call what `before` was given."""
        for hook in self._befores:
            await ended(hook(ctx))

    async def after_step(self, ctx: StepContext, step: StepExecution) -> str | None:
        """Call what `after` was given; the exit code of the last one that has something to say."""
        code = None
        for hook in self._afters:
            try:
                code = await ended(hook(step)) or code
            except Exception:
                ctx.log.warning("a hook after step %s raised", self.name, exc_info=True)
        return code


async def ended(value: Any) -> Any:
    """What a function gave, that may be a coroutine function."""
    return await value if inspect.isawaitable(value) else value
