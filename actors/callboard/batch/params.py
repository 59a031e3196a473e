"""Params: the parameters of a batch job as a class.

    class SettleParams(Params):
        business_date: date = identifying(next=timedelta(days=1), by_slot=True)
        region: Literal["eu", "us"] = identifying(default="eu")
        operator: str = reference(default="")
        token: str | None = secret(default=None)

    SettleParams(date(2026, 1, 5), operator="ada")

A frozen dataclass whose values are checked when it is made. A field without any of the three
identifies. Types: str, int, float, bool, date, datetime (with a zone), Decimal, a Literal or a
StrEnum as choices, and `X | None` with the default None.

A secret is given as the place where it is to be had, `token="env:TOKEN"`; in the run it is the
secret itself. Neither is shown by `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform, overload

from callboard.batch.params_field import WISH, Clear, Declared, Next, Wish, declared_fields
from callboard.domain.batch_arguments import canonical
from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_value import WrongValue, decimal_text
from callboard.domain.instant import instant_to_text, utc_instant
from callboard.domain.json import Json, JsonObject
from callboard.errors import FieldProblem, InvalidInput, invalid

T = TypeVar("T")


@overload
def identifying(
    *,
    default: T,
    next: Next = None,
    by_slot: bool = False,
    choices: Sequence[object] = (),
    description: str = "",
    kw_only: bool = False,
) -> T: ...
@overload
def identifying(
    *,
    next: Next = None,
    by_slot: bool = False,
    choices: Sequence[object] = (),
    description: str = "",
    kw_only: bool = False,
) -> Any: ...
def identifying(
    *,
    default: Any = MISSING,
    next: Next = None,
    by_slot: bool = False,
    choices: Sequence[object] = (),
    description: str = "",
    kw_only: bool = False,
) -> Any:
    """A parameter that says which instance of the job it is.

    Args:
        next: how the next instance's value follows from the last one's: a number or a timedelta is
            added (True: one, or a day); `{"add_months": 1}`; or a function of the value, which
            only a node with the job's code can call. The first instance has the default, an
            integer without one 1.
        by_slot: runs of triggers that are not given it have the instant, or the date, of the slot.
        choices: the values that it may have.
    """
    wish = Wish(
        next=next, by_slot=by_slot, choices=choices, description=description, is_keyword=kw_only
    )
    return field(default=default, kw_only=kw_only, metadata={WISH: wish})


@overload
def reference(
    *,
    default: T,
    choices: Sequence[object] = (),
    description: str = "",
    kw_only: bool = False,
) -> T: ...
@overload
def reference(
    *, choices: Sequence[object] = (), description: str = "", kw_only: bool = False
) -> Any: ...
def reference(
    *,
    default: Any = MISSING,
    choices: Sequence[object] = (),
    description: str = "",
    kw_only: bool = False,
) -> Any:
    """A parameter that is recorded with each run, and may differ between those of an instance."""
    wish = Wish(is_identifying=False, choices=choices, description=description, is_keyword=kw_only)
    return field(default=default, kw_only=kw_only, metadata={WISH: wish})


@overload
def secret(*, default: T, description: str = "", kw_only: bool = False) -> T: ...
@overload
def secret(*, description: str = "", kw_only: bool = False) -> Any: ...
def secret(*, default: Any = MISSING, description: str = "", kw_only: bool = False) -> Any:
    """A text that is stored as a reference, `provider:key`, put in on the node that executes the
    run, and masked in all that it says. It does not identify."""
    wish = Wish(is_identifying=False, is_secret=True, description=description, is_keyword=kw_only)
    return field(default=default, kw_only=kw_only, metadata={WISH: wish})


@dataclass_transform(frozen_default=True, field_specifiers=(identifying, reference, secret))
@dataclass(frozen=True, repr=False)
class Params:
    """Parameters of a batch job; a subclass names them, see above.

    Raises:
        InvalidInput: when the class is defined: every field that cannot be a parameter, at
            `Class.field`; when an object is made: every wrong value, at its name.
    """

    _declared: ClassVar[Mapping[str, Declared]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._declared = declared_fields(cls, cls._declared, dir(Params))
        dataclass(frozen=True, repr=False)(cls)

    def __post_init__(self) -> None:
        problems = []
        for name, declared in self._declared.items():
            try:
                object.__setattr__(self, name, declared.kept(getattr(self, name)))
            except WrongValue as wrong:
                problems.append(FieldProblem(name, wrong.reason, wrong.fix))
        if problems:
            raise InvalidInput(*problems)

    def __repr__(self) -> str:
        said = (
            f"{name}={'***' if declared.rule.is_secret else repr(getattr(self, name))}"
            for name, declared in self._declared.items()
        )
        return f"{type(self).__name__}({', '.join(said)})"

    @classmethod
    def rules(cls) -> tuple[ParameterRule, ...]:
        """What the job's spec says of them, in the order of the fields."""
        return tuple(declared.rule for declared in cls._declared.values())

    def to_json(self) -> dict[str, Json]:
        """The arguments of a run, canonical; what is None is left out.

        Raises:
            UsageError: a secret is in it, as it is in a run.
        """
        values = {name: each.to_json(getattr(self, name)) for name, each in self._declared.items()}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: JsonObject) -> Self:
        """Of arguments as they are stored, or as a run has them, with the secrets put in.

        Raises:
            InvalidInput: every one that is missing, unknown or wrong, at `arguments.name`.
        """
        clear = {
            name: Clear(value)
            for name, each in cls._declared.items()
            if each.rule.is_secret and isinstance(value := values.get(name), str)
        }
        rules = tuple(rule for rule in cls.rules() if rule.name not in clear)
        given = {name: value for name, value in values.items() if name not in clear}
        found = canonical(rules, given).values
        made = {name: cls._declared[name].from_json(found[name]) for name in found}
        return cls(**made, **clear)

    @classmethod
    def call_next(cls, name: str, value: Json) -> Json:
        """The next instance's value by the field's function. Raises WrongValue, and what that
        raises."""
        declared = cls._declared[name]
        if declared.call is None:
            return value
        return declared.to_json(declared.call(declared.from_json(value)))


def arguments_of(given: Params | Mapping[str, object] | None) -> dict[str, Json]:
    """The arguments of a run, of parameters as callers in Python have them: dates, datetimes,
    decimals and members of enumerations become their JSON; the rest is checked by the start.

    Raises:
        InvalidInput: a datetime without a zone, a decimal that is no finite number; what is neither
            parameters nor a mapping.
    """
    if isinstance(given, Params):
        return given.to_json()
    if given is not None and not isinstance(given, Mapping):
        raise invalid("arguments", f"is a {type(given).__name__}", "give parameters or a mapping")
    return {name: _json_of(value, f"arguments.{name}") for name, value in (given or {}).items()}


def _json_of(value: object, name: str) -> Json:
    match value:
        case datetime():
            return instant_to_text(utc_instant(value, name))
        case date():
            return value.isoformat()
        case Enum():
            return cast("Json", value.value)
        case Decimal():
            try:
                return decimal_text(value)
            except WrongValue as wrong:
                raise InvalidInput(FieldProblem(name, wrong.reason, wrong.fix)) from None
    return cast("Json", value)
