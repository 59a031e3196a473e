"""What a job may be given: its JSON Schema, and whether arguments fit it.

Draft 2020-12, checked by jsonschema-rs. Nothing is ever fetched: a schema refers to parts of itself
alone. Formats of instants, durations and the like take what a handler in Python is given them as.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeAlias
from uuid import UUID

import jsonschema_rs
import msgspec
from jsonschema_rs import Draft202012Validator, FancyRegexOptions

from callboard.domain.batch_arguments import given_problems
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject, check_json
from callboard.domain.parameter_words import has_secret, problems_of
from callboard.domain.schema_weight import is_searchable, weight_problem
from callboard.errors import FieldProblem, InvalidInput

MOST_PROBLEMS: Final = 100
"""Of one run's arguments that are named; whoever has more has another form in mind."""
SHALLOW: Final = 4
"""Levels of arguments in which all problems are looked for, whatever the schema."""
MOST_SEARCHED_BYTES: Final = 64 * 1024
"""Of larger arguments the first problem is told: to look for all of them may take seconds."""
MOST_SCHEMA_BYTES: Final = 256 * 1024
MOST_BACKTRACKS: Final = 100_000
"""Steps of matching a pattern; beyond them the text does not match."""
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

Validator: TypeAlias = Draft202012Validator


def schema_problems(schema: object, field: str) -> tuple[FieldProblem, ...]:
    """What keeps a JSON Schema from being the parameters of a job."""
    if not isinstance(schema, Mapping):
        reason = f"is a {type(schema).__name__}, not a JSON Schema"
        return (FieldProblem(field, reason, 'an object with "type": "object"'),)
    dialect = schema.get("$schema", DRAFT)
    if not isinstance(dialect, str) or dialect.rstrip("#") != DRAFT:
        return (FieldProblem(f"{field}.$schema", "is not draft 2020-12", DRAFT),)
    if schema.get("type") != "object":
        reason = "is not the schema of an object, as arguments are"
        return (FieldProblem(f"{field}.type", reason, '"object"'),)
    try:
        check_json(schema, field)
    except InvalidInput as error:
        return error.problems
    plain = _plain(schema)
    if len(msgspec.json.encode(plain)) > MOST_SCHEMA_BYTES:
        return (FieldProblem(field, f"is longer than {MOST_SCHEMA_BYTES} bytes of JSON"),)
    if (problem := weight_problem(plain, field)) is not None:
        return (problem,)
    try:
        compile_schema(plain)
    except ValueError as error:
        return (_schema_problem(error, field),)
    return ()


def compile_schema(schema: JsonObject) -> Validator:
    """What checks values by the schema. Raises ValueError when it is none."""
    return Draft202012Validator(
        dict(schema),
        formats=dict(_FORMATS),
        validate_formats=True,
        mask="it",
        pattern_options=FancyRegexOptions(backtrack_limit=MOST_BACKTRACKS),
        offline=True,
    )


def argument_problems(
    schema: JsonObject, arguments: JsonObject, prefix: str, *, partial: bool = False
) -> tuple[FieldProblem, ...]:
    """Why arguments do not fit the schema; see ArgumentChecks for many of them."""
    return _problems(compile_schema(schema), schema, arguments, prefix, partial)


def check_arguments(job: Job, given: JsonObject, prefix: str = "arguments") -> None:
    """Raise InvalidInput for arguments that a run of the job may not be given."""
    problems = ArgumentChecks().problems(job, given, prefix)
    if job.kind == "batch":
        rules = rules_from_spec(job.spec)
        problems += given_problems(rules, job.arguments_with(given), prefix)
    if problems:
        raise InvalidInput(*problems)


class ArgumentChecks:
    """Checks of arguments by their jobs, with the compiled schemas of the last `limit` of them."""

    __slots__ = ("_bare", "_by_job", "_limit")

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._by_job: dict[int, tuple[JsonObject, Validator | None]] = {}
        self._bare: dict[int, tuple[Job, bool]] = {}
        """Whether runs of the job, the very object, may be given nothing: most are."""

    def fit(self, job: Job, given: JsonObject) -> bool:
        """Whether a run of the job may be given these arguments beside its own ones."""
        if given:
            return self._fit(job, given)
        known = self._bare.get(job.id)
        if known is None or known[0] is not job:
            known = self._bare[job.id] = job, self._fit(job, given)
            if len(self._bare) > self._limit:
                del self._bare[next(iter(self._bare))]
        return known[1]

    def _fit(self, job: Job, given: JsonObject) -> bool:
        fixed = job.fixed_arguments
        if fixed and job.on_fixed == "refuse" and not fixed.keys().isdisjoint(given):
            return False
        if job.parameters is None:
            return True
        validator = self._validator(job.id, job.parameters)
        return validator is None or _is_valid(validator, job.arguments_with(given))

    def problems(
        self, job: Job, given: JsonObject, prefix: str, *, partial: bool = False
    ) -> tuple[FieldProblem, ...]:
        """Why a run of the job may not be given these arguments.

        Args:
            prefix: the field that they are, like `runs[3].arguments`.
            partial: more may be given later: that some are missing is no problem.
        """
        if self.fit(job, given):
            return ()
        fixed = tuple(
            FieldProblem(f"{prefix}.{name}", "is fixed by the job", "leave it out")
            for name in job.fixed_arguments
            if name in given and job.on_fixed == "refuse"
        )
        schema = job.parameters
        validator = None if schema is None else self._validator(job.id, schema)
        if schema is None or validator is None:
            return fixed
        merged = job.arguments_with(given)
        return (*fixed, *_problems(validator, schema, merged, prefix, partial))

    def _validator(self, job_id: int, schema: JsonObject) -> Validator | None:
        """None for a stored schema that this release does not understand: it is no check."""
        known = self._by_job.get(job_id)
        # A version would not do: one that was rolled back leaves its number to another definition.
        if known is not None and (known[0] is schema or known[0] == schema):
            return known[1]
        try:
            validator: Validator | None = compile_schema(schema)
        except ValueError:
            validator = None
        self._by_job.pop(job_id, None)
        self._by_job[job_id] = schema, validator
        if len(self._by_job) > self._limit:
            del self._by_job[next(iter(self._by_job))]
        return validator


def _is_valid(validator: Validator, arguments: JsonObject) -> bool:
    try:
        return validator.is_valid(arguments)
    except (TypeError, ValueError):  # a mapping that is no dict, or a subclass of str
        return validator.is_valid(_plain(arguments))


def _problems(
    validator: Validator, schema: JsonObject, arguments: JsonObject, prefix: str, partial: bool
) -> tuple[FieldProblem, ...]:
    plain = _plain(arguments)
    if is_searchable(schema) or _depth(plain) <= SHALLOW:
        found = _all_problems(validator, schema, plain, prefix, partial)
    else:
        found = _coarse_problems(schema, plain, prefix, partial)
    return tuple(islice(found, MOST_PROBLEMS))


def _all_problems(
    validator: Validator, schema: JsonObject, arguments: Any, prefix: str, partial: bool
) -> Iterator[FieldProblem]:
    """Each once: branches of a schema may say the same."""
    seen: set[FieldProblem] = set()
    for error in _errors(validator, arguments):
        if partial and error.kind.name == "required" and not error.instance_path:
            continue
        for problem in problems_of(error, arguments, prefix, schema):
            if problem not in seen:
                seen.add(problem)
                yield problem


def _coarse_problems(
    schema: JsonObject, arguments: Any, prefix: str, partial: bool
) -> Iterator[FieldProblem]:
    """By argument alone: whether one fits is found quickly, but not all that is wrong with it."""
    properties: Any = schema.get("properties")
    named: dict[str, Any] = properties if isinstance(properties, dict) else {}
    shell: dict[str, Any] = {**schema, "properties": dict.fromkeys(named, True), "$defs": {}}
    shell = {name: shell[name] for name in _SHELL if name in shell}
    if not isinstance(shell.get("additionalProperties"), bool):
        shell.pop("additionalProperties", None)
    found = [*_all_problems(compile_schema(shell), shell, arguments, prefix, partial)]
    for name in arguments:
        part = {**schema, "required": [], "properties": {name: named.get(name, True)}}
        part["additionalProperties"] = True
        if has_secret(arguments[name]) or compile_schema(part).is_valid({name: arguments[name]}):
            continue
        found.append(FieldProblem(f"{prefix}.{name}", "is of none of the forms that it may have"))
    loose: dict[str, Any] = {**schema, "required": []} if partial else dict(schema)
    if not (found or has_secret(arguments) or compile_schema(loose).is_valid(arguments)):
        found.append(FieldProblem(prefix, "does not fit the job's parameters"))
    yield from found


_SHELL: Final = ("type", "properties", "required", "additionalProperties")
"""Of a schema, what is left when the parameters may be anything."""


def _depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if type(value) is list else ()
    return 1 + max(map(_depth, items), default=0)


def _errors(validator: Validator, arguments: Any) -> Iterator[jsonschema_rs.ValidationError]:
    if len(msgspec.json.encode(arguments)) <= MOST_SEARCHED_BYTES:
        yield from validator.iter_errors(arguments)
        return
    try:
        validator.validate(arguments)
    except jsonschema_rs.ValidationError as first:
        yield first


def _schema_problem(error: ValueError, field: str) -> FieldProblem:
    if not isinstance(error, jsonschema_rs.ValidationError):
        return FieldProblem(field, f"is not a JSON Schema: {error}")
    place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in error.instance_path)
    reason = error.message.splitlines()[0].removeprefix("it ")[:300]
    if error.kind.name == "anyOf" and place.endswith(".type"):
        reason = "is not the name of a JSON type"
    return FieldProblem(field + place, f"in a JSON Schema, {reason}")


def _plain(value: Any) -> Any:
    """The same of dicts, lists and plain strings alone, as the validators want it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _takes(wanted: type) -> Callable[[str], bool]:
    def is_right(text: Json) -> bool:
        try:
            msgspec.convert(text, wanted)
        except msgspec.ValidationError:
            return False
        return True

    return is_right


_FORMATS: Final = {
    "date-time": _takes(datetime),
    "date": _takes(date),
    "time": _takes(time),
    "duration": _takes(timedelta),
    "uuid": _takes(UUID),
    "decimal": _takes(Decimal),
}
