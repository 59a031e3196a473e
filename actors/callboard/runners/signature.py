"""Signature: what a handler's parameters say of a run's arguments, as JSON Schema and at the call.

Annotations mean what msgspec makes of them; classes with `model_json_schema` and `model_validate`
(pydantic's) describe and check themselves. What nobody can express is any JSON.
"""

from __future__ import annotations

import functools
import logging
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from inspect import Parameter
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from callboard.domain.json import Json, JsonObject, check_json
from callboard.domain.parameters import schema_problems
from callboard.errors import InvalidInput

logger = logging.getLogger(__name__)

_REFERENCE: Final = "#/$defs/{name}"
_FORMATS: Final = {datetime: "date-time", time: "time"}
"""Of types that msgspec writes without one, because it takes them without a zone."""
_KEYWORDS: Final = "**"


class BadArgument(ValueError):
    """The value of one argument is not of its parameter's type."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes as keywords, but for its context."""

    schema: JsonObject
    """JSON Schema of the arguments as a whole."""
    types: Mapping[str, Any] = field(default_factory=dict)
    """Of those parameters whose values have to be looked at, and perhaps converted, at the call."""
    rest: Any = None
    """Likewise of everything that `**keywords` takes; None: it takes anything."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is to be done at a call."""
        return not self.types and self.rest is None

    def convert(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments as their parameters want them. Raises BadArgument."""
        types, rest, keywords = self.types, self.rest, dict(arguments)
        for name, value in arguments.items():
            wanted = types.get(name, rest)
            if wanted is not None and wanted is not Any and wanted is not type(value):
                keywords[name] = _converted(name, value, wanted)
        return keywords


def signature_of(handler: str, parameters: Sequence[Parameter]) -> Signature:
    """Args:
    handler: its name, for the log.
    parameters: all but the context.
    """
    named = [p for p in parameters if p.kind in _NAMED]
    rest = next((p for p in parameters if p.kind is Parameter.VAR_KEYWORD), None)
    wanted = {p.name: _type_of(p) for p in named}
    if rest is not None:
        wanted[_KEYWORDS] = _type_of(rest)
    types = {name: each for name, each in wanted.items() if each is not Any}
    parts, definitions = _schemas(handler, types)
    schema = _whole(named, rest, parts, definitions)
    if problems := schema_problems(schema, "parameters"):
        logger.warning("handler %r: its parameters take any JSON: %s", handler, problems[0])
        return Signature(_whole(named, rest, {}, {}))
    if rest is None or _KEYWORDS not in parts:
        return Signature(schema, {name: types[name] for name in parts if name != _KEYWORDS})
    return Signature(schema, {p.name: types.get(p.name, Any) for p in named}, types[_KEYWORDS])


def _whole(
    named: Sequence[Parameter],
    rest: Parameter | None,
    parts: Mapping[str, JsonObject],
    definitions: JsonObject,
) -> dict[str, Json]:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {p.name: _property(p, parts.get(p.name)) for p in named},
    }
    if required := [p.name for p in named if p.default is Parameter.empty]:
        schema["required"] = required
    schema["additionalProperties"] = False if rest is None else parts.get(_KEYWORDS, True)
    return {**schema, "$defs": definitions} if definitions else schema


_NAMED: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
MOST_DEFAULT_BYTES: Final = 1000
"""Of a default that is shown."""


def _type_of(parameter: Parameter) -> Any:
    """The type of its values; Any where it has none. A default of None is a value, too."""
    annotation = parameter.annotation
    if annotation is Parameter.empty or annotation is object or annotation is Any:
        return Any
    if parameter.default is not None or isinstance(annotation, str) or _takes_none(annotation):
        return annotation
    try:
        return annotation | None
    except TypeError:  # it is no type at all
        return annotation


def _takes_none(annotation: Any) -> bool:
    if annotation is None or annotation is NoneType:
        return True
    if get_origin(annotation) is Annotated:
        return _takes_none(get_args(annotation)[0])
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _property(parameter: Parameter, schema: JsonObject | None) -> JsonObject:
    schema = schema or {}
    if parameter.default is Parameter.empty:
        return schema
    try:
        default = msgspec.to_builtins(parameter.default)
        check_json(default, parameter.name)
        is_short = len(msgspec.json.encode(default)) <= MOST_DEFAULT_BYTES
    except Exception:  # noqa: BLE001 - it is the user's value, and of any kind
        return schema
    return {**schema, "default": default} if is_short else schema


def _schemas(
    handler: str, types: Mapping[str, Any]
) -> tuple[dict[str, JsonObject], dict[str, Json]]:
    """For each parameter that can be expressed its schema, and what they refer to."""
    expressed = {name: each for name, each in types.items() if _is_expressed(handler, name, each)}
    try:
        return _made({name: _formatted(each) for name, each in expressed.items()})
    except Exception:  # noqa: BLE001 - each alone is right
        return _made(_compatible(handler, expressed))


def _compatible(handler: str, types: Mapping[str, Any]) -> dict[str, Any]:
    """Those that can be described together: of two classes of one full name, the first."""
    chosen: dict[str, Any] = {}
    for name, each in types.items():
        try:
            _made({**chosen, name: _formatted(each)})
        except Exception as error:  # noqa: BLE001 - as above
            logger.warning("handler %r: parameter %r takes any JSON: %s", handler, name, error)
        else:
            chosen[name] = _formatted(each)
    return chosen


def _is_expressed(handler: str, name: str, wanted: Any) -> bool:
    try:
        parts, definitions = _made({name: _formatted(wanted)})
        whole = {"type": "object", "properties": parts, "$defs": definitions}
        check_json(whole, name)
        if problems := schema_problems(whole, name):
            raise InvalidInput(*problems)
    except Exception as error:  # noqa: BLE001 - the annotation is the user's code
        what = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        logger.warning(
            "handler %r: parameter %r takes any JSON, for its annotation has no schema: %s",
            handler,
            name.replace(_KEYWORDS, "**keywords"),
            what[0],
        )
        return False
    return True


def _made(types: Mapping[str, Any]) -> tuple[dict[str, JsonObject], dict[str, Json]]:
    models: dict[str, Json] = {}

    def describe(kind: type) -> dict[str, Any]:
        if not hasattr(kind, "model_validate"):
            raise NotImplementedError(f"{kind!r} is of no kind that is known")
        schema = dict(kind.model_json_schema(ref_template=f"#/$defs/{kind.__name__}.{{model}}"))  # type: ignore[attr-defined]
        for name, each in schema.pop("$defs", {}).items():
            models[f"{kind.__name__}.{name}"] = each
        return schema

    schemas, definitions = msgspec.json.schema_components(
        list(types.values()), schema_hook=describe, ref_template=_REFERENCE
    )
    return dict(zip(types, schemas, strict=True)), {**definitions, **models}


def _formatted(annotation: Any) -> Any:
    """The same with the formats of instants and times, as far as they are found."""
    if isinstance(annotation, type) and annotation in _FORMATS:
        meta = msgspec.Meta(extra_json_schema={"format": _FORMATS[annotation]})
        return Annotated[annotation, meta]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, [_formatted(each) for each in inner])
    if isinstance(annotation, GenericAlias) and origin in (list, set, frozenset, dict, tuple):
        return GenericAlias(origin, tuple(_formatted(each) for each in inner))
    return annotation


def _converted(name: str, value: Json, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted, str_keys=True, dec_hook=_validated)
    except msgspec.ValidationError as error:
        reason = str(error)
    try:  # 1.0 is an integer in JSON Schema
        return msgspec.convert(_with_integers(value), wanted, str_keys=True, dec_hook=_validated)
    except msgspec.ValidationError:
        raise BadArgument(f"the argument {name!r}: {reason}") from None


def _validated(wanted: Any, value: Json) -> Any:
    return wanted.model_validate(value)


def _with_integers(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {name: _with_integers(each) for name, each in value.items()}
        case list() | tuple():
            return [_with_integers(each) for each in value]
    return value
