"""Annotations: what a door or a client keeps with a thing; the board does not read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from callboard.domain.json import JsonObject, check_json_object
from callboard.errors import FieldProblem, InvalidInput

MAX_BYTES: Final = 2**19
MAX_LABELS: Final = 64


def check_annotations(annotations: JsonObject, field: str = "annotations") -> None:
    """Raise InvalidInput for what is no JSON object, or too long."""
    if not annotations and type(annotations) is dict:
        return
    check_json_object(annotations, field)
    size = len(orjson.dumps(annotations, default=dict))
    if size > MAX_BYTES:
        reason = f"is {size} bytes of JSON, more than {MAX_BYTES}"
        raise InvalidInput(FieldProblem(field, reason, "keep it elsewhere"))


def label_problems(labels: Mapping[str, str]) -> Iterator[FieldProblem]:
    """What is wrong with the labels of a thing, by which it can be found."""
    if len(labels) > MAX_LABELS:
        yield FieldProblem("labels", f"has more than {MAX_LABELS} entries")
    for key, value in labels.items():
        if not isinstance(value, str) or not 1 <= len(key) <= 255 or len(value) > 1000:
            yield FieldProblem(f"labels.{key}", "is not a short text", "key 1..255, value 0..1000")
