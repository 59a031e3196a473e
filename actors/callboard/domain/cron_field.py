"""One field of a cron text, read into a bit mask: lists, ranges, steps, names, hashed values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from callboard.domain.cron_fault import CronFault, CronTextError
from callboard.domain.cron_hash import HASH, hashed_values
from callboard.domain.dialect import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    VIXIE,
    WEEKDAY,
    FieldSpec,
)

__all__ = [
    "DAY",
    "FIELDS",
    "HOUR",
    "MINUTE",
    "MONTH",
    "WEEKDAY",
    "CronFault",
    "CronTextError",
    "FieldReader",
    "FieldSpec",
    "item_mask",
    "parse_field",
]

FIELDS: Final = VIXIE.fields
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class FieldReader:
    """A piece of a field that knows its place."""

    text: str
    spec: FieldSpec
    column: int
    hash_key: str = ""

    def part(self, start: int, end: int | None = None) -> FieldReader:
        """The piece between two positions of this one."""
        return FieldReader(self.text[start:end], self.spec, self.column + start, self.hash_key)

    def cut(self, separator: str) -> tuple[FieldReader, FieldReader | None]:
        """The pieces before and behind the first separator."""
        at = self.text.find(separator)
        return (self, None) if at < 0 else (self.part(0, at), self.part(at + 1))

    def items(self) -> Iterator[FieldReader]:
        """The items of a list."""
        start = 0
        for text in self.text.split(","):
            yield self.part(start, start + len(text))
            start += len(text) + 1

    def fault(self, reason: str, fix: str = "") -> CronTextError:
        return CronTextError(
            CronFault(column=self.column, field=self.spec.name, reason=reason, fix=fix)
        )

    @property
    def shown(self) -> str:
        return ascii(self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "...")

    def value(self) -> int:
        """The number or name as a number within the field's range; the other Sunday stays."""
        spec = self.spec
        if self.text.lower() in spec.names:
            return spec.low + spec.names.index(self.text.lower())
        number = self.number()
        if not spec.low <= number <= spec.top:
            raise self.fault(f"{number} is not in {spec.low}-{spec.top}")
        return number

    def number(self) -> int:
        text = self.text
        if text.isascii() and text.isdigit() and len(text) <= 9:
            return int(text)
        raise self.fault(*_why_not_a_value(self))


def parse_field(text: str, spec: FieldSpec, column: int = 1, hash_key: str = "") -> int:
    """The values of a field as a mask: bit n is set when n + spec.origin matches.

    Args:
        text: the field without blanks around it.
        column: where it begins in the whole text, 1-based; for the words of the error.
        hash_key: what `H` is hashed with.
    Raises:
        CronTextError: with one fault, the first; also for the special words of the day fields,
            which `parse_days` reads.
    """
    mask = 0
    for item in FieldReader(text, spec, column, hash_key).items():
        mask |= item_mask(item)
    return mask


def item_mask(item: FieldReader) -> int:
    """The mask of one item of a list.

    Raises:
        CronTextError: with one fault.
    """
    spec = item.spec
    if not item.text:
        raise item.fault("is empty", "a list is written like 1,2,3 without blanks")
    if "H" in spec.specials and HASH.match(item.text):
        values = hashed_values(item)
    else:
        values = _plain_values(item)
    mask = 0
    for value in values:
        mask |= 1 << (value - spec.low) % spec.size + spec.low - spec.origin
    return mask


def _plain_values(item: FieldReader) -> range:
    """The values; beyond the field's end where a range wraps round."""
    span, step_text = item.cut("/")
    step = 1 if step_text is None else read_step(step_text)
    low, high = _bounds(span, open_ended=step_text is not None)
    return range(low, high + 1, step)


def _bounds(span: FieldReader, *, open_ended: bool) -> tuple[int, int]:
    """First and last value; the last is beyond the field's end for a range that wraps round."""
    spec = span.spec
    if span.text == "*" or (not span.text and open_ended and "/n" in spec.specials):
        return spec.low, spec.high
    first, last = span.cut("-")
    low = first.value()
    if last is None:
        low = spec.low if low == spec.sunday_too else low
        return low, spec.high if open_ended else low
    high = last.value()
    if low == spec.sunday_too:
        low, high = spec.low, spec.low if high == spec.sunday_too else high
    if low <= high:
        return low, high
    if not spec.wraps:
        raise span.fault(f"{span.shown} goes backwards", "write two ranges")
    return low, high + spec.size


def read_step(reader: FieldReader) -> int:
    """The number behind a slash.

    Raises:
        CronTextError: with one fault.
    """
    step, largest = reader.number(), reader.spec.largest_step
    if step == 0:
        raise reader.fault("a step of 0 never advances", "write a step of 1 or more")
    if largest is not None and step > largest:
        raise reader.fault(f"a step of {step} is more than this dialect's {largest}")
    return step


def _why_not_a_value(reader: FieldReader) -> tuple[str, str]:
    text, upper, spec = reader.text, reader.text.upper(), reader.spec
    if not text:
        return "a number is missing here", f"write a value in {spec.low}-{spec.top}"
    if text.isascii() and text.isdigit():
        return f"{reader.shown} is not in {spec.low}-{spec.top}", ""
    if text == "?" or upper.strip("0123456789") in {"L", "W", "LW", "WL", "#"}:
        return _why_not_special(reader)
    if upper == "H" or upper.startswith("H("):
        return f"{reader.shown}: a hashed value is written H, H/15, H(0-29) in vixie only", ""
    if "~" in text:
        return "~ (a random value) is not supported: slots are promised", "write a number"
    if "*" in text:
        return f"{reader.shown}: * stands alone or before a step", "write * or */n"
    if not text.isascii():
        return f"{reader.shown} is not written in the digits 0-9", ""
    return f"{reader.shown} is not {_expected(spec)}", ""


def _why_not_special(reader: FieldReader) -> tuple[str, str]:
    if "?" in reader.spec.specials:
        return f"{reader.shown}: L, W, # and ? are no part of a range or a step", ""
    return f"{reader.shown}: L, W, # and ? are for the day fields", "write *"


def _expected(spec: FieldSpec) -> str:
    if not spec.names:
        return f"a number in {spec.low}-{spec.top}"
    return f"a number in {spec.low}-{spec.high} or a name of three letters ({spec.names[1]})"
