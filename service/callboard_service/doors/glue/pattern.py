"""Patterns of the service model, which are Java's, as Python's.

| Java | here |
| --- | --- |
| `\\uD800\\uDC00-\\uDBFF\\uDFFF` | one range, U+10000 to U+10FFFF: Java reads surrogate pairs |
| `\\w`, `\\d`, `\\s`, `\\b` | ASCII only |
| `.` | any character but Java's line ends, which are more than `\\n` |
| the whole text has to match | `fullmatch` |
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Final

_PAIR: Final = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_TOKEN: Final = re.compile(r"\\.|.", re.DOTALL)
_ANY: Final = r"[^\n\r\u0085\u2028\u2029]"


def compile_pattern(java: str) -> re.Pattern[str] | None:
    """The pattern for `fullmatch`; None where Python's has no such thing (it is not checked then).

    Its `pattern` is Python's text, not the given one.
    """
    python = "".join(_translated(_PAIR.sub(_joined, java)))
    try:
        with warnings.catch_warnings():
            # A warning about sets that a later Python may read otherwise.
            warnings.simplefilter("error")
            return re.compile(python, re.ASCII)
    except (re.error, Warning):
        return None


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _translated(java: str) -> Iterator[str]:
    is_in_set = False
    for token in _TOKEN.findall(java):
        if is_in_set:
            is_in_set = token != "]"
        elif token == "[":
            is_in_set = True
        elif token == ".":
            token = _ANY
        yield token
