"""Mask: writes `***` over the secrets of one run, in whatever form they come.

| form | of `p"ss wörd` |
| --- | --- |
| raw; each line of one with several | `p"ss wörd` |
| JSON, with and without escapes beyond ASCII | `p\\"ss w\\u00f6rd` |
| repr of Python | `p"ss w\\xf6rd` |
| URL-quoted: path, query, form; either case of the digits | `p%22ss%20w%C3%B6rd` |
| base64 and its URL form, also in the middle of something longer | `cCJzcyB3w7ZyZA` |
| hexadecimal | `702273732077c3b67264` |

A form that is shorter than MIN_SECRET is left alone: it would be found everywhere.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote, quote_plus

from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.runners.text import to_storable

MASK: Final = "***"
MIN_SECRET: Final = 4
"""Characters of the shortest secret, and of the shortest piece of one that is masked at a cut."""
DOTS: Final = "..."
"""What stands behind a short text that was cut."""
_CUT: Final = re.compile(r"\n?(?: ?\[\.\.\. \d+ bytes left out(?: \.\.\.)?\])\n?")


class Mask:
    """Of the values of one run's secrets; may be used by any thread."""

    __slots__ = ("_backwards", "_forms", "_pattern", "longest")

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets for form in _forms(secret) if len(form) >= MIN_SECRET}
        self._forms = sorted(found, key=len, reverse=True)
        self._backwards = [form[::-1] for form in self._forms]
        self._pattern = re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")
        self.longest = len(self._forms[0]) if self._forms else 0
        """Characters of the longest form."""

    def text(self, text: str) -> str:
        """The text, masked."""
        return self._pattern.sub(MASK, text)

    def cut_text(self, text: str) -> str:
        """As `text`, for one that may have been cut at its end, or in its middle with a mark: what
        is left of a secret there is masked, too."""
        masked = self.text(text)
        marks = list(_CUT.finditer(masked))
        parts, start = [], 0
        for mark in marks:
            parts += [self._without_rest(masked[start : mark.start()]), mark[0]]
            start = mark.end()
        rest = masked[start:]
        parts.append(self._without_beginning(rest) if marks else rest)
        whole = "".join(parts)
        if whole.endswith(DOTS):
            return self._without_rest(whole.removesuffix(DOTS)) + DOTS
        return self._without_rest(whole)

    def unfinished(self, text: str) -> int:
        """How many characters at the end of the text may be the beginning of a secret."""
        return _overlap(text, self._forms)

    def json(self, value: Json) -> Json:
        """JSON with its texts masked, keys too."""
        match value:
            case str():
                return self.cut_text(value)
            case Mapping():
                return {self.text(name): self.json(item) for name, item in value.items()}
            case list() | tuple():
                return [self.json(item) for item in value]
            case int() | float() if not isinstance(value, bool):
                # A secret of digits that came back as a number.
                return MASK if self._pattern.search(str(value)) else value
        return value

    def error(self, error: RunError) -> RunError:
        """The error with its texts masked."""
        traceback = error.traceback
        return replace(
            error,
            type=self.text(error.type),
            message=self.cut_text(error.message),
            traceback=None if traceback is None else self.cut_text(traceback),
        )

    def _without_rest(self, text: str) -> str:
        count = self.unfinished(text)
        return text[:-count] + MASK if count >= MIN_SECRET else text

    def _without_beginning(self, text: str) -> str:
        count = _overlap(text[: self.longest][::-1], self._backwards)
        return MASK + text[count:] if count >= MIN_SECRET else text


def _overlap(text: str, forms: Iterable[str]) -> int:
    """Length of the longest end of the text that begins one of the forms, but is not all of it."""
    most = 0
    for form in forms:
        start = text.find(form[0], max(0, len(text) - len(form) + 1))
        while start >= 0 and len(text) - start > most:
            if form.startswith(text[start:]):
                most = len(text) - start
                break
            start = text.find(form[0], start + 1)
    return most


def _forms(secret: str) -> Iterator[str]:
    yield from _written(secret)
    lines = secret.splitlines()
    if len(lines) > 1:
        for line in lines:
            yield from _written(line)
            yield from _written(line.strip())


def _written(text: str) -> Iterator[str]:
    data = text.encode()
    yield text
    yield to_storable(text)
    yield text.encode("unicode_escape").decode()
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield json.dumps(text)[1:-1].replace("/", "\\/")
    yield repr(text)[1:-1]
    yield repr(data)[2:-1]
    for quoted in (quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="/:@")):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield data.hex()
    yield data.hex().upper()
    yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """As it is alone, and at each of three places within something longer."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode().rstrip("=")
        for before in range(3):
            whole = encode(bytes(before) + data).decode()
            first = (0, 2, 3)[before]  # of those characters that have bits of the secret alone
            last = len(data) + before
            yield whole[first : last * 8 // 6]
