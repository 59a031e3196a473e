"""What a batch job says of each of its parameters: rules in code, and in the job's spec.

    {"name": "business_date", "type": "date", "identifying": true, "required": true,
     "default": "2026-01-01", "next": {"add_days": 1}, "by_slot": true,
     "choices": [...], "secret": true, "description": "..."}

Name and type alone have to be there; `identifying` and `required` are true, the others absent. A
parameter with a default is not required. Values are canonical, see batch_value.py; the default of a
secret is where it is to be had, `provider:key`. How `next` goes on is told in batch_increment.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from callboard.domain.batch_value import (
    ParameterType,
    Scalar,
    WrongValue,
    canonical_value,
)
from callboard.domain.json import Json, JsonObject
from callboard.domain.secret_reference import MARK, is_reference
from callboard.domain.spec_field import unknown_fields
from callboard.errors import FieldProblem

MAX_PARAMETERS: Final = 200
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_FIELDS: Final = (
    "name",
    "type",
    "identifying",
    "required",
    "default",
    "next",
    "by_slot",
    "choices",
    "secret",
    "description",
)
_FLAGS: Final = ("identifying", "required", "by_slot", "secret")
_BY_SLOT: Final = (ParameterType.DATE, ParameterType.DATETIME)
MAX_STEP: Final = 1_000_000_000
"""Of add_s, add_days and add_months."""
_STEPS: Final[Mapping[ParameterType, tuple[str, ...]]] = {
    ParameterType.INTEGER: ("add", "code"),
    ParameterType.NUMBER: ("add", "code"),
    ParameterType.DECIMAL: ("add", "code"),
    ParameterType.DATE: ("add_days", "add_months", "code"),
    ParameterType.DATETIME: ("add_s", "add_days", "add_months", "code"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRule:
    """One parameter of a batch job."""

    name: str
    type: ParameterType
    is_identifying: bool = True
    default: Json = None
    """Canonical, of a secret its reference; None: there is none."""
    is_required: bool = True
    """Whether a start has to give it; never with a default."""
    next: JsonObject | None = None
    """How the next instance's value follows from the last one's: `{"add": n}`, `{"add_s": n}`,
    `{"add_days": n}`, `{"add_months": n}` or `{"code": true}`; None: it stays."""
    by_slot: bool = False
    """Runs of triggers that are not given it have the instant of their slot."""
    choices: tuple[Scalar, ...] = ()
    """Canonical; none: any value of the type."""
    is_secret: bool = False
    """Its value is a reference, `{"$secret": "provider:key"}`."""
    description: str = ""

    def to_json(self) -> dict[str, Json]:
        """The rule as it stands in a spec, without what goes without saying."""
        said: dict[str, Json] = {"name": self.name, "type": self.type.value}
        if not self.is_identifying:
            said["identifying"] = False
        if self.default is not None:
            said["default"] = _default_as_said(self)
        elif not self.is_required:
            said["required"] = False
        if self.next is not None:
            said["next"] = dict(self.next)
        if self.by_slot:
            said["by_slot"] = True
        if self.choices:
            said["choices"] = list(self.choices)
        if self.is_secret:
            said["secret"] = True
        if self.description:
            said["description"] = self.description
        return said


def rules_from_spec(spec: JsonObject) -> tuple[ParameterRule, ...] | None:
    """The rules in the checked spec of a batch job; None: it declares no parameters."""
    said = spec.get("parameters")
    if said is None:
        return None
    return tuple(_rule(each) for each in cast("list[dict[str, Any]]", said))


def rules_problems(said: object, field: str = "spec.parameters") -> Iterator[FieldProblem]:
    """What is wrong with the field `parameters` of a spec; may be empty."""
    if said is None:
        return
    if not isinstance(said, list | tuple):
        yield FieldProblem(field, "is not a list of parameters", "null: any, none declared")
        return
    if len(said) > MAX_PARAMETERS:
        yield FieldProblem(field, f"has more than {MAX_PARAMETERS} parameters")
        return
    names: set[object] = set()
    for index, each in enumerate(said):
        place = f"{field}[{index}]"
        yield from _said_problems(each, place)
        name = each.get("name") if isinstance(each, Mapping) else None
        if isinstance(name, str) and name in names:
            yield FieldProblem(f"{place}.name", f"{name!r} is there twice", "leave one out")
        names.add(name if isinstance(name, str) else None)


def rule_problems(rule: ParameterRule, place: str) -> Iterator[FieldProblem]:
    """What contradicts itself in a rule whose fields are of the right types."""
    if NAME.fullmatch(rule.name) is None:
        reason = f"{rule.name[:80]!r} is not the name of a parameter"
        fix = "1 to 100 letters, digits, _ . and -, the first a letter or _"
        yield FieldProblem(f"{place}.name", reason, fix)
    if rule.is_secret:
        yield from _secret_problems(rule, place)
    else:
        yield from _value_problems(rule, place)
    if rule.by_slot and (rule.type not in _BY_SLOT or not rule.is_identifying):
        reason = f"is for identifying dates and datetimes, not for {_what(rule)}"
        yield FieldProblem(f"{place}.by_slot", reason, "leave it out")
    if rule.next is not None:
        yield from _next_problems(rule, rule.next, f"{place}.next")
    if len(rule.description) > 2000:
        yield FieldProblem(f"{place}.description", "is longer than 2000 characters")


def _default_as_said(rule: ParameterRule) -> Json:
    """Not as a reference: the executing node would put the secret into the spec."""
    return cast("JsonObject", rule.default)[MARK] if rule.is_secret else rule.default


def _rule(said: JsonObject) -> ParameterRule:
    default = said.get("default")
    if default is not None and said.get("secret") is True:
        default = {MARK: default}
    return ParameterRule(
        name=str(said["name"]),
        type=ParameterType(str(said["type"])),
        is_identifying=said.get("identifying") is not False,
        default=default,
        is_required=default is None and said.get("required") is not False,
        next=cast("JsonObject | None", said.get("next")),
        by_slot=said.get("by_slot") is True,
        choices=tuple(cast("list[Scalar]", said.get("choices") or ())),
        is_secret=said.get("secret") is True,
        description=str(said.get("description") or ""),
    )


def _said_problems(said: object, place: str) -> Iterator[FieldProblem]:
    if not isinstance(said, Mapping):
        yield FieldProblem(place, "is not an object", 'e.g. {"name": "day", "type": "date"}')
        return
    wrong = [*unknown_fields(said, *_FIELDS, prefix=place), *_form_problems(said, place)]
    yield from wrong if wrong else rule_problems(_rule(said), place)


def _form_problems(said: Mapping[str, Any], place: str) -> Iterator[FieldProblem]:
    """Fields that are of other JSON types than they ought to be."""
    if not isinstance(said.get("name"), str):
        yield FieldProblem(f"{place}.name", "is missing or no text", "the parameter's name")
    if said.get("type") not in [*ParameterType]:
        known = ", ".join(ParameterType)
        yield FieldProblem(
            f"{place}.type", f"{said.get('type')!r:.60} is unknown", f"one of {known}"
        )
    for flag in _FLAGS:
        if not isinstance(said.get(flag), bool | None):
            yield FieldProblem(f"{place}.{flag}", "is not a boolean", "true or false")
    if not isinstance(said.get("next"), Mapping | None):
        yield FieldProblem(f"{place}.next", "is not an object", 'e.g. {"add": 1}')
    if not isinstance(said.get("choices"), list | tuple | None):
        yield FieldProblem(f"{place}.choices", "is not a list", "the values that it may have")
    if not isinstance(said.get("description"), str | None):
        yield FieldProblem(f"{place}.description", "is not a text")


def _secret_problems(rule: ParameterRule, place: str) -> Iterator[FieldProblem]:
    """Never with the value in it."""
    if rule.is_identifying:
        reason = "is a secret, which cannot identify an instance"
        yield FieldProblem(f"{place}.identifying", reason, "false")
    if rule.type is not ParameterType.STRING:
        yield FieldProblem(f"{place}.type", "is the type of a secret, which is a text", "string")
    if rule.default is not None and not is_reference(rule.default):
        reason = "is not a reference to a secret"
        yield FieldProblem(f"{place}.default", reason, 'provider:key, e.g. "env:API_TOKEN"')
    if rule.choices:
        yield FieldProblem(f"{place}.choices", "are not for secrets", "leave them out")


def _value_problems(rule: ParameterRule, place: str) -> Iterator[FieldProblem]:
    named = [(f"choices[{index}]", value) for index, value in enumerate(rule.choices)]
    if rule.default is not None:
        named.append(("default", cast("Scalar", rule.default)))
    for name, value in named:
        try:
            canonical = canonical_value(rule.type, value)
        except WrongValue as wrong:
            yield FieldProblem(f"{place}.{name}", wrong.reason, wrong.fix)
            continue
        if canonical != value or type(canonical) is not type(value):
            yield FieldProblem(f"{place}.{name}", "is not canonical", f"write {canonical!r}")
        elif rule.choices and value not in rule.choices:
            reason = f"{value!r:.60} is none of the choices"
            yield FieldProblem(f"{place}.{name}", reason, "one of them")


def _next_problems(rule: ParameterRule, said: JsonObject, field: str) -> Iterator[FieldProblem]:
    known = _STEPS.get(rule.type, ())
    if not known or not rule.is_identifying or rule.is_secret:
        reason = f"is for identifying numbers, dates and datetimes, not for {_what(rule)}"
        yield FieldProblem(field, reason, "leave it out")
        return
    if len(said) != 1 or next(iter(said)) not in known:
        reason = f"is no way for {_what(rule)} to go on"
        yield FieldProblem(field, reason, f"one of {', '.join(known)}, e.g. {_EXAMPLE[rule.type]}")
        return
    ((word, step),) = said.items()
    if (problem := _step_problem(rule.type, word, step)) is not None:
        yield FieldProblem(f"{field}.{word}", problem, f"e.g. {_EXAMPLE[rule.type]}")


def _step_problem(kind: ParameterType, word: str, step: Json) -> str | None:
    if word == "code":
        return None if step is True else "is not true"
    of = ParameterType.INTEGER if word in ("add_days", "add_months") else kind
    of = ParameterType.NUMBER if word == "add_s" else of
    try:
        value = canonical_value(of, step)
    except WrongValue as wrong:
        return wrong.reason
    if value in (0, "0"):
        return "is 0, so it would never go on"
    if word != "add" and abs(float(value)) > MAX_STEP:
        return f"is more than {MAX_STEP}"
    return None


def _what(rule: ParameterRule) -> str:
    if rule.is_secret:
        return "secrets"
    return f"{'' if rule.is_identifying else 'reference '}parameters of type {rule.type}"


_EXAMPLE: Final[Mapping[ParameterType, str]] = {
    ParameterType.INTEGER: '{"add": 1}',
    ParameterType.NUMBER: '{"add": 0.5}',
    ParameterType.DECIMAL: '{"add": "0.5"}',
    ParameterType.DATE: '{"add_days": 1}',
    ParameterType.DATETIME: '{"add_s": 3600}',
}
