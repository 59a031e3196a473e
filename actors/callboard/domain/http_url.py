"""The URL of an http job: a template whose values can change no more than their own place.

Placeholders may stand in path and query, never in scheme, host or port: whoever starts a run must
not choose who gets the job's credentials. A value is percent-encoded, and one that would make its
part of the path empty, or lead upwards out of it, is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from callboard.domain.json import Json, JsonObject
from callboard.domain.template import Template, TemplateProblem, as_text

MAX_URL: Final = 8_000
"""Characters; servers take about as much."""
_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>(?:/[^?#]*)?)"
    r"(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?",
    re.DOTALL,
)
_AUTHORITY: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?"
)
_SAFE: Final = "%/:@!$&'()*+,;=~-._?[]"
"""Characters of a template's own text that stay as they are."""


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """A URL that was read."""

    origin: str
    path: tuple[Template, ...]
    """The parts between slashes; the first one is empty."""
    query: Template

    @classmethod
    def of(cls, text: str) -> UrlTemplate:
        """Raises TemplateProblem, saying what cannot be read."""
        match = _SHAPE.fullmatch(text)
        if match is None or match["scheme"].lower() not in ("http", "https"):
            raise TemplateProblem("is not of the form http://host/path or https://host/path")
        if len(text) > MAX_URL:
            raise TemplateProblem(f"is longer than {MAX_URL} characters")
        if any(character < " " or character == "\x7f" for character in text):
            raise TemplateProblem("contains a control character")
        if match["fragment"]:
            raise TemplateProblem("has a fragment ('#...'), which is never sent")
        path = tuple(Template.of(part) for part in (match["path"] or "/").split("/"))
        return cls(
            f"{match['scheme'].lower()}://{_authority(match['authority'])}",
            path,
            Template.of(match["query"] or ""),
        )

    def url(self, values: JsonObject, query: Mapping[str, Json] | None = None) -> str:
        """The URL with every value in its place, percent-encoded.

        Args:
            query: more of the query, by name; a list gives its name several times, null none.
        Raises:
            TemplateProblem: a placeholder has no value, or one that does not fit there.
        """
        path = "/".join(_segment(part, values) for part in self.path)
        pairs = [_filled(self.query, values)] if self.query.parts else []
        pairs += [f"{_encoded(name)}={_encoded(text)}" for name, text in _pairs(query or {})]
        url = f"{self.origin}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")
        if len(url) > MAX_URL:
            raise TemplateProblem(f"url: it would be longer than {MAX_URL} characters")
        return url


def _authority(text: str) -> str:
    if "{" in text or "}" in text:
        raise TemplateProblem("has a placeholder in its host: they may stand in path and query")
    if "@" in text:
        raise TemplateProblem("has a user or a password: put them into headers.Authorization")
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise TemplateProblem(f"{text[:80]!r} is not a host with or without a port")
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65535:
        raise TemplateProblem(f"the port {match['port']} is outside 1 to 65535")
    if text.startswith("["):
        try:
            ipaddress.IPv6Address(match["host"].strip("[]"))
        except ValueError:
            raise TemplateProblem(f"{match['host']} is not an IPv6 address") from None
    return text.lower()


def _segment(template: Template, values: JsonObject) -> str:
    filled = _filled(template, values)
    if template.placeholders:
        plain = unquote(filled)
        if not plain or {".", ".."} & set(re.split(r"[/\\]", plain)):
            names = " and ".join(map(str, template.placeholders))
            raise TemplateProblem(f"url: {names} would make a part of the path {plain[:80]!r}")
    return filled


def _filled(template: Template, values: JsonObject) -> str:
    return "".join(
        quote(part, safe=_SAFE) if isinstance(part, str) else _encoded(as_text(part.value(values)))
        for part in template.parts
    )


def _pairs(query: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if each is not None:
                yield name, as_text(each)


def _encoded(text: str) -> str:
    return quote(text, safe="")
