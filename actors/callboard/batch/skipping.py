"""Skip: which errors of items a step passes over, how often, and what is kept of the item.

One limit for reads, processes and writes together, counted anew by each execution of the step. What
is skipped is stored with the chunk that passes over it, and its count with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Final

import orjson

from callboard.domain.batch_step import SkippedItem
from callboard.errors import BugError, StoreError, UsageError, invalid
from callboard.runners.context import RunStopped
from callboard.runners.failure import MAX_MESSAGE_BYTES, message_of, qualified_name
from callboard.runners.text import cut_end, to_storable
from callboard.store.contract_chunks import StepNotHeld

LIMIT: Final = 10
MAX_ITEM_BYTES: Final = 4_096
"""Of the item's text that is kept; its hash is of the whole."""

_FATAL: Final = (MemoryError, RunStopped, StepNotHeld, StoreError, UsageError, BugError)
"""Errors that say nothing of the item: they are neither skipped nor tried again."""


class SkipLimitExceeded(Exception):
    """One item more was bad than the step may skip; its cause is that item's error."""

    def __init__(self, phase: str, limit: int, error: BaseException) -> None:
        self.phase = phase
        self.limit = limit
        what = f"{qualified_name(type(error))}: {message_of(error)}"
        super().__init__(f"an item more than the {limit} that may be skipped ({phase}): {what}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What a reader gives in place of an item that it could not read, to go on behind it.

    For generators, which end when they raise: `yield Unreadable(error, raw), cursor`. A step
    without a Skip for the error raises it.
    """

    error: Exception
    item: object = None
    """What is known of the item, as it is kept for people."""


class Skip:
    """The errors that a step may skip, by their types.

    An error is skipped, too, when the one that it was raised from (`raise ... from`) is of these
    types, and a group of errors when all in it are. Errors of the engine, of the store and of the
    interpreter never are.
    """

    __slots__ = ("limit", "never", "types")

    def __init__(
        self,
        *types: type[Exception],
        limit: int = LIMIT,
        never: tuple[type[Exception], ...] = (),
    ) -> None:
        """Args:
        limit: skips that one execution of the step may make; one more fails it.
        never: types that are not skipped although they belong to `types`.
        """
        check_types(types, "skip.types")
        check_types(never, "skip.never")
        if not types:
            raise invalid("skip.types", "is empty", "name the exceptions that may be skipped")
        if type(limit) is not int or limit < 0:
            raise invalid("skip.limit", f"is {limit!r}, not a count", "give 0 or more")
        self.types = types
        self.limit = limit
        self.never = never

    def __repr__(self) -> str:
        names = ", ".join(kind.__qualname__ for kind in self.types)
        return f"Skip({names}, limit={self.limit})"

    def covers(self, error: BaseException) -> bool:
        """Whether the error is one to skip, as far as the limit goes."""
        if not is_ordinary(error) or isinstance(error, self.never):
            return False
        if isinstance(error, BaseExceptionGroup) and not isinstance(error, self.types):
            return all(self.covers(each) for each in error.exceptions)
        return any(isinstance(each, self.types) for each in causes_of(error))

    def check(self, phase: str, error: BaseException, *, used: int) -> None:
        """Return where the error is to be skipped; otherwise raise what fails the step.

        Args:
            used: skips of this execution so far.
        Raises:
            SkipLimitExceeded
        """
        if not self.covers(error):
            raise error
        if used >= self.limit:
            raise SkipLimitExceeded(phase, self.limit, error) from error


def is_ordinary(error: BaseException) -> bool:
    """Whether it may be an item's fault: no cancellation, no exit, nothing of the engine's own."""
    return isinstance(error, Exception) and not isinstance(error, _FATAL)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, as far as somebody said so; each once."""
    seen = set[int]()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__


def check_types(types: tuple[object, ...], field: str) -> None:
    """Raise InvalidInput where one is no class of exceptions."""
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            reason = f"has {each!r}, which is no exception class"
            raise invalid(field, reason, "name classes below Exception")


def skipped_item(phase: str, item: object, error: BaseException) -> SkippedItem:
    """What is kept of it. An item that was not read is what the error's attribute `item` says."""
    if item is None and phase == "read":
        item = getattr(error, "item", None)
    text = text_of(item)
    return SkippedItem(
        phase=phase,
        item_hash=hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(),
        item=cut_end(to_storable(text), MAX_ITEM_BYTES),
        error_type=qualified_name(type(error)),
        error_message=cut_end(to_storable(_shown(error, str)), MAX_MESSAGE_BYTES),
    )


def text_of(item: object) -> str:
    """The item in JSON with sorted keys where it has any; otherwise its repr; never an error."""
    if isinstance(item, str):
        return item
    try:
        return orjson.dumps(item, default=_plain, option=_OPTIONS).decode()
    except Exception:  # noqa: BLE001 - it is the user's value, and of any kind
        return _shown(item, repr)


_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def _plain(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "keys"):  # asyncpg's Record
        return {key: value[key] for key in value.keys()}  # noqa: SIM118 - iterating it gives values
    return str(value)


def _shown(value: object, show: Any) -> str:
    try:
        text: str = show(value)
    except Exception as error:  # noqa: BLE001 - so is its __repr__
        return f"(a {type(value).__name__} that cannot be shown: {type(error).__name__})"
    return text
