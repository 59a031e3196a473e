"""Random cron texts of every dialect and random places in time, for comparing with the oracle."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Final
from zoneinfo import available_timezones

from domain.oracle_text import BOUNDS, MONTHS, ORDERS, WEEKDAYS
from domain.oracle_walk import days_of_change

DIALECTS: Final = ("vixie", "quartz", "aws", "spring")
ZONES: Final = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Kwajalein",
    "Antarctica/Troll",
    "Asia/Tehran",
)
PLACES: Final = (
    *("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/"),
    *("Australia/", "Europe/", "Indian/", "Pacific/"),
)
CHARACTERS: Final = "0123456789*/-,?LWH#~@ \t\nlw()jmafbnSUNMON\u0663\u00e9\0+"
"""What may get into a text by mistake."""
STARRED: Final = {"minute": 0.15, "hour": 0.3, "month": 0.7, "second": 0.1}
DIALECTS_THAT_WRAP: Final = ("vixie", "quartz", "aws")


def make_text(random: Random, dialect: str) -> str:
    """A text of any shape the dialect has, biased to those that people write."""
    fields = {name: _field(random, name, dialect) for name in ORDERS[dialect]}
    fields["day"], fields["weekday"] = _day_fields(random, dialect)
    if "second" in fields and random.random() < 0.6:
        fields["second"] = random.choice(("0", "0", "30"))
    if "year" in fields:
        fields["year"] = _years(random)
    text = " ".join(fields[name] for name in ORDERS[dialect])
    if dialect == "quartz" and fields["year"] == "*" and random.random() < 0.5:
        text = text.removesuffix(" *")
    return f"cron({text})" if dialect == "aws" else text


def damage(random: Random, text: str) -> str:
    """The text with up to three characters added, dropped or replaced."""
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(text) + 1)
        new = random.choice(("", random.choice(CHARACTERS)))
        text = text[:at] + new + text[at + random.randint(0, 1) :]
    return text


def make_zone(random: Random) -> str:
    """One with a history worth a look, or any place."""
    return random.choice(ZONES if random.random() < 0.5 else all_places())


@cache
def all_places() -> tuple[str, ...]:
    """The zones that are named after a place."""
    return tuple(sorted(zone for zone in available_timezones() if zone.startswith(PLACES)))


def make_day(random: Random, zone: str) -> int:
    """A day since 1970, mostly one or two before a change of the zone's clocks."""
    changes = days_of_change(zone)
    if changes and random.random() < 0.8:
        recent = changes[-30:] if random.random() < 0.5 else changes
        return random.choice(recent) - random.randint(0, 1)
    return random.randint(1000, 60_000)


def _field(random: Random, name: str, dialect: str) -> str:
    if random.random() < STARRED.get(name, 0):
        return "*"
    count = random.choice((1, 1, 1, 2, 3))
    return ",".join(_item(random, name, dialect) for _ in range(count))


def _item(random: Random, name: str, dialect: str) -> str:
    low, high = BOUNDS[name]
    a, b = random.randint(low, high), random.randint(low, high)
    if dialect not in DIALECTS_THAT_WRAP and a > b:
        a, b = b, a
    step = random.choice((1, 2, 3, 5, 7))
    match random.choice(("value", "value", "range", "range/step", "*/step", "a/step")):
        case "value":
            return _word(random, name, a, dialect)
        case "range":
            return _range(random, name, a, b, dialect)
        case "range/step":
            return f"{_range(random, name, a, b, dialect)}/{step}"
        case "*/step":
            return f"*/{step}"
        case _:
            return f"{_number(name, a, dialect)}/{step}"


def _range(random: Random, name: str, a: int, b: int, dialect: str) -> str:
    if name == "weekday" and dialect in ("vixie", "spring") and b == 0 < a:
        return f"{a}-7"
    if name == "weekday" and dialect == "spring" and a > b:
        a, b = b, a
    return f"{_word(random, name, a, dialect)}-{_word(random, name, b, dialect)}"


def _word(random: Random, name: str, value: int, dialect: str) -> str:
    words = {"month": ("", *MONTHS), "weekday": WEEKDAYS}.get(name)
    if words is not None and random.random() < 0.4:
        return random.choice((str.lower, str.upper, str.title))(words[value])
    number = _number(name, value, dialect)
    return f"{number:02}" if random.random() < 0.1 else str(number)


def _number(name: str, value: int, dialect: str) -> int:
    return value + 1 if name == "weekday" and dialect in ("quartz", "aws") else value


def _day_fields(random: Random, dialect: str) -> tuple[str, str]:
    """Either field alone most of the time, as the dialect writes that."""
    day, weekday = _day(random, dialect), _weekday(random, dialect)
    blank = "?" if dialect in ("quartz", "aws") else random.choice("***?")
    match random.choice(("none", "none", "none", "day", "weekday", "both")):
        case "none":
            return ("*", blank) if random.random() < 0.5 else (blank, "*")
        case "day":
            return day, blank
        case "weekday":
            return blank, weekday
        case _:
            return (day, blank) if blank == "?" else (day, weekday)


def _day(random: Random, dialect: str) -> str:
    if random.random() < 0.5:
        return _field(random, "day", dialect)
    rules = ["L", "LW", f"{random.randint(1, 31)}W", "15W", "1W"]
    if dialect != "aws":
        rules += [f"L-{random.randint(1, 30)}"] * 2
    if dialect == "quartz":
        rules += [f"L-{random.randint(1, 30)}W", "15W,L", "L,1-5", "LW,3,10W"]
    return random.choice(rules)


def _weekday(random: Random, dialect: str) -> str:
    if random.random() < 0.5:
        return _field(random, "weekday", dialect)
    weekday = random.randint(0, 6)
    words = (WEEKDAYS[weekday], str(_number("weekday", weekday, dialect)))
    if dialect in ("quartz", "aws") and random.random() < 0.1:
        return "L"
    return random.choice(words) + random.choice(("L", f"#{random.randint(1, 5)}"))


def _years(random: Random) -> str:
    if random.random() < 0.7:
        return "*"
    year = random.randint(1975, 2035)
    return random.choice((str(year), f"{year}-{year + 9}", f"{year}/3", f"{year},{year + 2}"))
