"""Listeners: what a declarative step calls on its way; what no listener overrides costs nothing.

The order, of one step and of each of its chunks:

    before_step, readers and files are opened,
        before_chunk,
            before_read, after_read | on_read_error          each item
            before_process, after_process | on_process_error each item
            before_write, after_write | on_write_error       each call of the writer, within its
                                                             transaction (the error behind it)
            on_skip                                          each skipped item, once, within the
                                                             transaction that passes over it
        after_chunk (committed) | on_chunk_error (rolled back),
    after_step, readers and files are closed

on_retry comes before the wait for another call. An exception in one of them fails the step, but in
after_step and in those named on_..._error it is only logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from callboard.batch.step import ended
from callboard.domain.batch_code import is_exit_code
from callboard.domain.batch_step import SkippedItem, StepExecution
from callboard.errors import invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

logger = logging.getLogger(__name__)


Hook = Callable[..., Any]


class Listener:
    """To be derived from; each method may be a coroutine function. `ctx` is the step's context.

    Plain methods are called on the event loop: they must not block.
    """

    def before_step(self, ctx: StepContext) -> Any: ...

    def after_step(self, ctx: StepContext, step: StepExecution) -> Any:
        """The step as it is about to end, whatever its state. A text that it returns is the exit
        code in place of that given; the state stays what it is."""

    def before_chunk(self, ctx: StepContext) -> Any: ...

    def after_chunk(self, ctx: StepContext) -> Any: ...

    def on_chunk_error(self, ctx: StepContext, error: BaseException) -> Any: ...

    def before_read(self, ctx: StepContext) -> Any: ...

    def after_read(self, ctx: StepContext, item: Any) -> Any: ...

    def on_read_error(self, ctx: StepContext, error: BaseException) -> Any: ...

    def before_process(self, ctx: StepContext, item: Any) -> Any: ...

    def after_process(self, ctx: StepContext, item: Any, result: Any) -> Any:
        """`result` None: the item is filtered."""

    def on_process_error(self, ctx: StepContext, item: Any, error: BaseException) -> Any: ...

    def before_write(self, ctx: StepContext, items: Sequence[Any], tx: Any) -> Any: ...

    def after_write(self, ctx: StepContext, items: Sequence[Any], tx: Any) -> Any: ...

    def on_write_error(
        self, ctx: StepContext, items: Sequence[Any], error: BaseException
    ) -> Any: ...

    def on_skip(
        self, ctx: StepContext, skipped: SkippedItem, item: Any, error: BaseException, tx: Any
    ) -> Any:
        """`item` as it was read; None: it was not."""

    def on_retry(self, ctx: StepContext, phase: str, attempt: int, error: BaseException) -> Any:
        """`attempt`: number of the call that failed, from 1."""


HOOKS: Final = tuple(
    name for name in vars(Listener) if name.startswith(("before_", "after_", "on_"))
)
_LOGGED: Final = frozenset(
    {"after_step", "on_chunk_error", "on_read_error", "on_process_error", "on_write_error"}
)


class Listeners:
    """The hooks of some listeners that do something, by name, in the order of the listeners."""

    __slots__ = tuple(f"_{name}" for name in HOOKS)

    def __init__(self, listeners: Sequence[Listener] = ()) -> None:
        for number, each in enumerate(listeners):
            _check(each, f"listeners[{number}]")
        for name in HOOKS:
            hooks = tuple(getattr(each, name) for each in listeners if _overrides(each, name))
            setattr(self, f"_{name}", hooks)

    def has(self, *names: str) -> bool:
        """Whether there is any hook of these names."""
        return any(getattr(self, f"_{name}") for name in names)

    async def call(self, name: str, *args: Any) -> None:
        """Call those of that name, one after the other."""
        for hook in getattr(self, f"_{name}"):
            if name in _LOGGED:
                await _called_logged(hook, *args)
            else:
                await ended(hook(*args))

    async def after_step(
        self, ctx: StepContext, step: StepExecution, code: str | None
    ) -> str | None:
        """The exit code that they give the step, one after the other; None: it stays as it is.

        Args:
            code: what was given to it before them.
        """
        for hook in getattr(self, "_after_step"):  # noqa: B009 - the slots are named by HOOKS
            seen = step if code is None else replace(step, exit_code=code)
            given = await _called_logged(hook, ctx, seen)
            if given is not None:
                code = _checked_code(hook, given) or code
        return code


def _checked_code(hook: Hook, code: object) -> str | None:
    if is_exit_code(code):
        return code
    facts = {"event": "batch.exit_code_ignored", "hook": _name_of(hook)}
    logger.warning(
        "a listener's exit code is no text of 1 to 255 printable characters", extra=facts
    )
    return None


async def _called_logged(hook: Hook, *args: Any) -> Any:
    """What it returns; None when it raises: that is only logged."""
    try:
        return await ended(hook(*args))
    except Exception:
        facts = {"event": "batch.listener_failed", "hook": _name_of(hook)}
        logger.exception("a listener failed, which changes nothing", extra=facts)
        return None


def _overrides(listener: Listener, name: str) -> bool:
    return getattr(type(listener), name) is not vars(Listener)[name]


def _check(listener: object, field: str) -> None:
    if not isinstance(listener, Listener):
        reason = f"is {listener!r}, no Listener"
        raise invalid(field, reason, "give an object of a class derived from Listener")
    for name in dir(type(listener)):
        if name.startswith(("before_", "after_", "on_")) and name not in HOOKS:
            reason = f"has the method {name}, which nobody calls"
            raise invalid(field, reason, f"choose one of {', '.join(HOOKS)}, or call it _{name}")


def _name_of(hook: Hook) -> str:
    return str(getattr(hook, "__qualname__", repr(hook)))
