"""Annotations of Params classes: which types parameters have in Python."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from inspect import get_annotations
from types import MappingProxyType, SimpleNamespace
from typing import ClassVar, Final, Literal, Union, cast, get_args, get_origin
from typing import get_type_hints as resolved

from callboard.domain.batch_value import ParameterType, WrongValue

TYPES: Final[Mapping[type, ParameterType]] = MappingProxyType(
    {
        str: ParameterType.STRING,
        int: ParameterType.INTEGER,
        float: ParameterType.NUMBER,
        bool: ParameterType.BOOLEAN,
        date: ParameterType.DATE,
        datetime: ParameterType.DATETIME,
        Decimal: ParameterType.DECIMAL,
    }
)
_KNOWN: Final = "str, int, float, bool, date, datetime, Decimal, Literal[...], a StrEnum, X | None"
_CLASS_VAR: Final = re.compile(r"(?:\w+\.)?ClassVar\b")


def own_annotations(cls: type) -> Iterator[tuple[str, object]]:
    """Of the class's own body, class variables left out."""
    for name, annotation in get_annotations(cls).items():
        text = annotation if isinstance(annotation, str) else ""
        if not _CLASS_VAR.match(text) and cast("object", get_origin(annotation)) is not ClassVar:
            yield name, annotation


def type_of(cls: type, name: str, annotation: object) -> object:
    """The annotation's type, also where annotations are texts."""
    holder = SimpleNamespace(__annotations__={name: annotation})
    module = vars(sys.modules.get(cls.__module__, sys))
    # Not all of the class's own names: a field may be called as its type is, `date: date`.
    inner = {each: value for each, value in vars(cls).items() if isinstance(value, type)}
    try:
        return resolved(holder, module, inner)[name]
    except NameError as error:
        fix = "import it, or define it at the top level of the module, before the class"
        raise WrongValue(f"has the type {annotation!r}: {error}", fix) from None
    except (TypeError, SyntaxError) as error:
        raise WrongValue(f"has no type: {error}", f"one of {_KNOWN}") from None


def value_type(annotation: object) -> tuple[type, bool, tuple[object, ...]]:
    """The class of its values, whether None is one of them, and the values of a Literal."""
    is_optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        is_optional = len(parts) < len(get_args(annotation))
        annotation = parts[0] if len(parts) == 1 else annotation
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
        kinds = {type(value) for value in values}
        if len(kinds) == 1 and (kind := kinds.pop()) in TYPES:
            return kind, is_optional, values
    if isinstance(annotation, type) and (annotation in TYPES or issubclass(annotation, StrEnum)):
        return annotation, is_optional, ()
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    raise WrongValue(f"has the type {shown}, which no parameter has", f"one of {_KNOWN}")
