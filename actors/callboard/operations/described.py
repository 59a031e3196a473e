"""The definition of a job as it is stored: with its handler's parameters, and checked by them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Final, cast

from callboard.clock import Clock
from callboard.domain.batch_arguments import given_problems
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.job import Job
from callboard.domain.json import JsonObject, check_size
from callboard.domain.parameters import argument_problems, schema_problems
from callboard.errors import FieldProblem, InvalidInput
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.pool import ThreadPool

IMPORT_S: Final = 10.0
"""Seconds that the import of a handler's module may take; then the job is stored without."""


async def described(job: Job, handlers: HandlerRegistry, clock: Clock) -> Job:
    """The job, with the parameters of its handler unless it has its own or nobody finds that one.

    Raises:
        InvalidInput: its parameters are no JSON Schema, or its own arguments do not fit them, or
            its concurrency goes by an argument that nobody can give.
    """
    if job.parameters is None and job.kind == "python":
        parameters = await _parameters_of(job, handlers, clock)
        if parameters is not None:
            job = replace(job, parameters=parameters)
    check_size(job.arguments, "arguments")
    check_size(job.fixed_arguments, "fixed_arguments")
    if job.parameters is not None and (problems := tuple(_problems(job, job.parameters))):
        raise InvalidInput(*problems)
    if job.kind == "batch" and (problems := tuple(_batch_problems(job))):
        raise InvalidInput(*problems)
    return job


def _batch_problems(job: Job) -> Iterator[FieldProblem]:
    """The same, of what a batch job declares."""
    rules = rules_from_spec(job.spec)
    for name in ("arguments", "fixed_arguments"):
        yield from given_problems(rules, getattr(job, name), name)
    yield from _key_problems(job, [rule.name for rule in rules or ()])


def _problems(job: Job, parameters: JsonObject) -> Iterator[FieldProblem]:
    """Of the schema, or else of its defaults and what it fixes: the rest comes with a start."""
    wrong = schema_problems(parameters, "parameters")
    yield from wrong
    if not wrong:
        for name in ("arguments", "fixed_arguments"):
            yield from argument_problems(parameters, getattr(job, name), name, partial=True)
        known = cast("Mapping[str, object]", parameters.get("properties", {}))
        yield from _key_problems(job, known)


def _key_problems(job: Job, known: Collection[str]) -> Iterator[FieldProblem]:
    """A name that no argument has makes one key of all runs."""
    if job.concurrency is None:
        return
    for index, name in enumerate(job.concurrency.key):
        if not job.takes(name):
            reason = f"{name!r} is not one of the parameters"
            fix = f"use {', '.join(known)}" if known else "the job has none"
            yield FieldProblem(f"concurrency.key[{index}]", reason, fix)


async def _parameters_of(job: Job, handlers: HandlerRegistry, clock: Clock) -> JsonObject | None:
    """None: there is no such handler here, or it does not tell.

    What is executed in processes of its own is not imported here.
    """
    name = str(job.spec["handler"])
    handler = handlers.known(name)
    if handler is None and job.spec.get("isolation") != "process":
        await _import(name, handlers, clock)
        handler = handlers.known(name)
    return None if handler is None else handler.parameters


async def _import(name: str, handlers: HandlerRegistry, clock: Clock) -> None:
    """Have it known, if that works: in a thread, for a module may take its time."""
    pool = ThreadPool(1)
    call = pool.submit("callboard-import", partial(handlers.resolve, name), copy_context())
    alarm = clock.call_at(clock.monotonic() + IMPORT_S, partial(pool.give_up, call))
    try:
        with getattr(clock, "hold", nullcontext)():
            await call.end
    finally:
        alarm.cancel()
        pool.close()
