"""The parameters of an execution in Spring's shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from callboard.domain.batch_arguments import canonical, plain
from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_value import ParameterType
from callboard.domain.json import JsonObject
from callboard.errors import InvalidInput
from callboard_service.doors.batch.words import CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParameter:
    """One parameter of one execution."""

    name: str
    value: Any
    type: ParameterType
    is_identifying: bool

    def to_json(self) -> dict[str, Any]:
        """As Spring's JSON converter writes it, but for the value, which is JSON's own."""
        return {
            "value": self.value,
            "type": CLASSES[self.type],
            "identifying": self.is_identifying,
        }

    @property
    def text(self) -> str:
        """Its value alone."""
        return text_of_value(self.value)

    @property
    def notation(self) -> str:
        """`5,java.lang.Long,true`: value, type, whether it identifies."""
        return f"{self.text},{CLASSES[self.type]},{_flag(self.is_identifying)}"

    def __str__(self) -> str:
        said = f"value={self.text}, type=class {CLASSES[self.type]}"
        return f"'{self.name}':'{{{said}, identifying={_flag(self.is_identifying)}}}'"


def job_parameters(
    arguments: JsonObject,
    rules: tuple[ParameterRule, ...] | None,
    references: Collection[str],
) -> list[JobParameter]:
    """The parameters, in the order of the rules or by name.

    Args:
        arguments: the canonical ones of a batch run.
        rules: what the job declares, if it is still there and declares them.
        references: names of those that do not identify.
    """
    types = _types(arguments, rules)
    return [
        JobParameter(
            name=name,
            value=value,
            type=types.get(name, ParameterType.STRING),
            is_identifying=name not in references,
        )
        for name, value in plain(arguments).items()
    ]


def parameters_json(parameters: Collection[JobParameter]) -> dict[str, Any]:
    """By name."""
    return {each.name: each.to_json() for each in parameters}


def text_of_value(value: Any) -> str:
    """The value as Java writes it in texts."""
    match value:
        case bool():
            return _flag(value)
        case Mapping():
            return "{" + ", ".join(f"{name}={each}" for name, each in value.items()) + "}"
    return str(value)


def _types(
    arguments: JsonObject, rules: tuple[ParameterRule, ...] | None
) -> Mapping[str, ParameterType]:
    """By the rules; by the values themselves where those do not fit the job as it is now."""
    for each in (rules, None):
        try:
            return canonical(each, arguments).types
        except InvalidInput:
            continue
    return {}


def _flag(value: bool) -> str:
    return "true" if value else "false"
