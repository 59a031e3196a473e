"""Limits of a job's processes: what the system lets each of them use, and what is wrong with them.

| field | of | what ends at it |
| --- | --- | --- |
| cpu_s | each process | SIGXCPU after so many seconds of processor time, then SIGKILL |
| memory_mb | each process | an allocation of private memory (heap, stacks) beyond it fails |
| open_files | each process | opening one more descriptor fails |
| file_mb | each process | SIGXFSZ, or a failing write, for a file that grows beyond it |
| processes | all of the run | the run: all of its processes are killed when they are more |

Time is the job's `timeout_s`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

from callboard.domain.json import JsonObject
from callboard.domain.spec_field import unknown_fields
from callboard.errors import FieldProblem

RANGES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "cpu_s": (1, 31_622_400),
        "memory_mb": (1, 16_777_216),
        "open_files": (8, 1_048_576),
        "processes": (1, 100_000),
        "file_mb": (1, 16_777_216),
    }
)
"""The least and the most of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """The limits of a job's processes; None: whatever the node's own processes may."""

    cpu_s: int | None = None
    memory_mb: int | None = None
    open_files: int | None = None
    processes: int | None = None
    file_mb: int | None = None


def limits_of(spec: JsonObject) -> ResourceLimits | None:
    """Those of a checked spec; None: it has none."""
    given = cast("Mapping[str, int] | None", spec.get("limits"))
    return ResourceLimits(**given) if given else None


def limits_problems(limits: object) -> Iterator[FieldProblem]:
    """What is wrong with the field `limits` of a spec; may be empty."""
    if limits is None:
        return
    if not isinstance(limits, Mapping):
        yield FieldProblem("spec.limits", "is not an object", 'e.g. {"memory_mb": 512}')
        return
    yield from unknown_fields(limits, *RANGES, prefix="spec.limits")
    for name, (least, most) in RANGES.items():
        value = limits.get(name)
        if value is not None and not _is_within(value, least, most):
            reason = f"{value!r} is not a whole number from {least} to {most}"
            yield FieldProblem(f"spec.limits.{name}", reason, "leave it out for no limit")


def _is_within(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
