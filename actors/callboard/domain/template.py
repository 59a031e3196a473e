"""Template: text with placeholders for facts and arguments of a run.

    {{ arguments.customer.id }}    a run's argument, by its path of names
    {{ run_id }}                   a fact: one of FACTS
    {{{{                           two opening braces

There is no expression language: what has to be computed is computed by whoever starts the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from callboard.domain.json import Json, JsonObject

FACTS: Final = ("run_id", "chain_id", "job", "group", "attempt", "slot", "trigger", "trace_id")
_PARTS: Final = re.compile(r"(\{\{\{\{)|\{\{((?:(?!\{\{|\}\}).)*)\}\}|(\{\{)", re.DOTALL)
_PATH: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")


class TemplateProblem(Exception):
    """A template cannot be read, or not be filled; the message says where."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands for a value."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.path)

    def value(self, values: JsonObject) -> Json:
        """What it stands for. Raises TemplateProblem where a name leads nowhere."""
        found: Json = values
        for index, name in enumerate(self.path):
            if not isinstance(found, Mapping) or name not in found:
                raise TemplateProblem(f"there is no {'.'.join(self.path[: index + 1])}")
            found = found[name]
        return found


@dataclass(frozen=True, slots=True)
class Template:
    """A text that was read."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """Raises TemplateProblem, naming what cannot be read."""
        return cls(tuple(_parts(text)))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def text(self, values: JsonObject, encode: Callable[[str], str] = str) -> str:
        """The text with every value in its place; `encode` is applied to values, not to the text.

        Raises:
            TemplateProblem: a placeholder has no value.
        """
        return "".join(
            part if isinstance(part, str) else encode(as_text(part.value(values)))
            for part in self.parts
        )

    def json(self, values: JsonObject) -> Json:
        """The text; or the value itself, where the template is nothing but one placeholder."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Placeholder):
            return self.parts[0].value(values)
        return self.text(values)


def fill_json(value: Json, values: JsonObject) -> Json:
    """JSON with each of its strings filled as `Template.json`; names in objects stay."""
    if isinstance(value, str):
        return Template.of(value).json(values)
    if isinstance(value, Mapping):
        return {name: fill_json(item, values) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill_json(item, values) for item in value]
    return value


def as_text(value: Json) -> str:
    """A value inside of a text: strings as they are, null as nothing, the rest as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _parts(text: str) -> Iterator[str | Placeholder]:
    end = 0
    plain = ""
    for match in _PARTS.finditer(text):
        plain += text[end : match.start()]
        end = match.end()
        if match[1]:
            plain += "{{"
            continue
        if match[3]:
            raise TemplateProblem("'{{' is not closed by '}}' (two braces are written '{{{{')")
        if plain:
            yield plain
        plain = ""
        yield _placeholder(match[2].strip())
    if plain + text[end:]:
        yield plain + text[end:]


def _placeholder(text: str) -> Placeholder:
    path = tuple(text.split(".")) if _PATH.fullmatch(text) else ()
    is_fact = len(path) == 1 and path[0] in FACTS
    if not is_fact and not (len(path) > 1 and path[0] == "arguments"):
        known = f"arguments.NAME, {', '.join(FACTS)}"
        raise TemplateProblem(f"'{{{{ {text[:80]} }}}}' is not a placeholder (known: {known})")
    return Placeholder(path)
