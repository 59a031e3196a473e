"""Values of batch parameters: one canonical JSON form for each value of each type.

| type | taken | canonical |
| --- | --- | --- |
| string | a text | the same, character by character: nothing is trimmed or composed |
| integer | a whole number of 64 bits, also as 5.0 | 5 |
| number | a finite number that a double holds exactly | a double: 5 is 5.0, -0.0 is 0.0 |
| boolean | true, false | the same |
| date | a text like 2026-01-31 | the same |
| datetime | RFC 3339 with an offset, down to microseconds | in UTC, with Z |
| decimal | a text like 12.50, a whole number, a double of at most 15 digits | the text 12.5 |

The text of a decimal has no exponent and no zeros at its end. So two values are the same exactly
when their canonical forms are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from callboard.domain.instant import instant_from_text, instant_to_text
from callboard.domain.json import Json, check_json
from callboard.errors import InvalidInput


class ParameterType(StrEnum):
    """What a batch parameter holds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    DECIMAL = "decimal"


EXAMPLES: Final[Mapping[ParameterType, str]] = MappingProxyType(
    {
        ParameterType.STRING: "a text",
        ParameterType.INTEGER: "a whole number like 42",
        ParameterType.NUMBER: "a number like 1.5",
        ParameterType.BOOLEAN: "true or false, without quotes",
        ParameterType.DATE: "a date like 2026-01-31",
        ParameterType.DATETIME: "an instant like 2026-01-31T12:00:00.25Z",
        ParameterType.DECIMAL: 'a text like "12.50"',
    }
)
Scalar: TypeAlias = "str | int | float | bool"

MAX_DIGITS: Final = 100
"""Of a decimal, on either side of the point."""
_MAX_LENGTH: Final = 1000
"""Of the text of a decimal, zeros at its ends included."""
_EXACT_DIGITS: Final = 15
"""So many decimal digits a double holds for certain."""
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TOO_FINE: Final = re.compile(r"\.\d{6}0*[1-9]")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_SHOWN: Final = 60


class WrongValue(ValueError):
    """It is no value of the type; says why, and what would be one."""

    def __init__(self, reason: str, fix: str = "") -> None:
        self.reason = reason
        self.fix = fix
        super().__init__(reason)


def canonical_value(kind: ParameterType, value: object) -> Scalar:
    """The canonical form of a JSON value. Raises WrongValue."""
    return _CANONICAL[kind](value)


def implied_type(value: object) -> ParameterType | None:
    """The type that a bare JSON value has when nobody declared one; None: it is no scalar.

    JSON has one kind of numbers: 5.0 is the integer 5, and 1e300 is a number however it is written.
    """
    match value:
        case bool():
            return ParameterType.BOOLEAN
        case int():
            return ParameterType.INTEGER if _LEAST <= value <= _MOST else ParameterType.NUMBER
        case float():
            return ParameterType.INTEGER if _is_whole(value) else ParameterType.NUMBER
        case str():
            return ParameterType.STRING
    return None


def value_of_text(kind: ParameterType, text: str) -> Json:
    """What a text on a command line or in a form means; itself where it means nothing else."""
    if kind is ParameterType.INTEGER and _WHOLE.fullmatch(text):
        return int(text)
    if kind is ParameterType.NUMBER and _DECIMAL.fullmatch(text):
        return float(text)
    if kind is ParameterType.BOOLEAN:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def decimal_text(number: Decimal) -> str:
    """The shortest text of the number, without exponent. Raises WrongValue."""
    if not number.is_finite():
        raise WrongValue(f"{number} is not a finite number", "leave it out")
    if not number:
        return "0"
    least = number.as_tuple().exponent
    if number.adjusted() >= MAX_DIGITS or int(least) < -_MAX_LENGTH:
        raise _too_long(number)
    text = f"{number:f}"
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > MAX_DIGITS:
        raise _too_long(number)
    return f"{whole}.{rest}" if rest else whole


def _too_long(number: Decimal | str) -> WrongValue:
    reason = f"{_shown(str(number))} has more than {MAX_DIGITS} digits on one side of the point"
    return WrongValue(reason, "declare the parameter as a string")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValue(f"{_shown(value)} is not a text", "put it in quotes")
    try:
        check_json(value, "")
    except InvalidInput as error:
        raise WrongValue(error.problems[0].reason, error.problems[0].fix) from None
    return str(value)


def _integer(value: object) -> int:
    if isinstance(value, float) and _is_whole(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValue(f"{_shown(value)} is not an integer", EXAMPLES[ParameterType.INTEGER])
    if not _LEAST <= value <= _MOST:
        reason = f"{_shown(value)} is out of range: an integer has 64 bits"
        raise WrongValue(reason, f"{_LEAST} to {_MOST}")
    return int(value)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise WrongValue(f"{_shown(value)} is not a number", EXAMPLES[ParameterType.NUMBER])
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise WrongValue(f"{_shown(value)} is out of range: no double holds it")
    if number != value:
        reason = f"{_shown(value)} has more digits than a double holds"
        raise WrongValue(reason, "declare the parameter as integer or decimal")
    return number + 0.0  # -0.0 becomes 0.0


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValue(f"{_shown(value)} is not a boolean", EXAMPLES[ParameterType.BOOLEAN])
    return value


def _date(value: object) -> str:
    fix = EXAMPLES[ParameterType.DATE]
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise WrongValue(f"{_shown(value)} is not a date", fix)
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise WrongValue(f"{_shown(value)} is not a date: {error}", fix) from None


def _datetime(value: object) -> str:
    fix = EXAMPLES[ParameterType.DATETIME]
    if not isinstance(value, str):
        raise WrongValue(f"{_shown(value)} is not an instant", fix)
    if _TOO_FINE.search(value):
        raise WrongValue(f"{_shown(value)} is finer than a microsecond", "at most six decimals")
    try:
        return instant_to_text(instant_from_text(value, ""))
    except InvalidInput as error:
        raise WrongValue(error.problems[0].reason, error.problems[0].fix) from None


def _decimal(value: object) -> str:
    fix = EXAMPLES[ParameterType.DECIMAL]
    match value:
        case str() if len(value) > _MAX_LENGTH:
            raise _too_long(value)
        case str() if _DECIMAL.fullmatch(value):
            return decimal_text(Decimal(value))
        case int() if not isinstance(value, bool):
            return decimal_text(Decimal(value))
        case float() if math.isfinite(value):
            number = Decimal(repr(value))
            if len(number.as_tuple().digits) > _EXACT_DIGITS:
                reason = f"{_shown(value)} has more digits than a JSON number keeps for certain"
                raise WrongValue(reason, "send the decimal as a text")
            return decimal_text(number)
    raise WrongValue(f"{_shown(value)} is not a decimal number", fix)


def _is_whole(value: float) -> bool:
    """Whether it is an integer of 64 bits."""
    return value.is_integer() and _LEAST <= value <= _MOST


def _shown(value: object) -> str:
    """For people: JSON's words for JSON's values, cut."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case int() if value.bit_length() > 128:
            return "a number of many digits"
        case str() | int() | float():
            text = repr(value) if isinstance(value, str) else str(value)
            return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"
    return f"a {type(value).__name__}"


_CANONICAL: Final[Mapping[ParameterType, Callable[[object], Scalar]]] = MappingProxyType(
    {
        ParameterType.STRING: _string,
        ParameterType.INTEGER: _integer,
        ParameterType.NUMBER: _number,
        ParameterType.BOOLEAN: _boolean,
        ParameterType.DATE: _date,
        ParameterType.DATETIME: _datetime,
        ParameterType.DECIMAL: _decimal,
    }
)
