"""HandlerRegistry: from a handler's name to its function, without pickle.

A name is one that was registered, or `module:function` (`module:Class.method`), which is imported.
A name that leads nowhere parks the run: nothing is deleted, an operator decides.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar

from callboard.errors import AlreadyExists, UsageError
from callboard.runners.binding import Handler

F = TypeVar("F", bound=Callable[..., Any])

_REFERENCE: Final = re.compile(r"(?P<module>\w+(\.\w+)*):(?P<path>\w+(\.\w+)*)")


class UnknownHandler(UsageError):
    """The name leads to no function on this node."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"handler {name!r}: {reason}")


class HandlerRegistry:
    """The handlers that a node knows, and those that it may import."""

    def __init__(self, *, modules: tuple[str, ...] | None = None) -> None:
        """Args:
        modules: modules and packages from which `module:function` may be imported; None: any.
        """
        self._modules = modules
        self._registered: dict[str, Handler] = {}
        self._imported: dict[str, Handler] = {}
        self._things: dict[str, object] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The registered ones, in their order."""
        return tuple(self._registered)

    @property
    def modules(self) -> tuple[str, ...] | None:
        """From which functions may be imported; None: from any."""
        return self._modules

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Raises AlreadyExists when another function has the name."""
        known = self._registered.get(name)
        if known is not None and known.function is not function:
            raise AlreadyExists("handler", name)
        if known is None:
            self._registered[name] = Handler(name, function)

    def put(self, name: str, thing: object) -> None:
        """Register what is no function: a batch job. Raises AlreadyExists, as `register`."""
        if self._things.setdefault(name, thing) is not thing:
            raise AlreadyExists("handler", name)

    def thing(self, name: str) -> object | None:
        """What was put or found before; imports nothing."""
        return self._things.get(name)

    def find(self, name: str) -> object:
        """What was put there, or stands in that module; imports it if need be.

        Raises:
            UnknownHandler: with the reason.
        """
        if name not in self._things:
            self._things[name] = self._found(name)
        return self._things[name]

    def job(self, *, name: str | None = None) -> Callable[[F], F]:
        """A decorator that registers a function, as `module:function` when no name is given."""

        def decorate(function: F) -> F:
            self.register(name or f"{function.__module__}:{function.__qualname__}", function)
            return function

        return decorate

    def known(self, name: str) -> Handler | None:
        """The handler when it is registered or was imported before; imports nothing."""
        return self._registered.get(name) or self._imported.get(name)

    def resolve(self, name: str) -> Handler:
        """The handler of that name; imports its module if need be, which may take its time.

        Raises:
            UnknownHandler: with the reason.
        """
        handler = self.known(name)
        if handler is None:
            handler = self._imported[name] = Handler(name, self._import(name))
        return handler

    def _import(self, name: str) -> Callable[..., Any]:
        found = self._found(name)
        if not callable(found):
            raise UnknownHandler(name, f"it is a {type(found).__name__}, not a function")
        return found

    def _found(self, name: str) -> object:
        match = _REFERENCE.fullmatch(name)
        if match is None:
            reason = "it is not registered, and not of the form module:function"
            raise UnknownHandler(name, reason)
        module, path = match["module"], match["path"]
        if not self._may_import(module):
            reason = f"the module {module!r} is not among those that this node may import"
            raise UnknownHandler(name, reason)
        found: object = _import_module(name, module)
        for step in path.split("."):
            found = _attribute(name, found, step)
        return found

    def _may_import(self, module: str) -> bool:
        return self._modules is None or any(
            module == allowed or module.startswith(f"{allowed}.") for allowed in self._modules
        )


def _import_module(name: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise UnknownHandler(name, f"there is no module {error.name!r}") from error
        raise _import_raised(name, module, error) from error
    except (
        BaseException
    ) as error:  # the module's code is the user's; sys.exit() is no reason to end
        raise _import_raised(name, module, error) from error


def _import_raised(name: str, module: str, error: BaseException) -> UnknownHandler:
    return UnknownHandler(name, f"importing {module!r} raised {type(error).__name__}: {error}")


def _attribute(name: str, owner: object, step: str) -> object:
    """Not through modules: `jobs:os.system` would get round the list of modules."""
    try:
        found: object = getattr(owner, step)
    except AttributeError:
        where = getattr(owner, "__name__", type(owner).__name__)
        raise UnknownHandler(name, f"there is no {step!r} in {where!r}") from None
    if isinstance(found, ModuleType):
        raise UnknownHandler(name, f"{step!r} is a module: write {found.__name__}:...")
    return found
