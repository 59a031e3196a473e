"""ItemCall: a function that a declarative step was given, and how it is to be called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from callboard.errors import invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ItemCall:
    """A coroutine function is awaited on the event loop; any other is called in a thread."""

    __slots__ = ("function", "is_async", "takes")

    def __init__(self, function: Callable[..., Any], field: str, names: tuple[str, ...]) -> None:
        """Args:
        field: what errors call it.
        names: what it may take by position; the first one it has to take, another one when it
            has no default or this very name.
        Raises:
            InvalidInput: it cannot be called so.
        """
        if not callable(function):
            fix = f"give a function of {_shown(names)}"
            raise invalid(field, f"is {function!r}, which cannot be called", fix)
        self.function = function
        self.takes = _count(function, field, names)
        self.is_async = _is_async(function)

    def bound(self, ctx: StepContext) -> Callable[[Any], Any]:
        """As a function of an item alone."""
        function = self.function
        return function if self.takes == 1 else lambda item: function(item, ctx)

    async def call(self, ctx: StepContext, *args: Any) -> Any:
        """What it gives for as many of `args` as it takes."""
        return await called(ctx, self, self.function, *args[: self.takes])


async def called(ctx: StepContext, call: ItemCall, function: Callable[..., Any], *args: Any) -> Any:
    """What `function`, which is that of `call`, gives."""
    value = function(*args) if call.is_async else await ctx.in_thread(function, *args)
    return await value if inspect.isawaitable(value) else value


def _count(function: Callable[..., Any], field: str, names: tuple[str, ...]) -> int:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not say
        return 1
    places = [each for each in parameters if each.kind in _POSITIONAL]
    required = [each.name for each in parameters if _is_required(each)]
    count = sum(each.name in required for each in places)
    takes_any = any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
    if count < len(required) or count > len(names) or not (places or takes_any):
        reason = f"takes ({', '.join(each.name for each in parameters)}), not {_shown(names)}"
        raise invalid(field, reason, "give what else it needs by functools.partial")
    count = max(count, 1)
    while count < min(len(places), len(names)) and places[count].name == names[count]:
        count += 1
    _check_names([each.name for each in places[:count]], field, names)
    return count


def _check_names(given: list[str], field: str, names: tuple[str, ...]) -> None:
    """A parameter that is named as another one of those is a mistake."""
    for name, wanted in zip(given, names, strict=False):
        if name in names and name != wanted:
            reason = f"takes ({', '.join(given)}), but would get its {wanted} as {name}"
            raise invalid(field, reason, f"let it take {_shown(names)}, in this order")


def _is_required(parameter: inspect.Parameter) -> bool:
    kinds = (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY)
    return parameter.kind in kinds and parameter.default is inspect.Parameter.empty


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - whether the class's method is one
    )


def _shown(names: tuple[str, ...]) -> str:
    forms = [f"({', '.join(names[: number + 1])})" for number in range(len(names))]
    return " or ".join(forms)
