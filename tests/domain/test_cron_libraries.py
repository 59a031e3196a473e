"""croniter and cronsim as oracles, where they are right (see the golden table for where not)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim
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
