"""The parameters of a job as rows of a table: name, type, default, whether it has to be given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from callboard_service.cli.text import shorten

PARAMETER_COLUMNS: Final = ("PARAMETER", "TYPE", "DEFAULT", "REQUIRED")
WIDEST: Final = 60

Schema = Mapping[str, Any]


def parameter_rows(job: Mapping[str, Any]) -> list[list[object]]:
    """Of a job as the API has it: what a start may give, fixed arguments left out."""
    schema = job["parameters"]
    if not isinstance(schema, Mapping):
        return []
    properties = schema.get("properties")
    named = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required", ())
    own = job["arguments"]
    rows = [
        _row(schema, name, each, own, is_required=name in required)
        for name, each in named.items()
        if name not in job["fixed_arguments"]
    ]
    if schema.get("additionalProperties", True) is not False:
        rows.append(["...", type_text(schema, schema.get("additionalProperties", True)), "", ""])
    return rows


def _row(
    root: Schema, name: str, schema: Any, own: Mapping[str, Any], *, is_required: bool
) -> list[object]:
    """With the job's default before that of the handler."""
    default = own.get(name, schema.get("default", _NONE) if isinstance(schema, Mapping) else _NONE)
    return [
        name,
        shorten(type_text(root, schema), WIDEST),
        "" if default is _NONE else shorten(_json(default), WIDEST),
        "yes" if is_required and name not in own else "no",
    ]


_NONE: Final = object()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def type_text(root: Schema, schema: Any) -> str:
    """`integer`, `"a" or "b"`, `array of Order`, `string (date) or null`."""
    if not isinstance(schema, Mapping) or not schema:
        return "any"
    if isinstance(reference := schema.get("$ref"), str):
        return _named(root, reference.rpartition("/")[2])
    if isinstance(options := schema.get("enum"), Sequence):
        return " or ".join(map(_json, options))
    for name in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(name), Sequence):
            return " or ".join(dict.fromkeys(type_text(root, each) for each in branches))
    return _plain(root, schema)


def _named(root: Schema, name: str) -> str:
    definitions = root.get("$defs")
    meant = definitions.get(name) if isinstance(definitions, Mapping) else None
    if isinstance(meant, Mapping) and "enum" in meant:
        return type_text(root, meant)
    return name.rpartition(".")[2]


def _plain(root: Schema, schema: Schema) -> str:
    kind = schema.get("type", "any")
    words = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if words == "array" and "items" in schema:
        return f"array of {type_text(root, schema['items'])}"
    if words == "object" and isinstance(schema.get("title"), str):
        return str(schema["title"])
    return f"{words} ({schema['format']})" if "format" in schema else words
