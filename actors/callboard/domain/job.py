"""A job: the named, durable definition of work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.annotations import check_annotations, label_problems
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job_spec import spec_problems
from callboard.domain.json import JsonObject, check_json
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.names import DEFAULT_GROUP, name_problems, wide_name_problems
from callboard.domain.secret_reference import reference_problems
from callboard.errors import FieldProblem, InvalidInput

MAX_PRIORITY: Final = 100
MAX_SECONDS: Final = 366 * 24 * 3600.0


class OnCrash(StrEnum):
    """What becomes of a run whose node died under it, when its work may have begun.

    `RetryPolicy.max_attempts` has no say in it: that counts failures of the work, not of nodes.
    A job whose work must not begin twice says `fail` or `park` (R07).
    """

    RETRY = "retry"
    FAIL = "fail"
    PARK = "park"


class OnFixed(StrEnum):
    """What becomes of a given argument that is among the job's fixed ones."""

    REFUSE = "refuse"
    IGNORE = "ignore"
    """The fixed one is used."""


class OnFull(StrEnum):
    """What becomes of a run that is to start while max_concurrent_runs are live."""

    QUEUE = "queue"
    REFUSE = "refuse"
    """A start is refused; a run of a trigger fails at once."""


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
    retry_on: tuple[str, ...] = ()
    """Kinds of failures that are worth another attempt; none: all that are not fatal. See
    `domain.retry.kinds_of`: an exception's class and its bases, an error's type, exit_code:N."""
    fatal: tuple[str, ...] = ()
    """Kinds of failures that are final at the first attempt; they win over `retry_on`."""
    budget: RateLimit | None = None
    """Retries of the job that may be created within a time, over all nodes; a failure beyond them
    is final. None: any number."""

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        if not 1 <= self.max_attempts <= 1000:
            yield FieldProblem(f"{prefix}.max_attempts", "is outside 1 to 1000")
        for name in ("initial_s", "max_s"):
            yield from seconds_problem(getattr(self, name), f"{prefix}.{name}", zero=True)
        if not (math.isfinite(self.factor) and 1 <= self.factor <= 100):
            yield FieldProblem(f"{prefix}.factor", "is outside 1 to 100")
        for name in ("retry_on", "fatal"):
            yield from _kind_problems(getattr(self, name), f"{prefix}.{name}")
        if self.budget is not None:
            yield from self.budget.problems(f"{prefix}.budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A definition, and, once stored, its identity and version."""

    name: str
    group: str = DEFAULT_GROUP
    kind: str
    """Which runner executes it: see `job_spec.KINDS`; plug-ins bring more."""
    spec: JsonObject
    """What the kind needs: see the `spec_*.py` of it."""
    arguments: JsonObject = field(default_factory=dict)
    """Default arguments; those of a run are laid over them, key by key."""
    fixed_arguments: JsonObject = field(default_factory=dict)
    """Laid over everything else; a start that gives one of them is answered by `on_fixed`."""
    on_fixed: OnFixed = OnFixed.REFUSE
    parameters: JsonObject | None = None
    """JSON Schema (2020-12) of a run's arguments as a whole; None: whatever it is given."""
    description: str = ""
    disabled: bool = False
    """A disabled job is not started: slots are skipped, starts are refused."""
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = None
    """Seconds a run may take before it is ended as timed_out."""
    queue_timeout_s: float | None = None
    """Seconds a run may wait from its due_at on before it is ended as timed_out."""
    chain_timeout_s: float | None = None
    """Seconds that all attempts of a chain may take together, with the waiting between them."""
    max_concurrent_runs: int | None = None
    """Runs of this job that may be on nodes at once; None: any number."""
    on_full: OnFull = OnFull.QUEUE
    """Of a start beyond max_concurrent_runs; without that, nothing is ever full."""
    concurrency: Concurrency | None = None
    rate_limit: RateLimit | None = None
    """Runs of this job that may begin within a time."""
    queue: str | None = None
    """Name of the queue whose capacity its runs share with those of other jobs; None: of none."""
    priority: int = 0
    """Of its runs, from -100 to 100: a higher one is claimed earlier, see `run_terms.AGEING_S`."""
    on_crash: OnCrash = OnCrash.RETRY
    bookmark: BookmarkRule | None = None
    """Which of its runs move its bookmark when they succeed; None: none."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: JsonObject = field(default_factory=dict)
    """What a door or a client keeps with it; the board does not read it."""
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
        check_json(self.fixed_arguments, "fixed_arguments")
        check_json(self.parameters, "parameters")
        check_annotations(self.annotations)
        problems = tuple(
            problem
            for name in ("spec", "arguments", "fixed_arguments")
            for problem in reference_problems(getattr(self, name), name)
        )
        if problems:
            raise InvalidInput(*problems)

    def arguments_with(self, given: JsonObject) -> JsonObject:
        """A run's arguments: the given ones over the defaults, the fixed ones over both."""
        if not (self.arguments or self.fixed_arguments):
            return given
        return {**self.arguments, **given, **self.fixed_arguments}

    def takes(self, argument: str) -> bool:
        """Whether its runs may be given an argument of this name, as far as its parameters say."""
        if self.kind == "batch":
            declared = self.spec.get("parameters")
            if not isinstance(declared, list | tuple):
                return True
            return any(isinstance(rule, Mapping) and rule["name"] == argument for rule in declared)
        schema = self.parameters
        if schema is None or schema.get("additionalProperties") is not False:
            return True
        named = schema.get("properties", {})
        return "patternProperties" in schema or not isinstance(named, Mapping) or argument in named

    @property
    def is_limited(self) -> bool:
        """Whether a claim of its runs has to count: the column `limited` says the same."""
        return not (
            self.max_concurrent_runs is None
            and self.concurrency is None
            and self.rate_limit is None
        )

    def live_limit(self, on_full: OnFull | None = None) -> int | None:
        """How many of its runs must be live at the most once one more starts; None: any number.

        Args:
            on_full: what the start says instead of the job.
        """
        wish = self.on_full if on_full is None else on_full
        return self.max_concurrent_runs if wish is OnFull.REFUSE else None

    @property
    def has_terms(self) -> bool:
        """Whether its runs have RunTerms."""
        return bool(
            self.priority
            or self.queue is not None
            or self.concurrency is not None
            or self.queue_timeout_s is not None
            or self.chain_timeout_s is not None
            or self.bookmark is not None
            or self.kind == "batch"
        )

    def _problems(self) -> Iterator[FieldProblem]:
        yield from wide_name_problems(name=self.name, group=self.group)
        yield from spec_problems(self.kind, self.spec)
        yield from self.retry.problems("retry")
        if self.timeout_s is not None:
            yield from seconds_problem(self.timeout_s, "timeout_s")
        for name in ("queue_timeout_s", "chain_timeout_s"):
            value = getattr(self, name)
            if value is not None:
                yield from seconds_problem(value, name)
        if self.concurrency is not None:
            yield from self.concurrency.problems("concurrency")
        if self.rate_limit is not None:
            yield from self.rate_limit.problems("rate_limit")
        yield from priority_problem(self.priority, "priority")
        if self.queue is not None:
            yield from name_problems(queue=self.queue)
        if self.max_concurrent_runs is not None and not 1 <= self.max_concurrent_runs <= 1_000_000:
            yield FieldProblem("max_concurrent_runs", "is outside 1 to 1000000", "null: no limit")
        if self.on_full is OnFull.REFUSE and self.max_concurrent_runs is None:
            reason = "refuse needs a max_concurrent_runs, without which nothing is full"
            yield FieldProblem("on_full", reason, "queue")
        if len(self.description) > 10_000:
            yield FieldProblem("description", "is longer than 10000 characters")
        if self.bookmark is not None:
            yield from self.bookmark.problems("bookmark")
        yield from label_problems(self.labels)


def priority_problem(value: int, name: str) -> Iterator[FieldProblem]:
    """The problem, if any, of a priority."""
    if not -MAX_PRIORITY <= value <= MAX_PRIORITY:
        yield FieldProblem(name, f"{value} is outside -{MAX_PRIORITY} to {MAX_PRIORITY}")


def _kind_problems(kinds: tuple[str, ...], name: str) -> Iterator[FieldProblem]:
    if len(kinds) > 100:
        yield FieldProblem(name, "has more than 100 entries")
    for kind in kinds:
        if not isinstance(kind, str) or not 1 <= len(kind) <= 255:
            yield FieldProblem(name, f"{kind!r} is not the name of a kind of failure")


def seconds_problem(
    value: float, name: str, *, zero: bool = False, maximum: float = MAX_SECONDS
) -> Iterator[FieldProblem]:
    """The problem, if any, of a duration in seconds (at most a year unless said otherwise)."""
    if not math.isfinite(value) or value < 0 or value > maximum or (value == 0 and not zero):
        reason = f"{value:g} is not from 0 to {maximum:.15g} seconds"
        if not zero:
            reason = f"{value:g} is not more than 0 and at most {maximum:.15g} seconds"
        yield FieldProblem(name, reason)
