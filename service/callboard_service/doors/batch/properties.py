"""Text in the form of Java's properties: one `name=value` a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_ENDS: Final = re.compile(r"\r\n|\r|\n")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_SIGNS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_WRITTEN: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}


def read_properties(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a text, in its order; a name may come more than once.

    As Java reads them: `#` and `!` begin comments, a backslash at the end of a line goes on in the
    next one, and escapes what follows it elsewhere.
    """
    for line in _lines(text):
        place = _end_of_name(line)
        rest = line[place:].lstrip(" \t\f")
        value = rest[1:].lstrip(" \t\f") if rest[:1] in ("=", ":") else rest
        yield _unescaped(line[:place]), _unescaped(value)


def write_properties(pairs: Iterable[tuple[str, str]]) -> str:
    """The text of pairs, which `read_properties` gives back."""
    return "".join(f"{_escaped(name, '=: #!')}={_escaped_value(text)}\n" for name, text in pairs)


def _lines(text: str) -> Iterator[str]:
    """Logical lines, without comments and blank ones."""
    begun = ""
    for part in _ENDS.split(text):
        line = part.lstrip(" \t\f")
        if not begun and (not line or line[0] in "#!"):
            continue
        slashes = len(line) - len(line.rstrip("\\"))
        if slashes % 2:
            begun += line[:-1]
            continue
        yield begun + line
        begun = ""
    if begun:
        yield begun


def _end_of_name(line: str) -> int:
    is_escaped = False
    for place, sign in enumerate(line):
        if is_escaped:
            is_escaped = False
        elif sign == "\\":
            is_escaped = True
        elif sign in "=: \t\f":
            return place
    return len(line)


def _unescaped(text: str) -> str:
    found = _ESCAPE.sub(_meant, text)
    # What is beyond 16 bits comes as two of Java's characters.
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _meant(found: re.Match[str]) -> str:
    if found[1] is not None:
        return chr(int(found[1], 16))
    return _SIGNS.get(found[2], found[2])


def _escaped(text: str, more: str = "") -> str:
    return "".join(_WRITTEN.get(sign, f"\\{sign}" if sign in more else sign) for sign in text)


def _escaped_value(text: str) -> str:
    escaped = _escaped(text)
    return f"\\{escaped}" if escaped.startswith(" ") else escaped
