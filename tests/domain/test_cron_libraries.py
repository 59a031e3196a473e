"""croniter and cronsim as oracles, where they are right; where not, the reason is in a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterError, croniter
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callboard.domain.schedule import cron, slots_between

END = datetime(2070, 1, 1, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


def field(low: int, high: int, *, star: bool = True) -> st.SearchStrategy[str]:
    """A field that all three read alike: no wrap-around, no `a/n`, no range of one value."""
    value = st.integers(low, high)
    pair = st.tuples(value, value).filter(lambda ends: ends[0] < ends[1])
    span = pair.map(lambda ends: f"{ends[0]}-{ends[1]}")
    stepped = st.tuples(span, st.integers(1, 5)).map(lambda parts: f"{parts[0]}/{parts[1]}")
    items = st.lists(st.one_of(value.map(str), span, stepped), min_size=1, max_size=3)
    listed = items.map(",".join)
    steps = st.sampled_from(["*", "*/2", "*/5", "*/7"])
    return st.one_of(steps, listed) if star else listed


@st.composite
def expressions(draw: st.DrawFn, *, star: bool = True) -> str:
    minute, hour = draw(field(0, 59, star=star)), draw(field(0, 23, star=star))
    # One day field at a time: with two restricted ones the programs have rules of their own.
    days = draw(st.one_of(st.just("*"), field(1, 28)))
    weekdays = draw(field(0, 6)) if days == "*" else "*"
    month = draw(st.one_of(st.just("*"), field(1, 12)))
    return f"{minute} {hour} {days} {month} {weekdays}"


instants = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=200, deadline=None)
@given(expressions(), instants)
def test_slots_equal_croniters_in_utc(expression: str, after: datetime) -> None:
    ours = slots_between(cron(expression), after=after, until=END, anchor=after)
    theirs = croniter(expression, after).all_next(datetime)
    assert list(islice(ours, 25)) == list(islice(theirs, 25))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 59), st.integers(0, 23), st.integers(2, 28), st.sampled_from("12345"), instants
)
def test_two_restricted_day_fields_equal_croniters(
    minute: int, hour: int, day: int, weekday: str, after: datetime
) -> None:
    expression = f"{minute} {hour} {day} * {weekday}"
    ours = slots_between(cron(expression), after=after, until=END, anchor=after)
    assert list(islice(ours, 15)) == list(
        islice(croniter(expression, after).all_next(datetime), 15)
    )


@settings(max_examples=200, deadline=None)
@given(expressions(star=False), instants, st.sampled_from(ZONES))
def test_fixed_times_equal_cronsims_across_clock_changes(
    expression: str, after: datetime, zone: str
) -> None:
    local = after.astimezone(ZoneInfo(zone))
    # cronsim counts the second pass of a wall time as lying before the first.
    assume(local.fold == 0)
    ours = slots_between(cron(expression, zone=zone), after=after, until=END, anchor=after)
    theirs = islice(CronSim(expression, local), 25)
    assert list(islice(ours, 25)) == [slot.astimezone(UTC) for slot in theirs]


COMMON = {
    "minute": ("0", "*", "*/5", "*/15", "30", "0,30", "15-45/10", "7", "59"),
    "hour": ("*", "*/2", "0", "9-17", "8,12,18", "23", "2-22/4"),
    "day": ("*", "1", "15", "1,15", "28-31", "L", "30", "10-20/3"),
    "month": ("*", "*", "*/3", "5", "JAN-MAR", "4,6,9,11", "dec"),
    "weekday": ("*", "mon-fri", "0", "7", "1-5", "SAT,SUN", "*/2", "5#2"),
}
"""What people write, field by field."""


def common_texts(seed: int, count: int) -> Iterator[str]:
    """Random texts of them in which at most one day field is restricted."""
    random = Random(seed)
    for _ in range(count):
        fields = {name: random.choice(texts) for name, texts in COMMON.items()}
        fields[random.choice(("day", "weekday"))] = "*"
        yield " ".join(fields.values())


@pytest.mark.parametrize("seed", range(10))
def test_common_texts_have_croniters_and_cronsims_slots_in_utc(seed: int) -> None:
    random = Random(seed)
    for text in common_texts(seed, 60):
        after = datetime.fromtimestamp(random.randrange(10**9, 2 * 10**9), UTC)
        mine = first_slots(text, after)
        assert mine == list(islice(croniter(text, after).all_next(datetime), len(mine))), text
        assert mine == [slot.astimezone(UTC) for slot in islice(CronSim(text, after), len(mine))], (
            text
        )


def first_slots(text: str, after: datetime, count: int = 10) -> list[datetime]:
    return list(islice(slots_between(cron(text), after=after, until=END, anchor=after), count))


DISAGREEMENTS = (
    ("croniter", "0 0 */2 * 1", "takes either day field, whatever they begin with"),
    ("croniter", "1-1 * * * *", "takes a range of one value for a whole round of them"),
    ("croniter", "0 0 31W * *", "takes the nearest weekday to the last day of a shorter month"),
    ("cronsim", "0 22-2 * * *", "has no ranges that wrap round"),
    ("cronsim", "0 0 * * 5-1", "has no ranges that wrap round"),
    ("cronsim", "0 0 15W * *", "has no W"),
    ("croniter", "H H * * *", "hashes with a key of its own making, or not at all"),
    ("cronsim", "H H * * *", "has no H"),
)
"""(who, text, reason); every other common text in UTC is read alike."""


@pytest.mark.parametrize(("peer", "text", "reason"), DISAGREEMENTS)
def test_a_known_disagreement_is_still_one(peer: str, text: str, reason: str) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)
    assert first_slots(text, after) != slots_of_peer(peer, text, after), reason


def slots_of_peer(peer: str, text: str, after: datetime) -> list[datetime]:
    """Empty where it refuses the text."""
    try:
        if peer == "cronsim":
            return [slot.astimezone(UTC) for slot in islice(CronSim(text, after), 10)]
        return list(islice(croniter(text, after).all_next(datetime), 10))
    except (CroniterError, CronSimError):
        return []
