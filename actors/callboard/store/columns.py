"""Columns of many rows as parameters of one statement, with as few elements as can be.

Each element of an array costs the driver up to a microsecond, and most columns of a batch have one
value, or are numbers, which one text carries at a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def thinned(values: Sequence[T]) -> Sequence[T]:
    """The values; only the first where all are equal: an array of one stands for all rows."""
    if len(values) < 2 or values[-1] != values[0]:
        return values
    return values[:1] if values.count(values[0]) == len(values) else values


def int_array(values: Iterable[int]) -> str:
    """The literal of an int8[], to be sent as text."""
    return "{" + ",".join(map(str, values)) + "}"
