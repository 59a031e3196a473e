"""A job: the named, durable definition of work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.json import JsonObject, check_json
from callboard.domain.names import DEFAULT_GROUP, name_problem
from callboard.errors import FieldProblem, InvalidInput, NotSupportedYet

KINDS: Final = ("python", "command")
LATER_KINDS: Final = ("http", "script", "batch")
MAX_ARGUMENTS: Final = 256
MAX_SECONDS: Final = 366 * 24 * 3600.0


class OnCrash(StrEnum):
    """What becomes of a run whose node died under it."""

    RETRY = "retry"
    FAIL = "fail"
    PARK = "park"


class Jitter(StrEnum):
    """How a retry's delay is spread: anywhere below it, or not at all."""

    FULL = "full"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a failed run is tried again."""

    max_attempts: int = 1
    """Attempts in all, the first included; 1 never retries."""
    initial_s: float = 1.0
    """Seconds before the second attempt, before jitter."""
    factor: float = 2.0
    """Each further delay is the one before times this."""
    max_s: float = 300.0
    """No delay is longer than this many seconds."""
    jitter: Jitter = Jitter.FULL

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        if not 1 <= self.max_attempts <= 1000:
            yield FieldProblem(f"{prefix}.max_attempts", "is outside 1 to 1000")
        for name in ("initial_s", "max_s"):
            yield from seconds_problem(getattr(self, name), f"{prefix}.{name}", zero=True)
        if not (math.isfinite(self.factor) and 1 <= self.factor <= 100):
            yield FieldProblem(f"{prefix}.factor", "is outside 1 to 100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A definition, and, once stored, its identity and version."""

    name: str
    group: str = DEFAULT_GROUP
    kind: str
    """Which runner executes it: python or command."""
    spec: JsonObject
    """python: `{handler, isolation}`; command: `{argv | shell, cwd, env}`."""
    arguments: JsonObject = field(default_factory=dict)
    """Default arguments; those of a run are laid over them, key by key."""
    description: str = ""
    disabled: bool = False
    """A disabled job is not started: slots are skipped, starts are refused."""
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = None
    """Seconds a run may take before it is ended as timed_out."""
    max_concurrent_runs: int | None = None
    """Runs of this job that may be on nodes at once; None: any number."""
    on_crash: OnCrash = OnCrash.RETRY
    labels: Mapping[str, str] = field(default_factory=dict)
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)
        check_json(self.spec, "spec")
        check_json(self.arguments, "arguments")

    def _problems(self) -> Iterator[FieldProblem]:
        for name, value in (("name", self.name), ("group", self.group)):
            problem = name_problem(value, name)
            if problem is not None:
                yield problem
        yield from spec_problems(self.kind, self.spec)
        yield from self.retry.problems("retry")
        if self.timeout_s is not None:
            yield from seconds_problem(self.timeout_s, "timeout_s")
        if self.max_concurrent_runs is not None and not 1 <= self.max_concurrent_runs <= 1_000_000:
            yield FieldProblem("max_concurrent_runs", "is outside 1 to 1000000", "null: no limit")
        if len(self.description) > 10_000:
            yield FieldProblem("description", "is longer than 10000 characters")
        yield from _label_problems(self.labels)


def seconds_problem(
    value: float, name: str, *, zero: bool = False, maximum: float = MAX_SECONDS
) -> Iterator[FieldProblem]:
    """The problem, if any, of a duration in seconds (at most a year unless said otherwise)."""
    if not math.isfinite(value) or value < 0 or value > maximum or (value == 0 and not zero):
        reason = f"{value:g} is not from 0 to {maximum:.15g} seconds"
        if not zero:
            reason = f"{value:g} is not more than 0 and at most {maximum:.15g} seconds"
        yield FieldProblem(name, reason)


def spec_problems(kind: str, spec: JsonObject) -> Iterator[FieldProblem]:
    """What is wrong with a job's kind and spec; may be empty.

    Raises:
        NotSupportedYet: the kind is documented but comes with a later release.
    """
    if kind in LATER_KINDS:
        raise NotSupportedYet("kind", f"the kind {kind!r}")
    if kind not in KINDS:
        yield FieldProblem("kind", f"{kind!r} is not a kind of job", f"use {' or '.join(KINDS)}")
    elif not isinstance(spec, Mapping):
        yield FieldProblem("spec", "is not an object")
    elif kind == "python":
        yield from _python_problems(spec)
    else:
        yield from _command_problems(spec)


def _unknown(spec: JsonObject, *known: str) -> Iterator[FieldProblem]:
    for key in spec:
        if key not in known:
            yield FieldProblem(f"spec.{key}", "is not a field", f"known: {', '.join(known)}")


def _python_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from _unknown(spec, "handler", "isolation")
    handler = spec.get("handler")
    if not isinstance(handler, str) or not 1 <= len(handler) <= 500 or not handler.isprintable():
        yield FieldProblem("spec.handler", "is not a handler's name", "write module:function")
    isolation = spec.get("isolation")
    if isolation == "process":
        raise NotSupportedYet("spec.isolation", "isolation in a process")
    if isolation not in (None, "loop", "thread"):
        yield FieldProblem("spec.isolation", f"{isolation!r} is unknown", "use loop or thread")


def _command_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from _unknown(spec, "argv", "shell", "cwd", "env", "stdin")
    argv, shell = spec.get("argv"), spec.get("shell")
    if (argv is None) == (shell is None):
        yield FieldProblem("spec", "needs exactly one of argv and shell", 'e.g. {"argv": ["ls"]}')
    if argv is not None and not (
        isinstance(argv, list | tuple)
        and 1 <= len(argv) <= MAX_ARGUMENTS
        and all(isinstance(item, str) for item in argv)
        and argv[0]
    ):
        reason = f"is not a list of 1 to {MAX_ARGUMENTS} strings"
        yield FieldProblem("spec.argv", reason, 'e.g. ["python", "-V"]')
    for name, value in (("shell", shell), ("cwd", spec.get("cwd")), ("stdin", spec.get("stdin"))):
        if value is not None and not isinstance(value, str):
            yield FieldProblem(f"spec.{name}", "is not a string")
    if shell == "":
        yield FieldProblem("spec.shell", "is empty", "write the command line")
    yield from _environment_problems(spec.get("env"))


def _environment_problems(env: object) -> Iterator[FieldProblem]:
    if env is None:
        return
    if not isinstance(env, Mapping):
        yield FieldProblem("spec.env", "is not an object", 'e.g. {"LANG": "C"}')
        return
    for key, value in env.items():
        if not isinstance(value, str) or not key or "=" in key:
            yield FieldProblem(f"spec.env.{key}", "is not a variable with a string value")


def _label_problems(labels: Mapping[str, str]) -> Iterator[FieldProblem]:
    if len(labels) > 64:
        yield FieldProblem("labels", "has more than 64 entries")
    for key, value in labels.items():
        if not isinstance(value, str) or not 1 <= len(key) <= 255 or len(value) > 1000:
            yield FieldProblem(f"labels.{key}", "is not a short text", "key 1..255, value 0..1000")
