"""How another process finds a handler: by a module that can be imported, and a path in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import ismethod
from typing import Any

from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runners.worker_wire import Settle

_FIX = "isolation by process needs a function of a module, found as module:function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a handler is."""

    name: str
    """As the job has it."""
    path: str
    """`module:function`."""
    is_vouched: bool
    """Whether this node has the function itself: then it may be imported from any module."""

    @property
    def module(self) -> str:
        return self.path.partition(":")[0]


def reference_of(registry: HandlerRegistry, name: str) -> Reference:
    """Where the handler of that name is; one that this node has not imported is taken as written.

    Raises:
        UnknownHandler: it is registered, but is no function of a module.
    """
    handler = registry.known(name)
    if handler is None:
        if ":" not in name:
            reason = "it is not registered, and not of the form module:function"
            raise UnknownHandler(name, reason)
        return Reference(name=name, path=name, is_vouched=False)
    if _is_at(handler.function, *name.partition(":")[::2]):
        return Reference(name=name, path=name, is_vouched=True)
    module, path = _place_of(name, handler.function)
    if module == "__main__":
        reason = "it is defined in the program's main module, which a worker process cannot import"
        raise UnknownHandler(name, f"{reason}: {_FIX}")
    if not _is_at(handler.function, module, path):
        raise UnknownHandler(name, f"it is not what {module}:{path} is in this node: {_FIX}")
    return Reference(name=name, path=f"{module}:{path}", is_vouched=True)


def settle_of(
    registry: HandlerRegistry, proven: Iterable[str], environ: Mapping[str, str]
) -> Settle:
    """What a new worker is told.

    It warms up with what has been imported before, here or (`proven`) by another worker: a module
    whose import hangs, or ends the process, must harm nobody but its own runs.
    """
    registered = (registry.known(name) for name in registry.names)
    modules = {getattr(each.function, "__module__", None) for each in registered if each}
    modules |= set(registry.modules or ())
    warm = {each for each in modules if each in sys.modules and each != "__main__"}
    return Settle(
        path=tuple(path or os.getcwd() for path in sys.path),
        python_path=environ.get("PYTHONPATH"),
        modules=registry.modules,
        warm=tuple(sorted({*proven, *(str(module) for module in warm)})),
    )


def _place_of(name: str, function: Callable[..., Any]) -> tuple[str, str]:
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str):
        raise UnknownHandler(name, f"it is a {type(function).__name__}: {_FIX}")
    if not all(part.isidentifier() for part in path.split(".")):
        raise UnknownHandler(name, f"it is defined within a function ({path}): {_FIX}")
    return module, path


def _is_at(function: Callable[..., Any], module: str, path: str) -> bool:
    found: object = sys.modules.get(module) if module != "__main__" else None
    for step in path.split("."):
        found = getattr(found, step, None)
    # Each look at a method of a class makes another object, which is equal to the others.
    return found is function or (ismethod(found) and found == function)
