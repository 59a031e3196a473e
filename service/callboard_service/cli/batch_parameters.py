"""Parameters of batch runs from the command line: `name=value`, JSON where that is JSON.

But for what the job declares as a text, or as a decimal number: `code=42` is a text then, and of
`0.10` no digit is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

Given = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE",
        help="Parameters: JSON where it is some (3, true), else, or as the job declares, a text.",
        show_default=False,
    ),
]

Renamed = Annotated[
    list[str] | None,
    typer.Option("--step", metavar="OLD=NEW", help="A step has another name now; repeatable."),
]
Dropped = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="STEP", help="A step is gone for good; repeatable."),
]

_TEXTS: Final = frozenset({"string", "decimal"})
"""Types whose values are not to be read as JSON."""


def parse_parameters(given: Sequence[str] | None) -> dict[str, Any]:
    """The parameters by name, of a job that declares none.

    Raises:
        typer.BadParameter: no `=`, or a name twice.
    """
    found: dict[str, Any] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
        if name in found:
            raise typer.BadParameter(f"{name!r} comes twice")
        found[name] = _value(value)
    return found


def are_all_texts(found: Mapping[str, Any]) -> bool:
    """Whether none of them was read as a number or a truth value."""
    return not any(isinstance(value, int | float) for value in found.values())


def as_declared(
    found: Mapping[str, Any], given: Sequence[str] | None, rules: Iterable[Mapping[str, Any]] | None
) -> dict[str, Any]:
    """The parameters, those that the job declares as texts as they were written.

    Args:
        rules: `parameters` of the job's spec.
    """
    written = {text.partition("=")[0]: text.partition("=")[2] for text in given or ()}
    texts = {rule["name"] for rule in rules or () if rule["type"] in _TEXTS}
    return {
        name: written[name] if name in texts and isinstance(value, int | float) else value
        for name, value in found.items()
    }


def quoting_fixes(given: Sequence[str] | None) -> dict[str, str]:
    """What may be wrong with a parameter that was read as JSON, by its field."""
    parts = [text.partition("=")[::2] for text in given or ()]
    return {
        f"arguments.{name}": f"as a text: {name}='\"{value}\"'"
        for name, value in parts
        if not isinstance(_value(value), str)
    }


def parse_mapping(renamed: Sequence[str] | None, dropped: Sequence[str] | None) -> dict[str, Any]:
    """What became of steps: their names now by their names then, None for those that are gone.

    Raises:
        typer.BadParameter
    """
    found: dict[str, Any] = dict.fromkeys(dropped or ())
    for text in renamed or ():
        old, sign, new = text.partition("=")
        if not sign or not old or not new:
            raise typer.BadParameter(f"{text!r} is not OLD=NEW", param_hint="--step")
        if old in found:
            raise typer.BadParameter(f"{old!r} comes twice", param_hint="--step")
        found[old] = new
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(text: str) -> Any:
    raise ValueError(text)
