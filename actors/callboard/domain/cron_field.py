"""One field of a cron text, read into a bit mask: lists, ranges, steps, names, wrap-around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFault:
    """What is wrong in a cron text, and where."""

    column: int
    """1-based, in the text as it was given."""
    field: str
    """Which of the five: `minute`, `day of month`; empty where it is the whole text."""
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"column {self.column}" + (f", {self.field}" if self.field else "")
        return f"{where}: {self.reason}"


class CronTextError(ValueError):
    """A cron text cannot be read; `faults` says why, at most one a field, in their order."""

    def __init__(self, *faults: CronFault) -> None:
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """The values that one field may have."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Words for the values from `low` on."""

    @property
    def size(self) -> int:
        return self.high - self.low + 1


def _names(words: str) -> tuple[str, ...]:
    return tuple(words.split())


MINUTE: Final = FieldSpec(name="minute", low=0, high=59)
HOUR: Final = FieldSpec(name="hour", low=0, high=23)
DAY: Final = FieldSpec(name="day of month", low=1, high=31)
MONTH: Final = FieldSpec(
    name="month",
    low=1,
    high=12,
    names=_names("jan feb mar apr may jun jul aug sep oct nov dec"),
)
WEEKDAY: Final = FieldSpec(
    name="day of week", low=0, high=6, names=_names("sun mon tue wed thu fri sat")
)
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
SUNDAY_TOO: Final = 7
"""The other number of Sunday."""

_SHOWN: Final = 24


def parse_field(text: str, spec: FieldSpec, column: int) -> int:
    """The values of a field as a mask: bit n is set when n matches.

    Args:
        text: the field without blanks around it.
        column: where it begins in the whole text, 1-based; for the words of the error.
    Raises:
        CronTextError: with one fault, the first.
    """
    mask = 0
    for item in text.split(","):
        for value in _item_values(_Reader(item, spec, column)):
            mask |= 1 << value
        column += len(item) + 1
    return mask


@dataclass(frozen=True, slots=True)
class _Reader:
    """A piece of a field that knows its place."""

    text: str
    spec: FieldSpec
    column: int

    def cut(self, separator: str) -> tuple[_Reader, _Reader | None]:
        """The pieces before and behind the first separator."""
        head, found, tail = self.text.partition(separator)
        rest = _Reader(tail, self.spec, self.column + len(head) + 1) if found else None
        return _Reader(head, self.spec, self.column), rest

    def fault(self, reason: str, fix: str = "") -> CronTextError:
        return CronTextError(
            CronFault(column=self.column, field=self.spec.name, reason=reason, fix=fix)
        )

    @property
    def shown(self) -> str:
        return ascii(self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "...")


def _item_values(item: _Reader) -> Iterator[int]:
    if not item.text:
        raise item.fault("is empty", "a list is written like 1,2,3 without blanks")
    span, step_text = item.cut("/")
    step = 1 if step_text is None else _step(step_text)
    low, high = _bounds(span, open_ended=step_text is not None)
    spec = item.spec
    for value in range(low, high + 1, step):
        yield (value - spec.low) % spec.size + spec.low


def _bounds(span: _Reader, *, open_ended: bool) -> tuple[int, int]:
    """First and last value; the last is beyond the field's end for a range that wraps round."""
    spec = span.spec
    if span.text == "*":
        return spec.low, spec.high
    first, last = span.cut("-")
    low = _value(first)
    if last is None:
        low = low % SUNDAY_TOO if spec is WEEKDAY else low
        return low, spec.high if open_ended else low
    high = _value(last)
    if spec is WEEKDAY and low == SUNDAY_TOO:
        low, high = 0, high % SUNDAY_TOO
    return low, high if low <= high else high + spec.size


def _value(reader: _Reader) -> int:
    """A number or a name within the field's range; 7 stays 7 for a weekday."""
    spec, text = reader.spec, reader.text
    if text.lower() in spec.names:
        return spec.low + spec.names.index(text.lower())
    number = _number(reader)
    top = SUNDAY_TOO if spec is WEEKDAY else spec.high
    if not spec.low <= number <= top:
        raise reader.fault(f"{number} is not in {spec.low}-{top}")
    return number


def _step(reader: _Reader) -> int:
    step = _number(reader)
    if step == 0:
        raise reader.fault("a step of 0 never advances", "write a step of 1 or more")
    return step


def _number(reader: _Reader) -> int:
    text = reader.text
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    raise reader.fault(*_why_not_a_value(reader))


def _why_not_a_value(reader: _Reader) -> tuple[str, str]:
    text, upper, spec = reader.text, reader.text.upper(), reader.spec
    if not text:
        return "a number is missing here", f"write a value in {spec.low}-{spec.high}"
    if text.isascii() and text.isdigit():
        return f"{reader.shown} is not in {spec.low}-{spec.high}", ""
    if text == "?":
        return "? belongs to the quartz dialect", "write *"
    if spec in (DAY, WEEKDAY) and upper.strip("0123456789") in {"L", "W", "LW", "WL", "#"}:
        return f"{reader.shown}: L, W and # are not part of the vixie dialect", ""
    if upper == "H" or upper.startswith("H("):
        return "H (a hashed value) is not part of the vixie dialect", "write a number"
    if "~" in text:
        return "~ (a random value) is not supported: slots are promised", "write a number"
    if "*" in text:
        return f"{reader.shown}: * stands alone or before a step", "write * or */n"
    if not text.isascii():
        return f"{reader.shown} is not written in the digits 0-9", ""
    return f"{reader.shown} is not {_expected(spec)}", ""


def _expected(spec: FieldSpec) -> str:
    if not spec.names:
        return f"a number in {spec.low}-{spec.high}"
    return f"a number in {spec.low}-{spec.high} or a name of three letters ({spec.names[1]})"
