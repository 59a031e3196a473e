"""Handler: a function, and how a run's arguments become its keywords."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from inspect import Parameter
from types import SimpleNamespace
from typing import Any, Final, get_type_hints

from callboard.domain.json import Json, JsonObject
from callboard.runners.context import RunContext
from callboard.runners.signature import BadArgument, Signature, signature_of

_CONTEXT_NAME: Final = "ctx"
_NAMES_CONTEXT: Final = re.compile(r"\bRunContext\b")


class ArgumentMismatch(TypeError):
    """The run's arguments do not fit the handler's parameters; names the parameter."""


class Handler:
    """A function that can be called with a run's arguments.

    Arguments are passed as keywords. The parameter annotated `RunContext`, or named `ctx` without
    an annotation, receives the run's context.
    """

    __slots__ = (
        "_allowed",
        "_context",
        "_has_keywords",
        "_required",
        "_signature",
        "_takes_nothing",
        "function",
        "is_async",
        "name",
        "place",
    )

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.is_async = _is_async(function)
        self.place = "loop" if self.is_async else "thread"
        """Where it runs unless its job says otherwise."""
        parameters = _parameters_of(function)
        self._context = next((p.name for p in parameters or () if _takes_context(p)), None)
        named = [p for p in parameters or () if p.kind in _NAMED and p.name != self._context]
        self._allowed = tuple(p.name for p in named)
        self._required = tuple(p.name for p in named if p.default is Parameter.empty)
        kinds = {p.kind for p in parameters or ()}
        self._has_keywords = parameters is None or Parameter.VAR_KEYWORD in kinds
        self._takes_nothing = not self._required and self._context is None
        self._signature: Signature | None = None
        if parameters is not None:
            others = [p for p in parameters if p.name != self._context]
            self._signature = signature_of(name, others)

    @property
    def parameters(self) -> JsonObject | None:
        """JSON Schema of the arguments that it takes; None: it does not tell."""
        return None if self._signature is None else self._signature.schema

    def bind(self, arguments: Mapping[str, Json], context: RunContext) -> Callable[[], Any]:
        """The call, ready to be made.

        Raises:
            ArgumentMismatch: an argument is unknown, missing, or of another type.
        """
        if self._takes_nothing and not arguments:
            return self.function
        for name in arguments:
            if name == self._context:
                raise self._mismatch(f"{name!r} is the run's context, not an argument")
            if name not in self._allowed and not self._has_keywords:
                raise self._mismatch(f"there is no parameter {name!r}{self._likely(name)}")
        for name in self._required:
            if name not in arguments:
                raise self._mismatch(f"the argument {name!r} is missing")
        keywords: dict[str, Any] = self._typed(arguments)
        if self._context is not None:
            keywords[self._context] = context
        return functools.partial(self.function, **keywords)

    def _typed(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        signature = self._signature
        if signature is None or signature.is_plain:
            return dict(arguments)
        try:
            return signature.convert(arguments)
        except BadArgument as error:
            raise self._mismatch(str(error)) from error

    def _likely(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._allowed, 1)
        return f": did you mean {close[0]!r}?" if close else ""

    def _mismatch(self, reason: str) -> ArgumentMismatch:
        return ArgumentMismatch(f"handler {self.name!r}: {reason}")


_NAMED: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def _parameters_of(function: Callable[..., Any]) -> list[Parameter] | None:
    """None: it does not tell (some built-in functions), so nothing can be checked."""
    try:
        return list(inspect.signature(function, eval_str=True).parameters.values())
    except Exception:  # noqa: BLE001 - annotations are the user's code; try without evaluating them
        pass
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    names = getattr(inspect.unwrap(function), "__globals__", {})
    return [_evaluated(parameter, names) for parameter in parameters]


def _evaluated(parameter: Parameter, names: dict[str, Any]) -> Parameter:
    """With its own annotation evaluated, where that can be."""
    if not isinstance(parameter.annotation, str):
        return parameter
    alone = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        hints = get_type_hints(alone, names, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that is imported for type checkers alone, say
        return parameter
    return parameter.replace(annotation=hints[parameter.name])


def _takes_context(parameter: Parameter) -> bool:
    if parameter.kind not in _NAMED:
        return False
    annotation = parameter.annotation
    if annotation is Parameter.empty:
        return parameter.name == _CONTEXT_NAME
    if isinstance(annotation, str):
        return _NAMES_CONTEXT.search(annotation) is not None
    return annotation is RunContext or RunContext in getattr(annotation, "__args__", ())


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object's own, to look at
    )
