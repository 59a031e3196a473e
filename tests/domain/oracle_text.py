"""An oracle's reading of cron texts: every field a plain set of values, every day a question.

Written from crontab(5) and the documented rules of Quartz, EventBridge and Spring alone, as simply
as can be: it shares no code with `callboard.domain`, and it trusts that the text is right (what is
refused, and with which words, is tested elsewhere). Weekdays are 0 (Sunday) to 6.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeAlias

Values: TypeAlias = frozenset[int]
DayRule: TypeAlias = Callable[[date], bool]

ORDERS: Final = {
    "vixie": ("minute", "hour", "day", "month", "weekday"),
    "quartz": ("second", "minute", "hour", "day", "month", "weekday", "year"),
    "aws": ("minute", "hour", "day", "month", "weekday", "year"),
    "spring": ("second", "minute", "hour", "day", "month", "weekday"),
}
BOUNDS: Final = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (0, 6),
    "year": (1970, 2199),
}
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Meaning:
    """What a text matches."""

    seconds: Values
    minutes: Values
    hours: Values
    months: Values
    years: Values | None
    """None: every year."""
    day_rules: tuple[DayRule, ...]
    """Those of the day-of-month field; one of them is enough."""
    weekday_rules: tuple[DayRule, ...]
    both: bool
    """Whether a day has to match both fields, not one of them."""
    wildcard: bool
    """Whether the second, minute or hour field begins with a star."""

    def matches_date(self, on: date) -> bool:
        if on.month not in self.months or (self.years is not None and on.year not in self.years):
            return False
        in_month = any(rule(on) for rule in self.day_rules)
        in_week = any(rule(on) for rule in self.weekday_rules)
        return (in_month and in_week) if self.both else (in_month or in_week)

    @property
    def gap(self) -> str:
        """The policy where none is given."""
        return "skip" if self.wildcard else "run"

    @property
    def fold(self) -> str:
        return "both" if self.wildcard else "first"


def read(text: str, dialect: str = "vixie") -> Meaning:
    """What a right text of the dialect means."""
    fields = fields_of(text, dialect)
    day, weekday = fields["day"], fields["weekday"]
    starred = day[0] in "*?" or weekday[0] in "*?"
    return Meaning(
        seconds=values_of("second", fields.get("second", "0"), dialect),
        minutes=values_of("minute", fields["minute"], dialect),
        hours=values_of("hour", fields["hour"], dialect),
        months=values_of("month", fields["month"], dialect),
        years=_years(fields.get("year", "*"), dialect),
        day_rules=tuple(_day_rule(item, dialect) for item in day.split(",")),
        weekday_rules=tuple(_weekday_rule(item, dialect) for item in weekday.split(",")),
        both=starred if dialect == "vixie" else True,
        wildcard=any(fields.get(name, "0")[0] == "*" for name in ("second", "minute", "hour")),
    )


def fields_of(text: str, dialect: str) -> dict[str, str]:
    """The texts of the fields by name, macros expanded."""
    text = text.strip()
    if dialect == "aws":
        text = text.removeprefix("cron(").removesuffix(")")
    if text.startswith("@"):
        text = ("0 " if dialect == "spring" else "") + MACROS[text.lower()]
    return dict(zip(ORDERS[dialect], text.split(), strict=False))


def values_of(field: str, text: str, dialect: str) -> Values:
    """The values of a field without day rules."""
    return frozenset().union(*(_item_values(field, item, dialect) for item in text.split(",")))


def _years(text: str, dialect: str) -> Values | None:
    return None if text == "*" else values_of("year", text, dialect)


def _item_values(field: str, item: str, dialect: str) -> Values:
    low, high = BOUNDS[field]
    span, slash, step = item.partition("/")
    by = int(step) if slash else 1
    if span in ("*", "?", ""):
        return frozenset(range(low, high + 1, by))
    first, dash, last = span.partition("-")
    start = _value(field, first, dialect)
    if not dash:
        if field == "weekday":
            start %= 7
        return frozenset(range(start, high + 1, by)) if slash else frozenset({start})
    end = _value(field, last, dialect)
    if field == "weekday" and start == 7:
        start, end = 0, end % 7
    if field == "weekday" and end == 7:  # Sunday, seen from the days before it
        return frozenset(value % 7 for value in range(start, 8, by))
    size = high - low + 1
    end += size if end < start else 0
    return frozenset((value - low) % size + low for value in range(start, end + 1, by))


def _value(field: str, text: str, dialect: str) -> int:
    """A number or a name; a weekday 7 of vixie and Spring stays 7."""
    if field == "month" and text.lower() in MONTHS:
        return MONTHS.index(text.lower()) + 1
    if field == "weekday":
        if text.lower() in WEEKDAYS:
            return WEEKDAYS.index(text.lower())
        return int(text) - 1 if dialect in ("quartz", "aws") else int(text)
    return int(text)


def _day_rule(item: str, dialect: str) -> DayRule:
    upper = item.upper()
    if upper in ("LW", "WL"):
        return lambda on: on == _nearest_weekday(on, _last(on))
    if upper.startswith("L"):
        back, nearest = upper[1:].lstrip("-").removesuffix("W"), upper.endswith("W")
        return _from_the_end(int(back or 0), nearest=nearest)
    if upper.endswith("W"):
        number = int(upper[:-1])
        return lambda on: number <= _last(on) and on == _nearest_weekday(on, number)
    values = _item_values("day", item, dialect)
    return lambda on: on.day in values


def _from_the_end(back: int, *, nearest: bool) -> DayRule:
    def rule(on: date) -> bool:
        wanted = _last(on) - back
        if wanted < 1:
            return False
        return on == _nearest_weekday(on, wanted) if nearest else on.day == wanted

    return rule


def _weekday_rule(item: str, dialect: str) -> DayRule:
    upper = item.upper()
    if "#" in upper:
        name, _, number = upper.partition("#")
        weekday, nth = _value("weekday", name, dialect) % 7, int(number)
        return lambda on: _weekday(on) == weekday and (on.day - 1) // 7 + 1 == nth
    if upper == "L":
        return lambda on: _weekday(on) == 6
    if upper.endswith("L") or upper[0] == "L":
        weekday = _value("weekday", upper.strip("L"), dialect) % 7
        return lambda on: _weekday(on) == weekday and on.day + 7 > _last(on)
    values = _item_values("weekday", item, dialect)
    return lambda on: _weekday(on) in values


def _weekday(on: date) -> int:
    return on.isoweekday() % 7


def _last(on: date) -> int:
    return monthrange(on.year, on.month)[1]


def _nearest_weekday(on: date, number: int) -> date:
    """Monday to Friday nearest to that day of the month, and never in another month."""
    wanted = on.replace(day=number)
    ways = (0, -1, 1, -2, 2)
    near = (wanted + timedelta(days=way) for way in ways)
    return next(day for day in near if day.month == on.month and day.isoweekday() <= 5)
