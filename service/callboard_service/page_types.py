"""Wire types on the page of the API: their names with links, their fields as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from html import escape
from typing import Any, Final, get_args, get_origin

import msgspec

from callboard_service.wire.fields import fields_of
from callboard_service.wire.shapes import Instant
from callboard_service.wire.text import encode_json

_WORDS: Final = {
    int: "integer",
    str: "string",
    float: "number",
    bool: "boolean",
    dict: "object",
    datetime: "instant",
    Any: "any JSON",
}


def marked(text: str) -> str:
    """Text as HTML; what is in backquotes is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))


def fields_table(caption: str, shape: type[msgspec.Struct]) -> str:
    """The fields of a type, as HTML; empty where it has none."""
    is_input = shape.__struct_config__.forbid_unknown_fields
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{type_name(field.type)}</td>'
        f"<td>{'; '.join(_notes(field, is_input=is_input))}</td></tr>"
        for name, field in fields_of(shape).items()
    )
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>" if rows else ""


def type_name(kind: Any) -> str:
    """A type as people say it, as HTML; a type with a section of its own is a link."""
    if kind is Instant:
        return "instant"
    if hasattr(kind, "__metadata__"):
        return type_name(kind.__origin__)
    arguments, origin = get_args(kind), get_origin(kind)
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return "object"
    if _is_struct(origin):
        return f"page of {type_name(arguments[0])}"
    if arguments:
        return " or ".join(
            type_name(each) if isinstance(each, type) or get_args(each) else escape(str(each))
            for each in arguments
        )
    if _has_section(kind):
        return f'<a href="#type-{kind.__name__}">{kind.__name__}</a>'
    return "null" if kind is type(None) else _WORDS.get(kind, escape(str(kind)))


def type_sections(kinds: Iterable[Any]) -> str:
    """A section for each type that is used, and for those that they use, as HTML."""
    return "".join(_section(kind) for kind in dict.fromkeys(_named(kinds)))


def _section(kind: Any) -> str:
    name = kind.__name__
    if issubclass(kind, Enum):
        content = f"<p>{', '.join(f'<code>{escape(each.value)}</code>' for each in kind)}</p>"
    else:
        content = fields_table("Fields", kind)
    about = escape((kind.__doc__ or "").partition("\n")[0])
    return f'<h3 id="type-{name}">{name}</h3><p>{about}</p>{content}'


def _named(kinds: Iterable[Any]) -> Iterator[Any]:
    """Types with a section, each before those that it uses."""
    for kind in kinds:
        if _has_section(kind):
            yield kind
        if _is_struct(kind):
            yield from _named(field.type for field in fields_of(kind).values())
        yield from _named(get_args(kind))


def _has_section(kind: Any) -> bool:
    return _is_struct(kind) or (isinstance(kind, type) and issubclass(kind, Enum))


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _notes(field: msgspec.structs.FieldInfo, *, is_input: bool) -> Iterator[str]:
    description = msgspec.json.schema_components([field.type])[0][0].get("description")
    if is_input and field.required:
        yield "required"
    elif is_input and field.default not in (msgspec.NODEFAULT, msgspec.UNSET, None):
        yield f"default <code>{escape(encode_json(field.default).decode())}</code>"
    if description:
        yield marked(description)
