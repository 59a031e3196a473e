"""An exception, as the error that is kept of a run."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from callboard.domain.run import RunError
from callboard.runners.text import cut_end, cut_middle, to_storable

MAX_MESSAGE_BYTES: Final = 4_096
MAX_TRACEBACK_BYTES: Final = 65_536
_OURS: Final = tuple(
    str(Path(__file__).parents[1] / part) + os.sep for part in ("runners", "batch")
)
_ASYNCIO: Final = str(Path(asyncio.__file__).parent)


def to_run_error(error: BaseException, *, exit_code: int | None = None) -> RunError:
    """Qualified class name, message, and the traceback from the handler's first frame on."""
    return RunError(
        type=qualified_name(type(error)),
        message=cut_end(to_storable(message_of(error)), MAX_MESSAGE_BYTES),
        traceback=_traceback_of(error),
        exit_code=exit_code,
    )


def qualified_name(kind: type) -> str:
    """`shop.errors.NoStock`; a built-in class without its module."""
    name = kind.__qualname__
    return to_storable(name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}")


def message_of(error: BaseException) -> str:
    """What the error says; its `__str__` may be the user's code, and raise."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - __str__ is the user's code
        return f"(its message cannot be shown: __str__ raised {type(second).__name__})"


def _traceback_of(error: BaseException) -> str | None:
    try:
        shown = traceback.TracebackException.from_exception(error, compact=True)
        for part in _parts_of(shown):
            part.stack = traceback.StackSummary.from_list(_without_our_frames(part.stack))
        text = "".join(shown.format())
    except Exception:  # noqa: BLE001 - so is __repr__, __cause__, __notes__
        return None
    return cut_middle(to_storable(text), MAX_TRACEBACK_BYTES)


def _parts_of(shown: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """The exception, those it came from and those in its group, each once."""
    waiting, seen = [shown], set[int]()
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            nested = (part.__cause__, part.__context__, *(part.exceptions or ()))
            waiting.extend(item for item in nested if item is not None)


def _without_our_frames(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    frames = [frame for frame in stack if not frame.filename.startswith(_OURS)]
    while frames and frames[0].filename.startswith(_ASYNCIO):
        del frames[0]
    return frames
