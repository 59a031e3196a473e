"""What is wrong with the spec of a batch job.

    {"handler": "shop.jobs:settlement", "parameters": [...] | null, "restartable": true,
     "steps": [{"name": "load", "kind": "chunk", "size": 500, "start_limit": 3}, ...],
     "flow": {...}}

The node that executes a run needs the handler, a BatchJob in its code; all others need the rest.
Without a flow the steps follow each other. Parameters: see batch_parameter.py; flow: batch_flow.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.batch_flow import sequence
from callboard.domain.batch_flow_check import flow_problems
from callboard.domain.batch_parameter import rules_problems
from callboard.domain.json import JsonObject
from callboard.domain.spec_field import unknown_fields
from callboard.errors import FieldProblem

MAX_STEPS: Final = 1000
MAX_STEP_NAME: Final = 255
MAX_SIZE: Final = 1_000_000
"""Items of a chunk."""
STEP_KINDS: Final = ("tasklet", "chunk", "partition", "job")
_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {"start_limit": 1_000_000, "size": MAX_SIZE, "grid": MAX_SIZE, "concurrency": 1000}
)
"""Fields of steps that are whole numbers from 1, and the most of each."""
_FIELDS: Final = (
    "name",
    "kind",
    "allow_start_if_complete",
    *_NUMBERS,
    "on_failure",
    "job",
)


def batch_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from unknown_fields(spec, "handler", "parameters", "restartable", "steps", "flow")
    handler = spec.get("handler")
    if not isinstance(handler, str) or not 1 <= len(handler) <= 500 or not handler.isprintable():
        yield FieldProblem("spec.handler", "is not the name of a batch job in code", "module:name")
    if not isinstance(spec.get("restartable", True), bool):
        yield FieldProblem("spec.restartable", "is not a boolean", "true or false")
    yield from rules_problems(spec.get("parameters"))
    steps = spec.get("steps", [])
    if not isinstance(steps, list | tuple) or len(steps) > MAX_STEPS:
        fix = 'e.g. [{"name": "load", "kind": "tasklet"}]'
        yield FieldProblem("spec.steps", f"is not a list of at most {MAX_STEPS} steps", fix)
        return
    problems = [*_steps_problems(steps)]
    yield from problems
    if not problems:
        names = [str(step["name"]) for step in steps]
        flow = spec.get("flow")
        yield from flow_problems(sequence(names).to_json() if flow is None else flow, names)


def _steps_problems(steps: list[Any] | tuple[Any, ...]) -> Iterator[FieldProblem]:
    places: dict[str, str] = {}
    for index, step in enumerate(steps):
        place = f"spec.steps[{index}]"
        if not isinstance(step, Mapping):
            yield FieldProblem(place, "is not an object", 'e.g. {"name": "load", "kind": "chunk"}')
            continue
        yield from _step_problems(step, place)
        name = step.get("name")
        if isinstance(name, str) and (first := places.setdefault(name, place)) != place:
            reason = f"{name!r:.80} is the name of {first}, too"
            yield FieldProblem(f"{place}.name", reason, "give each step a name of its own")


def _step_problems(step: Mapping[str, Any], place: str) -> Iterator[FieldProblem]:
    yield from unknown_fields(step, *_FIELDS, prefix=place)
    name = step.get("name")
    if not isinstance(name, str) or not _is_name(name):
        reason = f"{name!r:.80} is not the name of a step"
        fix = f"1 to {MAX_STEP_NAME} printable characters without a colon"
        yield FieldProblem(f"{place}.name", reason, fix)
    if step.get("kind") not in STEP_KINDS:
        reason = f"{step.get('kind')!r:.80} is unknown"
        yield FieldProblem(f"{place}.kind", reason, f"one of {', '.join(STEP_KINDS)}")
    for field, most in _NUMBERS.items():
        value = step.get(field)
        if value is not None and not _is_within(value, most):
            reason = f"{value!r:.80} is not a whole number from 1 to {most}"
            yield FieldProblem(f"{place}.{field}", reason, "leave it out for none")
    if not isinstance(step.get("allow_start_if_complete", False), bool):
        yield FieldProblem(f"{place}.allow_start_if_complete", "is not a boolean", "true or false")
    for field in ("on_failure", "job"):
        if not isinstance(step.get(field, ""), str):
            yield FieldProblem(f"{place}.{field}", "is not a text", "leave it out")


def _is_name(text: str) -> bool:
    """A colon stands between the names of a step and of a partition of it."""
    return 1 <= len(text) <= MAX_STEP_NAME and text.isprintable() and ":" not in text


def _is_within(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
