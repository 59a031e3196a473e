"""Fields of Params classes: from an annotation and its wishes to a rule, and values both ways."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from inspect import get_annotations
from typing import Any, Final, TypeAlias, cast

from callboard.batch.params_annotation import TYPES, own_annotations, type_of, value_type
from callboard.domain.batch_parameter import ParameterRule, rule_problems
from callboard.domain.batch_value import (
    ParameterType,
    Scalar,
    WrongValue,
    canonical_value,
    decimal_text,
)
from callboard.domain.instant import instant_from_text, instant_to_text, utc_instant
from callboard.domain.json import Json, JsonObject
from callboard.domain.secret_reference import MARK, is_reference
from callboard.errors import FieldProblem, InvalidInput, UsageError

Next: TypeAlias = (
    "bool | float | Decimal | timedelta | Mapping[str, Json] | Callable[[Any], Any] | None"
)
WISH: Final = "callboard.parameter"
"""Key of the wish in a dataclass field's metadata."""


class Clear(str):
    """A secret itself, in a run; its text is shown to nobody who does not ask for it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What `identifying`, `reference` or `secret` was told."""

    is_identifying: bool = True
    is_secret: bool = False
    next: Next = None
    by_slot: bool = False
    choices: Sequence[object] = ()
    description: str = ""
    is_keyword: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One field of a Params class."""

    rule: ParameterRule
    python: type
    """Of its values; of an optional one, of those that are not None."""
    is_optional: bool
    is_keyword: bool = False
    call: Callable[[Any], Any] | None = None
    """From the last instance's value to the next one's."""

    def to_json(self, value: object) -> Json:
        """Canonical; None of None. Raises WrongValue."""
        if value is None and self.is_optional:
            return None
        if self.rule.is_secret:
            return _reference(value)
        found = canonical_value(self.rule.type, _plain(self.rule.type, value))
        if self.rule.choices and found not in self.rule.choices:
            choices = ", ".join(map(repr, self.rule.choices))
            raise WrongValue(f"{found!r:.60} is none of the choices", f"one of {choices}")
        return found

    def from_json(self, value: Json) -> Any:
        """Of a canonical value, or None."""
        if value is None:
            return None
        if self.rule.is_secret:
            return str(cast("JsonObject", value)[MARK])
        match self.rule.type:
            case ParameterType.DATE:
                return date.fromisoformat(str(value))
            case ParameterType.DATETIME:
                return instant_from_text(value, self.rule.name)
            case ParameterType.DECIMAL:
                return Decimal(str(value))
        return self.python(value)

    def kept(self, value: object) -> Any:
        """The value as the frozen object has it. Raises WrongValue."""
        if self.rule.is_secret and isinstance(value, Clear):
            return value
        return self.from_json(self.to_json(value))


def declared_fields(
    cls: type, base: Mapping[str, Declared], reserved: Collection[str]
) -> dict[str, Declared]:
    """By name: those of the bases, then those of the class's own body.

    Args:
        reserved: names that no field may have.
    Raises:
        InvalidInput: every field that cannot be a parameter, at `Class.field`.
    """
    found = dict(base)
    problems: list[FieldProblem] = [*_stray_fields(cls)]
    for name, annotation in own_annotations(cls):
        place = f"{cls.__name__}.{name}"
        try:
            declared = _declared(cls, name, annotation)
        except WrongValue as wrong:
            problems.append(FieldProblem(place, wrong.reason, wrong.fix))
            continue
        problems += rule_problems(declared.rule, place)
        problems += _name_problems(declared, found, place)
        if name.startswith("_") or name in reserved:
            reason = "has a name that every Params has for itself"
            problems.append(FieldProblem(place, reason, "take another name"))
        found[name] = declared
    if not problems:
        problems += _order_problems(cls, found)
    if problems:
        raise InvalidInput(*problems)
    return found


def _declared(cls: type, name: str, annotation: object) -> Declared:
    wish, default = _wish(cls.__dict__.get(name, MISSING))
    python, is_optional, literal = value_type(type_of(cls, name, annotation))
    kind = ParameterType.STRING if issubclass(python, StrEnum) else TYPES[python]
    if is_optional and default is not None:
        fix = "give it the default None"
        raise WrongValue("may be None, so that is what it is when it is not given", fix)
    choices = [*literal, *(python if issubclass(python, StrEnum) else ()), *wish.choices]
    if wish.choices and len(choices) > len(wish.choices):
        raise WrongValue("has choices, and a type that says them already", "leave choices out")
    rule = ParameterRule(
        name=name,
        type=kind,
        is_identifying=wish.is_identifying,
        is_required=default is MISSING,
        next=_next(kind, wish.next),
        by_slot=wish.by_slot,
        choices=tuple(canonical_value(kind, _plain(kind, choice)) for choice in choices),
        is_secret=wish.is_secret,
        description=wish.description,
    )
    found = Declared(
        rule=rule,
        python=python,
        is_optional=is_optional,
        is_keyword=wish.is_keyword,
        call=cast("Any", wish.next) if rule.next == {"code": True} else None,
    )
    if default is None and not is_optional:
        raise WrongValue("has the default None, which its type is not", "write X | None")
    if default is MISSING or default is None:
        return found
    try:
        return replace(found, rule=replace(rule, default=found.to_json(default)))
    except WrongValue as wrong:
        raise WrongValue(f"has a wrong default: {wrong.reason}", wrong.fix) from None


def _wish(given: object) -> tuple[Wish, object]:
    """What a field was told, and its default."""
    if not isinstance(given, Field):
        return Wish(), given
    wish = given.metadata.get(WISH)
    if not isinstance(wish, Wish):
        reason = "is a dataclass field, which says nothing about parameters"
        raise WrongValue(reason, "use identifying(), reference() or secret()")
    return wish, given.default


def _plain(kind: ParameterType, value: object) -> object:
    """A Python value as JSON has it. Raises WrongValue for one of another type."""
    match kind, value:
        case (ParameterType.DATETIME, datetime()):
            try:
                return instant_to_text(utc_instant(value, ""))
            except InvalidInput as error:
                raise WrongValue(error.problems[0].reason, error.problems[0].fix) from None
        case (ParameterType.DATE, date()) if not isinstance(value, datetime):
            return value.isoformat()
        case (ParameterType.DECIMAL, Decimal()):
            return decimal_text(value)
        case (ParameterType.DECIMAL, int()):
            return value
        case (ParameterType.DATETIME | ParameterType.DATE | ParameterType.DECIMAL, _):
            wanted = {each: python for python, each in TYPES.items()}[kind].__name__
            raise WrongValue(f"{value!r:.60} is a {type(value).__name__}, not a {wanted}")
    return value


def _reference(value: object) -> Json:
    """Never with the value in the words: it may be the secret itself."""
    if isinstance(value, Clear):
        raise UsageError("a secret that is in a run cannot be given to another: give its reference")
    said = {MARK: value} if isinstance(value, str) else value
    if not is_reference(said):
        reason = "is a secret: its value is not given, only where it is to be had"
        raise WrongValue(reason, 'provider:key, e.g. "env:API_TOKEN"')
    return dict(cast("JsonObject", said))


def _next(kind: ParameterType, given: Next) -> JsonObject | None:
    """As the rule says it; what does not fit its type is found with the rule's other problems."""
    match given:
        case None | False:
            return None
        case True:
            return {"add_days": 1} if kind is ParameterType.DATE else {"add": _one(kind)}
        case timedelta():
            return _next_time(kind, given)
        case Decimal():
            return {"add": decimal_text(given)}
        case int() | float():
            return {"add": decimal_text(Decimal(str(given)))} if _is_decimal(kind) else _add(given)
        case Mapping():
            return dict(given)
    if not callable(given):
        raise WrongValue(f"cannot go on by {given!r:.60}", "a number, a timedelta or a function")
    return {"code": True}


def _add(by: float) -> JsonObject:
    return {"add": by}


def _one(kind: ParameterType) -> Scalar:
    return "1" if _is_decimal(kind) else 1


def _is_decimal(kind: ParameterType) -> bool:
    return kind is ParameterType.DECIMAL


def _next_time(kind: ParameterType, by: timedelta) -> JsonObject:
    if kind is not ParameterType.DATE:
        seconds = by.total_seconds()
        return {"add_s": int(seconds) if seconds.is_integer() else seconds}
    if by % timedelta(days=1):
        raise WrongValue(f"cannot go on by {by}, which is no whole number of days", "days alone")
    return {"add_days": by.days}


def _stray_fields(cls: type) -> Iterator[FieldProblem]:
    named = get_annotations(cls)
    for name, value in cls.__dict__.items():
        if isinstance(value, Field) and name not in named:
            reason = "has no type"
            yield FieldProblem(f"{cls.__name__}.{name}", reason, f"write {name}: int = ...")


def _name_problems(
    declared: Declared, others: Mapping[str, Declared], place: str
) -> Iterator[FieldProblem]:
    name = declared.rule.name
    before = others.get(name)
    if before is not None and _kind_of(before) != _kind_of(declared):
        reason = f"is {_kind_of(before)} in the class that it comes from, not {_kind_of(declared)}"
        yield FieldProblem(place, reason, "keep that, or take another name")
    for other in others:
        if other != name and _folded(other) == _folded(name):
            reason = f"can hardly be told from {other!r}"
            yield FieldProblem(place, reason, "give one of them another name")


def _kind_of(declared: Declared) -> str:
    rule = declared.rule
    role = "a secret" if rule.is_secret else "a reference"
    return f"{'an identifying' if rule.is_identifying else role} {rule.type}"


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


def _order_problems(cls: type, found: Mapping[str, Declared]) -> Iterator[FieldProblem]:
    """A positional field without a default cannot stand behind one that has one."""
    optional = None
    for name, declared in found.items():
        if declared.is_keyword:
            continue
        if not declared.rule.is_required:
            optional = name
        elif optional is not None:
            reason = f"has no default, but stands behind {optional!r}, which has one"
            fix = "move it to the front, or give it a default or kw_only=True"
            yield FieldProblem(f"{cls.__name__}.{name}", reason, fix)
