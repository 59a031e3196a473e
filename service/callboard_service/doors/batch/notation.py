"""Spring Batch's text notation of a parameter, and texts as values.

| text | means |
| --- | --- |
| `day=2026-01-05` | by the type that the job declares, otherwise a text |
| `run.id=1,java.lang.Long` | a value of that class |
| `run.id=1,java.lang.Long,false` | one that does not identify |
| `run.id(long)=1`, `-run.id(long)=1` | the same two, as before Spring Batch 5 |

A comma belongs to the value unless a class that is known follows it to the end: nothing of a text
is lost in silence. What has to be beyond doubt is sent as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.batch_value import ParameterType, value_of_text
from callboard_service.doors.batch.words import type_of_class

_TYPED: Final = re.compile(
    r"(?P<value>.*),(?P<type>[A-Za-z_]\w*(?:\.\w+)+)(?:,(?P<flag>true|false))?", re.DOTALL
)
_NAMED: Final = re.compile(
    r"(?P<sign>[-+]?)(?P<name>.+?)(?:\((?P<type>string|long|double|date)\))?", re.DOTALL
)
_OLD_TYPES: Final[Mapping[str, ParameterType]] = MappingProxyType(
    {
        "string": ParameterType.STRING,
        "long": ParameterType.INTEGER,
        "double": ParameterType.NUMBER,
        "date": ParameterType.DATE,
    }
)
_OLD_DATE: Final = re.compile(r"(\d{4})/(\d\d)/(\d\d)", re.ASCII)
_NO_OFFSET: Final = re.compile(
    r"(?P<minutes>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?P<seconds>:\d\d(?:\.\d+)?)?", re.ASCII
)


def parameter_of_text(name: str, text: str, types: Mapping[str, ParameterType]) -> tuple[str, Any]:
    """Name and value of a parameter that came as a text; the value alone, or with its type and
    whether it identifies, as a start takes it.

    Args:
        types: of the parameters that the job declares.
    """
    named = _NAMED.fullmatch(name)
    plain = named["name"] if named is not None else name
    said: dict[str, Any] = {}
    if named is not None and named["type"] is not None:
        said["type"] = _OLD_TYPES[named["type"]]
    if named is not None and named["sign"]:
        said["identifying"] = named["sign"] == "+"
    typed = _TYPED.fullmatch(text) if "type" not in said else None
    if typed is not None and (kind := type_of_class(typed["type"])) is not None:
        text, said["type"] = typed["value"], kind
        if typed["flag"] is not None:
            said["identifying"] = typed["flag"] == "true"
    kind = said.get("type") or types.get(plain, ParameterType.STRING)
    value = value_of_words(kind, text)
    return plain, {"value": value, **_plain(said)} if said else value


def value_of_words(kind: ParameterType, text: str) -> Any:
    """What a text means as a value of the type; itself where it means nothing else.

    Java's local times, which have no zone, are taken in UTC.
    """
    if kind is ParameterType.DATETIME and (local := _NO_OFFSET.fullmatch(text)):
        return f"{local['minutes']}{local['seconds'] or ':00'}Z"
    if kind is ParameterType.DATE and (old := _OLD_DATE.fullmatch(text)):
        return "-".join(old.groups())
    return value_of_text(kind, text)


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) if key == "type" else value for key, value in said.items()}
