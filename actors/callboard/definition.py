"""Definitions in code: what a function says of itself as a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from callboard.domain.job import Job, OnCrash, OnFull, RetryPolicy
from callboard.domain.json import Json, JsonObject
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.names import DEFAULT_GROUP

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "__callboard_job__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The fields of a job that its code fixes."""

    name: str
    fields: Mapping[str, Any]


def job(
    name: str | None = None,
    *,
    group: str = DEFAULT_GROUP,
    arguments: JsonObject | None = None,
    fixed_arguments: JsonObject | None = None,
    parameters: JsonObject | None = None,
    description: str | None = None,
    isolation: str | None = None,
    limits: Mapping[str, int] | None = None,
    retry: RetryPolicy | None = None,
    timeout_s: float | None = None,
    queue_timeout_s: float | None = None,
    chain_timeout_s: float | None = None,
    max_concurrent_runs: int | None = None,
    on_full: OnFull | str = OnFull.QUEUE,
    concurrency: Concurrency | None = None,
    rate_limit: RateLimit | None = None,
    queue: str | None = None,
    priority: int = 0,
    on_crash: OnCrash | str = OnCrash.RETRY,
    labels: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Say on a function how it is to be defined as a job; nothing is registered anywhere yet.

    Args:
        name: the job's; the function's own name by default.
        parameters: JSON Schema of its arguments; by default what its signature says.
        description: the function's docstring by default, its first line.
        isolation: loop, thread or process; None: coroutine functions on the loop, others in a
            thread. Only what runs in a process can be killed.
        limits: of a process: cpu_s, memory_mb, open_files, file_mb, processes.
    """

    def decorate(function: F) -> F:
        fields: dict[str, Any] = {
            "group": group,
            "arguments": arguments or {},
            "fixed_arguments": fixed_arguments or {},
            "parameters": parameters,
            "description": _summary(function) if description is None else description,
            "isolation": isolation,
            "limits": limits,
            "retry": retry or RetryPolicy(),
            "timeout_s": timeout_s,
            "queue_timeout_s": queue_timeout_s,
            "chain_timeout_s": chain_timeout_s,
            "max_concurrent_runs": max_concurrent_runs,
            "on_full": OnFull(on_full),
            "concurrency": concurrency,
            "rate_limit": rate_limit,
            "queue": queue,
            "priority": priority,
            "on_crash": OnCrash(on_crash),
            "labels": labels or {},
        }
        setattr(function, _ATTRIBUTE, Definition(name=name or function.__name__, fields=fields))
        return function

    return decorate


def definition_of(function: Callable[..., Any]) -> Definition:
    """What the function says of itself; the defaults when it says nothing."""
    definition = getattr(function, _ATTRIBUTE, None)
    if isinstance(definition, Definition):
        return definition
    return Definition(
        name=getattr(function, "__name__", "handler"),
        fields={"description": _summary(function)},
    )


def handler_name(function: Callable[..., Any]) -> str:
    """`module:function`, by which other processes can import it."""
    return f"{function.__module__}:{function.__qualname__}"


def to_job(definition: Definition, handler: str, changes: Mapping[str, Any]) -> Job:
    """The job; `changes` win over what the code says.

    Raises:
        InvalidInput: a field is wrong.
    """
    fields = {**definition.fields, **changes}
    if "on_full" in fields:
        fields["on_full"] = OnFull(fields["on_full"])
    spec: dict[str, Json] = {"handler": handler}
    for name in ("isolation", "limits"):
        if (value := fields.pop(name, None)) is not None:
            spec[name] = value
    return Job(name=fields.pop("name", definition.name), kind="python", spec=spec, **fields)


def _summary(function: Callable[..., Any]) -> str:
    text = (function.__doc__ or "").strip()
    return text.splitlines()[0] if text else ""
