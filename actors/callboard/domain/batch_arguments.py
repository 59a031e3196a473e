"""The parameters of one run of a batch job: what was given, checked, in one canonical form.

A job that declares none takes any scalars, all of them identifying; one may come with its type, and
as one that does not identify: `{"value": "2026-01-05", "type": "date", "identifying": false}`. Null
is as good as not given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_value import (
    EXAMPLES,
    ParameterType,
    Scalar,
    WrongValue,
    canonical_value,
    implied_type,
)
from callboard.domain.json import Json, JsonObject
from callboard.domain.names import wide_name_problem
from callboard.domain.secret_reference import MARK, is_reference
from callboard.errors import FieldProblem, InvalidInput

MOST_GIVEN: Final = 200
"""Parameters that a run of a job may have which declares none."""
_TYPED: Final = frozenset({"value", "type", "identifying"})
_SECRET: Final = f'a reference like {{"{MARK}": "env:API_TOKEN"}}'
_ALIASES: Final[Mapping[str, ParameterType]] = {
    "long": ParameterType.INTEGER,
    "int": ParameterType.INTEGER,
    "double": ParameterType.NUMBER,
    "float": ParameterType.NUMBER,
    "bool": ParameterType.BOOLEAN,
    "localdate": ParameterType.DATE,
    "localdatetime": ParameterType.DATETIME,
    "bigdecimal": ParameterType.DECIMAL,
}
"""What other systems call the types, in lower case; of Java's class names the last part counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All parameters of a run that it has, canonical: in the order of the rules, or by name."""

    values: JsonObject = field(default_factory=dict)
    """What the run's arguments are to be. A value of a job that declares none is
    `{"value": ..., "type": ...}` where its JSON alone would be taken for another type; see
    `plain`."""
    references: tuple[str, ...] = ()
    """Names of those that do not identify."""
    types: Mapping[str, ParameterType] = field(default_factory=dict)
    """By name; secrets are left out."""

    @property
    def identifying(self) -> JsonObject:
        """The values that say which instance it is."""
        return {name: self.values[name] for name in self.values if name not in self.references}


def canonical(
    rules: tuple[ParameterRule, ...] | None, given: JsonObject, *, prefix: str = "arguments"
) -> Parameters:
    """The parameters that a run has which is given these; again the same for its own values.

    Raises:
        InvalidInput: every one that is missing, unknown, or has a wrong value, at `prefix.name`.
    """
    if rules is None:
        return _undeclared(given, prefix)
    problems = [*_unknown(rules, given, prefix)]
    values: dict[str, Json] = {}
    for rule in rules:
        try:
            value = _declared(rule, given.get(rule.name))
        except WrongValue as wrong:
            problems.append(FieldProblem(_at(prefix, rule.name), wrong.reason, wrong.fix))
            continue
        if value is not None:
            values[rule.name] = value
    if problems:
        raise InvalidInput(*problems)
    return Parameters(
        values=values,
        references=tuple(each.name for each in rules if not each.is_identifying),
        types={each.name: each.type for each in rules if not each.is_secret},
    )


def given_problems(
    rules: tuple[ParameterRule, ...] | None, given: JsonObject, prefix: str
) -> tuple[FieldProblem, ...]:
    """What is wrong with parameters to which a run's begin adds those that are missing."""
    present = {name: value for name, value in given.items() if value is not None}
    problems = [] if rules is None else [*_unknown(rules, present, prefix)]
    named = rules if rules is None else tuple(each for each in rules if each.name in present)
    known = present if named is None else {each.name: present[each.name] for each in named}
    try:
        canonical(named, known, prefix=prefix)
    except InvalidInput as error:
        problems += error.problems
    return tuple(problems)


def plain(values: JsonObject) -> dict[str, Json]:
    """The values without their types, as handlers want them."""
    return {name: _opened(value)[0] for name, value in values.items()}


def type_of_name(name: object) -> ParameterType | None:
    """The type by Callboard's name, or by one that other systems have for it; None: unknown."""
    if not isinstance(name, str):
        return None
    short = name.rpartition(".")[2].lower()
    if short in [*ParameterType]:
        return ParameterType(short)
    return _ALIASES.get(short)


def _declared(rule: ParameterRule, given: Json) -> Json:
    """Its canonical value; None: it has none, and need not have one. Raises WrongValue."""
    value, said = _opened(given)
    if said:
        _check_said(rule, said)
    if value is None:
        if rule.default is None and rule.is_required:
            raise WrongValue("is missing", _SECRET if rule.is_secret else EXAMPLES[rule.type])
        return rule.default
    if rule.is_secret:
        return _reference(value)
    if is_reference(value):
        raise WrongValue("is no secret, so it cannot be a reference to one", EXAMPLES[rule.type])
    found = canonical_value(rule.type, value)
    if rule.choices and found not in rule.choices:
        choices = ", ".join(map(str, rule.choices[:20]))
        raise WrongValue(f"{found!r:.60} is none of the choices", f"one of {choices}")
    return found


def _reference(value: object) -> Json:
    """Never with the value in the words: who sends one has sent the secret itself."""
    if not is_reference(value):
        raise WrongValue("is a secret: its value is not sent, only where it is to be had", _SECRET)
    return dict(cast("JsonObject", value))


def _check_said(rule: ParameterRule, said: JsonObject) -> None:
    """A declared parameter may come with its type all the same, if that is right."""
    if "type" in said and type_of_name(said["type"]) is not rule.type:
        raise WrongValue(f"{said['type']!r:.60} is not its type", f"{rule.type}, or no type")
    if "identifying" in said and said["identifying"] is not rule.is_identifying:
        reason = "identifies" if rule.is_identifying else "does not identify"
        raise WrongValue(f"{reason}, which a start cannot change", "leave identifying out")


def _unknown(
    rules: tuple[ParameterRule, ...], given: JsonObject, prefix: str
) -> Iterator[FieldProblem]:
    known = [rule.name for rule in rules]
    for name in given:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, 1)
        fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
        yield FieldProblem(_at(prefix, name), "is not one of the parameters", fix)


def _undeclared(given: JsonObject, prefix: str) -> Parameters:
    problems: list[FieldProblem] = []
    values: dict[str, Json] = {}
    types: dict[str, ParameterType] = {}
    references: list[str] = []
    if len(given) > MOST_GIVEN:
        raise InvalidInput(FieldProblem(prefix, f"has more than {MOST_GIVEN} parameters"))
    for name in sorted(given):
        value, said = _opened(given[name])
        if (problem := wide_name_problem(name, _at(prefix, name))) is not None:
            problems.append(problem)
            continue
        if value is None:
            continue
        try:
            if is_reference(value):
                values[name] = value
            else:
                values[name], types[name] = _typed(value, said)
            if name not in types or not _identifies(said):
                references.append(name)
        except WrongValue as wrong:
            problems.append(FieldProblem(_at(prefix, name), wrong.reason, wrong.fix))
    if problems:
        raise InvalidInput(*problems)
    return Parameters(values=values, references=tuple(references), types=types)


def _typed(value: Json, said: JsonObject) -> tuple[Json, ParameterType]:
    """As it is kept, and its type."""
    implied = implied_type(value)
    if implied is None:
        reason = "is no text, number or boolean, as parameters are that nobody declared"
        raise WrongValue(reason, 'a scalar, or {"value": ..., "type": ...}')
    kind = type_of_name(said["type"]) if said.get("type") is not None else implied
    if kind is None:
        known = ", ".join(ParameterType)
        raise WrongValue(f"{said['type']!r:.60} is not a type of parameters", f"one of {known}")
    found = canonical_value(kind, value)
    if implied_type(found) is kind:
        return found, kind
    return {"value": found, "type": kind.value}, kind


def _identifies(said: JsonObject) -> bool:
    wish = said.get("identifying", True)
    if not isinstance(wish, bool):
        raise WrongValue("has an `identifying` that is not a boolean", "true or false")
    return wish


def _opened(value: Json) -> tuple[Json, JsonObject]:
    """The value, and what comes with it, if anything does."""
    if isinstance(value, Mapping) and "value" in value and value.keys() <= _TYPED:
        return value["value"], {key: value[key] for key in value if key != "value"}
    return value, {}


def _at(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def scalar(value: Json) -> Scalar:
    """The value within a canonical one of a job that declares no parameters."""
    return cast("Scalar", _opened(value)[0])
