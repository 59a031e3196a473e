"""A change that waits for its commit, and where its answer goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

from callboard.commands import Change


class Sink(Protocol):
    """Takes one answer, or one error."""

    def set(self, value: Any) -> None: ...
    def set_exception(self, error: BaseException) -> None: ...


Waiting: TypeAlias = tuple[Change, Sink]


class RestOfEnds:
    """The sink of what a cycle left of a command: its answer is joined to the cycle's."""

    __slots__ = ("_done", "_whole")

    def __init__(self, whole: Sink, done: frozenset[int]) -> None:
        self._whole = whole
        self._done = done

    def set(self, value: frozenset[int]) -> None:
        self._whole.set(self._done | value)

    def set_exception(self, error: BaseException) -> None:
        self._whole.set_exception(error)


def answer(sink: Sink, value: object) -> None:
    """Give an answer, which is an exception where the change was refused."""
    if isinstance(value, Exception):
        sink.set_exception(value)
    else:
        sink.set(value)


def refuse(batch: Iterable[Waiting], error: Exception) -> None:
    """Give all of them the same error."""
    for _, sink in batch:
        sink.set_exception(error)
