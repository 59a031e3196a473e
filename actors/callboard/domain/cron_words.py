"""The fields of a cron text in English: which times of day, on which days, in which months.

What is said comes from what the text matches, not from how it was written. Times of day are put
into words by cron-descriptor where its sentence can only be read in the right way, otherwise here;
days, months and years always here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from cron_descriptor import Options, get_description

from callboard.domain.cron import FIRST_YEAR, CronFields
from callboard.domain.cron_field import parse_field
from callboard.domain.dialect import FieldSpec

MOST_TIMES: Final = 8
"""Times of day that are listed one by one."""
MOST_YEARS: Final = 6
DAY_NAMES: Final = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_MONTH_NAMES: Final = (
    *("", "January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_NTH: Final = ("", "first", "second", "third", "fourth", "fifth")
_THROUGH: Final = re.compile(r"\w+ through \w+")
_DAY_RULE: Final = re.compile(r"L(?:-(\d+))?(W)?|(\d+)W", re.IGNORECASE | re.ASCII)
_WEEKDAY_RULE: Final = re.compile(
    r"(?P<nth_of>\w+)#(?P<nth>\d)|(?P<last>[a-z]{3}|\d)L|L(?P<last_too>[a-z]{3}|\d)|(?P<saturday>L)",
    re.IGNORECASE | re.ASCII,
)


def cron_words(fields: CronFields, hash_key: str = "") -> str:
    """A clause or more, without zone and full stop: `At 02:00, Monday through Friday`."""
    parts = [time_words(fields), _day_words(fields, hash_key), _month_words(fields)]
    parts.append(_year_words(fields))
    return ", ".join(part for part in parts if part)


def values_of(mask: int, origin: int = 0) -> list[int]:
    """The values of a mask, lowest first."""
    return [n + origin for n in range(mask.bit_length()) if mask >> n & 1]


def time_words(fields: CronFields) -> str:
    """The times of day."""
    seconds, minutes, hours = map(values_of, (fields.seconds, fields.minutes, fields.hours))
    if len(seconds) * len(minutes) * len(hours) <= MOST_TIMES:
        form = "{:02}:{:02}" if seconds == [0] else "{:02}:{:02}:{:02}"
        return "At " + joined([form.format(*time) for time in product(hours, minutes, seconds)])
    of_hour = _minute_words(minutes, hours)
    if seconds == [0]:
        return of_hour
    of_minute = _second_words(seconds)
    if of_hour == "Every minute":
        return of_minute if of_minute.startswith("Every") else f"{of_minute} of every minute"
    return f"{of_minute} of the minute, {of_hour[0].lower()}{of_hour[1:]}"


def joined(words: list[str], word: str = "and") -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {word} {words[-1]}"


def _second_words(seconds: list[int]) -> str:
    step = _even_step(seconds, 60)
    if step is not None and seconds[0] == 0:
        return "Every second" if step == 1 else f"Every {step} seconds"
    return f"At {_counted('second', seconds)}"


def _minute_words(minutes: list[int], hours: list[int]) -> str:
    if _library_is_plain(minutes, hours):
        text = f"{_field_text(minutes, 60)} {_field_text(hours, 24)} * * *"
        options = Options(locale_code="en_US", use_24hour_time_format=True)
        return str(get_description(text, options))
    step = _even_step(minutes, 60)
    if step is not None and minutes[0] == 0:
        start = "Every minute" if step == 1 else f"Every {step} minutes"
        return f"{start} in {_counted('hour', hours, 'the ')}"
    of_hours = "every hour" if len(hours) == 24 else _counted("hour", hours, "the ")
    return f"At {_counted('minute', minutes)} of {of_hours}"


def _library_is_plain(minutes: list[int], hours: list[int]) -> bool:
    """Whether the library's words for the hours can be read in one way only."""
    run, step = _is_run(hours), _even_step(hours, 24)
    regular = _is_run(minutes) or _even_step(minutes, 60) is not None
    if len(hours) == 1 or len(minutes) > MOST_TIMES:
        return regular and (len(hours) in (1, 24) or (run and len(hours) > 2))
    return len(hours) == 24 or (run and len(hours) > 2) or (step is not None and len(minutes) == 1)


def _field_text(values: list[int], size: int) -> str:
    if len(values) == size:
        return "*"
    step = _even_step(values, size)
    if step is not None and len(values) > 1:
        return f"{values[0] or '*'}/{step}"
    if len(values) > 2 and _is_run(values):
        return f"{values[0]}-{values[-1]}"
    return ",".join(map(str, values))


def _even_step(values: list[int], size: int) -> int | None:
    """The step with which the values go round the whole field; None when they do not."""
    step = size // len(values)
    even = step * len(values) == size and values[0] < step
    return step if even and values == list(range(values[0], size, step)) else None


def _is_run(values: list[int]) -> bool:
    return values[-1] - values[0] + 1 == len(values)


def _counted(noun: str, values: list[int], article: str = "") -> str:
    """`minute 5`, `the hours 9 to 12 and 15`."""
    plural = "s" if len(values) > 1 else ""
    return f"{article}{noun}{plural} {joined(list(_runs(values, str, ' to ')))}"


def _runs(values: list[int], name: Callable[[int], str], to: str) -> Iterator[str]:
    """Three and more in a row as `first to last`, the others one by one."""
    start = 0
    for at in range(1, len(values) + 1):
        if at < len(values) and values[at] == values[at - 1] + 1:
            continue
        run, start = values[start:at], at
        yield from [name(run[0]) + to + name(run[-1])] if len(run) > 2 else map(name, run)


def _day_words(fields: CronFields, hash_key: str) -> str:
    specs = {spec.name: (spec, text) for spec, text in fields.by_spec()}
    of_month = _of_month(*specs["day of month"], hash_key)
    of_week = _of_week(*specs["day of week"], hash_key)
    if all(len(set(row)) == 1 and row[0].bit_count() == n for n, row in _by_length(fields)):
        return ""
    if of_month and of_week and not fields.needs_both_days:
        return f"on {of_month}, or on {of_week}"
    if of_month and of_week:
        return f"on {of_month}, only if it is {of_week}"
    if of_month:
        return f"on {of_month}"
    return of_week if _THROUGH.fullmatch(of_week) else f"on {of_week}"


def _by_length(fields: CronFields) -> Iterator[tuple[int, tuple[int, ...]]]:
    return enumerate(fields.day_masks, 28)


def _of_month(spec: FieldSpec, text: str, hash_key: str) -> str:
    """`day 13 of the month`; empty where every day matches."""
    plain, words = [], []
    for item in text.split(","):
        rule = _DAY_RULE.fullmatch(item)
        if rule is None:
            plain.append(item)
        else:
            words.append(_rule_words(rule))
    if text == "?" or not plain:
        return f"{joined(words)} of the month" if words else ""
    values = values_of(parse_field(",".join(plain), spec, 1, hash_key))
    if len(values) == spec.size:
        return ""
    return f"{joined([_counted('day', values), *words])} of the month"


def _rule_words(rule: re.Match[str]) -> str:
    back, nearest, number = rule.groups()
    if number is not None:
        return f"the weekday nearest day {int(number)}"
    if back is None:
        return "the last weekday" if nearest else "the last day"
    count = int(back)
    day = f"the day {count} day{'s' if count > 1 else ''} before the last one"
    return f"the weekday nearest {day}" if nearest else day


def _of_week(spec: FieldSpec, text: str, hash_key: str) -> str:
    """`Monday through Friday`, `the last Friday of the month`; empty where every day matches."""
    plain, words = [], []
    for item in text.split(","):
        rule = _WEEKDAY_RULE.fullmatch(item)
        if rule is None:
            plain.append(item)
        else:
            words.append(_weekday_rule_words(rule, spec))
    if text == "?" or not plain:
        return joined(words) if words else ""
    mask = parse_field(",".join(plain), spec, 1, hash_key)
    if mask == (1 << 7) - 1:
        return ""
    week = [n for n in range(1, 8) if mask >> n % 7 & 1]  # Monday first, so that weekends run on
    return joined([*_runs(week, lambda n: DAY_NAMES[n % 7], " through "), *words])


def _weekday_rule_words(rule: re.Match[str], spec: FieldSpec) -> str:
    if rule["saturday"]:
        return DAY_NAMES[6]
    mask = parse_field(rule["nth_of"] or rule["last"] or rule["last_too"], spec)
    name = DAY_NAMES[values_of(mask)[0]]
    nth = _NTH[int(rule["nth"])] if rule["nth"] else "last"
    return f"the {nth} {name} of the month"


def _month_words(fields: CronFields) -> str:
    months = values_of(fields.months)
    if len(months) == 12:
        return ""
    return "in " + joined(list(_runs(months, lambda n: _MONTH_NAMES[n], " through ")))


def _year_words(fields: CronFields) -> str:
    if fields.years is None:
        return ""
    runs = list(_runs(values_of(fields.years, FIRST_YEAR), str, " through "))
    if len(runs) <= MOST_YEARS:
        return "in " + joined(runs)
    years = values_of(fields.years, FIRST_YEAR)
    return f"in some years from {years[0]} through {years[-1]}"
