"""What is wrong with the spec of a python job."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.json import JsonObject
from callboard.domain.spec_field import unknown_fields
from callboard.domain.spec_limits import limits_problems
from callboard.errors import FieldProblem


def python_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from unknown_fields(spec, "handler", "isolation", "limits")
    handler = spec.get("handler")
    if not isinstance(handler, str) or not 1 <= len(handler) <= 500 or not handler.isprintable():
        yield FieldProblem("spec.handler", "is not a handler's name", "write module:function")
    isolation = spec.get("isolation")
    if isolation not in (None, "loop", "thread", "process"):
        reason, fix = f"{isolation!r} is unknown", "use loop, thread or process"
        yield FieldProblem("spec.isolation", reason, fix)
    yield from limits_problems(spec.get("limits"))
    if spec.get("limits") and isolation != "process":
        reason = "limits are those of a process, and the handler runs in the node's own"
        yield FieldProblem("spec.limits", reason, 'set isolation to "process"')
