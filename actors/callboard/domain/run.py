"""A run: one attempt to execute a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from callboard.domain.given_terms import GivenTerms
from callboard.domain.instant import utc_instant
from callboard.domain.job import priority_problem
from callboard.domain.json import Json, JsonObject, check_json_object, check_size
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.run_terms import RunTerms
from callboard.domain.secret_reference import reference_problems
from callboard.domain.states import ENDED, RunState
from callboard.errors import InvalidInput, invalid

MAX_RUN_ID: Final = 2**53 - 1
"""Ids stay exact in a double, which is what JSON readers in browsers have."""
MAX_KEY: Final = 255
"""Characters of a unique_key."""
HELD: Final = datetime.max.replace(tzinfo=UTC)
"""due_at of a run that waits until earlier runs of its trigger have ended."""


class StopMode(StrEnum):
    """How hard a run is stopped."""

    COOPERATIVE = "cooperative"
    """The handler is asked, and killed when its grace is over (where that is possible)."""
    KILL = "kill"
    """No asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run did not succeed, or waits for an operator."""

    type: str
    message: str
    traceback: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class NewRun:
    """What is asked for when a run is to be created; the rest is the store's."""

    job: str
    group: str = DEFAULT_GROUP
    arguments: JsonObject = field(default_factory=dict)
    """Laid over the job's default arguments, key by key."""
    due_at: datetime | None = None
    """Not before this instant; None: at once."""
    unique_key: str | None = None
    """At most one live run of the job carries the same key."""
    priority: int | None = None
    """None: the job's."""
    trigger_id: int | None = None
    trigger: str | None = None
    slot: datetime | None = None
    attempt: int = 1
    previous_run_id: int | None = None
    """An ended run of the same job: the new one is the next attempt of its chain, whatever chain_id
    and attempt say. Its arguments are not those of that run, but its own."""
    chain_id: int | None = None
    """First run of the chain of retries; None: the new run begins one."""
    trace_id: str = ""
    """32 lower-case hex digits (W3C trace context)."""
    terms: GivenTerms | None = None

    def __init__(
        self,
        *,
        job: str,
        group: str = DEFAULT_GROUP,
        arguments: JsonObject | None = None,
        due_at: datetime | None = None,
        unique_key: str | None = None,
        priority: int | None = None,
        trigger_id: int | None = None,
        trigger: str | None = None,
        slot: datetime | None = None,
        attempt: int = 1,
        previous_run_id: int | None = None,
        chain_id: int | None = None,
        trace_id: str = "",
        terms: GivenTerms | None = None,
    ) -> None:
        if unique_key is not None:
            _check_key(unique_key)
        if priority is not None:
            _check_priority(priority)
        if due_at is not None:
            utc_instant(due_at, "due_at")
        if arguments is None:
            arguments = {}
        elif arguments or type(arguments) is not dict:
            check_json_object(arguments, "arguments")
            _check_references(arguments)
            check_size(arguments, "arguments")
        # Written as `make_run` does, for every start makes one.
        new: Any = self
        _set_class(new, "__class__", _OpenNewRun)
        new.job = job
        new.group = group
        new.arguments = arguments
        new.due_at = due_at
        new.unique_key = unique_key
        new.priority = priority
        new.trigger_id = trigger_id
        new.trigger = trigger
        new.slot = slot
        new.attempt = attempt
        new.previous_run_id = previous_run_id
        new.chain_id = chain_id
        new.trace_id = trace_id
        new.terms = terms
        new.__class__ = NewRun


def _check_key(key: str) -> None:
    if not (1 <= len(key) <= MAX_KEY and key.isprintable()):
        reason = f"is not a key of 1 to {MAX_KEY} printable characters"
        raise invalid("unique_key", reason, "null: no key")


def _check_references(arguments: JsonObject) -> None:
    if problems := tuple(reference_problems(arguments, "arguments")):
        raise InvalidInput(*problems)


def _check_priority(priority: int) -> None:
    if problems := tuple(priority_problem(priority, "priority")):
        raise InvalidInput(*problems)


class _OpenNewRun:
    """What a NewRun is while it is written: the same slots, not yet frozen."""

    __slots__ = tuple(field.name for field in fields(NewRun))


_set_class: Final[Callable[[object, str, type], None]] = object.__setattr__


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stored run."""

    id: int
    job: str
    group: str
    job_id: int
    trigger: str | None = None
    trigger_id: int | None = None
    slot: datetime | None = None
    state: RunState = RunState.QUEUED
    attempt: int = 1
    previous_run_id: int | None = None
    chain_id: int
    arguments: JsonObject = field(default_factory=dict)
    result: Json = None
    error: RunError | None = None
    progress: Json = None
    """What its handler said last of it while it was executed: done, total, note, at; None: nothing,
    or it is queued."""
    node: str | None = None
    """Name of the node that holds it or ran it."""
    epoch: int | None = None
    """The holder's epoch; every write of a held run must name it."""
    crashes: int = 0
    """How often a node died under it."""
    unique_key: str | None = None
    stop_mode: StopMode | None = None
    stop_grace_s: float | None = None
    trace_id: str
    created_at: datetime
    due_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    terms: RunTerms | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_batch(self) -> bool:
        """Whether it is a run of a batch job."""
        return self.terms is not None and self.terms.is_batch

    @property
    def instance_id(self) -> int | None:
        """The batch instance that it is a run of; None: none, or it has not got one yet."""
        return None if self.terms is None else self.terms.instance_id or None

    def is_of_claim(self, epoch: int | None, started_at: datetime | None) -> bool:
        """Whether it is still in the hands of the claim of this epoch and instant; None: of
        whichever instant."""
        return self.epoch == epoch and (started_at is None or self.started_at == started_at)

    @property
    def is_held(self) -> bool:
        """Whether it waits for the end of earlier runs of its trigger."""
        return self.state is RunState.QUEUED and self.due_at == HELD


class _OpenRun:
    """What a run is while `make_run` writes it: the same slots, not yet frozen."""

    __slots__ = tuple(field.name for field in fields(Run))


_new_object: Final[Callable[[type], Any]] = object.__new__


def make_run(
    id: int,
    job: str,
    group: str,
    job_id: int,
    trigger: str | None,
    trigger_id: int | None,
    slot: datetime | None,
    state: RunState,
    attempt: int,
    previous_run_id: int | None,
    chain_id: int,
    arguments: JsonObject,
    result: Json,
    error: RunError | None,
    progress: Json,
    node: str | None,
    epoch: int | None,
    crashes: int,
    unique_key: str | None,
    stop_mode: StopMode | None,
    stop_grace_s: float | None,
    trace_id: str,
    created_at: datetime,
    due_at: datetime,
    started_at: datetime | None,
    ended_at: datetime | None,
    terms: RunTerms | None = None,
) -> Run:
    """The run of these fields, in the order of the class, at a seventh of `Run(...)`'s cost.

    For what makes runs by the ten thousand a second. A frozen dataclass writes each field through
    `object.__setattr__`, 3 us a run; here an open object of the same slots is written, and becomes
    a `Run` at the end, 0.5 us (CPython 3.11).
    """
    run = _new_object(_OpenRun)
    run.id = id
    run.job = job
    run.group = group
    run.job_id = job_id
    run.trigger = trigger
    run.trigger_id = trigger_id
    run.slot = slot
    run.state = state
    run.attempt = attempt
    run.previous_run_id = previous_run_id
    run.chain_id = chain_id
    run.arguments = arguments
    run.result = result
    run.error = error
    run.progress = progress
    run.node = node
    run.epoch = epoch
    run.crashes = crashes
    run.unique_key = unique_key
    run.stop_mode = stop_mode
    run.stop_grace_s = stop_grace_s
    run.trace_id = trace_id
    run.created_at = created_at
    run.due_at = due_at
    run.started_at = started_at
    run.ended_at = ended_at
    run.terms = terms
    run.__class__ = Run
    made: Run = run
    return made


def merge_arguments(defaults: JsonObject, given: JsonObject) -> Mapping[str, Json]:
    """A run's arguments: the given ones laid over the job's defaults, key by key."""
    return {**defaults, **given}
