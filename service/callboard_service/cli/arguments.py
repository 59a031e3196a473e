"""Arguments of runs from the command line: `--arg k=v` is a text, `--arg-json k=JSON` any value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

Arg = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=TEXT", help="An argument; may come more than once."),
]
ArgJson = Annotated[
    list[str] | None,
    typer.Option("--arg-json", metavar="NAME=JSON", help="An argument that is not a text."),
]
_NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)
_PERIOD: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_arguments(texts: list[str] | None, jsons: list[str] | None) -> dict[str, Any]:
    """The arguments by name.

    Raises:
        typer.BadParameter: no `=`, no JSON, or a name twice.
    """
    found: dict[str, Any] = {}
    for text in texts or []:
        name, value = _parts(text, "--arg", found)
        found[name] = value
    for text in jsons or []:
        name, value = _parts(text, "--arg-json", found)
        try:
            found[name] = json.loads(value)
        except ValueError as error:
            raise typer.BadParameter(
                f"{name}: {error}; a text needs quotes, or --arg", param_hint="--arg-json"
            ) from None
    return found


def parse_texts(given: list[str] | None) -> dict[str, str]:
    """Texts by name, each a word `NAME=TEXT` of the command.

    Raises:
        typer.BadParameter: no `=`, or a name twice.
    """
    found: dict[str, str] = {}
    for text in given or []:
        name, value = _parts(text, "NAME=TEXT", found)
        found[name] = value
    return found


def text_fixes(texts: list[str] | None) -> dict[str, str]:
    """What may be wrong with an argument that was given as a text, by its field."""
    names = [text.partition("=")[0] for text in texts or []]
    return {f"arguments.{name}": f"--arg gives a text: --arg-json {name}=JSON" for name in names}


def parse_period(text: str, option: str = "--every") -> float:
    """Seconds: `90`, `5m`, `1h30m`, `250ms`.

    Raises:
        typer.BadParameter
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PERIOD.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r} is not a period: 90, 5m, 1h30m", param_hint=option)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _parts(text: str, option: str, found: Mapping[str, Any]) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
    if name in found:
        raise typer.BadParameter(f"{name!r} comes twice", param_hint=option)
    return name, value
