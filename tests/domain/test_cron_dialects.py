"""What the dialects have of their own: fields, special words, how days combine, hashed values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.cron import CronFields, Reboot, parse_cron, read_cron
from callboard.domain.dialect import DIALECTS
from callboard.domain.schedule import cron, next_slot, slots_between
from callboard.errors import InvalidInput

START = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
END = datetime(2200, 12, 31, tzinfo=UTC)


def first(expression: str, dialect: str, count: int, after: datetime = START) -> list[datetime]:
    schedule = cron(expression, dialect=dialect)
    return list(islice(slots_between(schedule, after=after, until=END, anchor=after), count))


def days(expression: str, dialect: str, count: int, after: datetime = START) -> list[str]:
    return [f"{slot:%m-%d}" for slot in first(expression, dialect, count, after)]


def problems_of(expression: str, dialect: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_cron(expression, dialect)
    assert {problem.field for problem in caught.value.problems} == {"expression"}
    return [str(problem) for problem in caught.value.problems]


# In each dialect the same day fields.
DAY_FORMS = {
    "vixie": "0 0 {0} {1} {2}",
    "quartz": "0 0 0 {0} {1} {2}",
    "aws": "cron(0 0 {0} {1} {2} *)",
    "spring": "0 0 0 {0} {1} {2}",
}


def days_in(dialect: str, fields: str, count: int) -> list[str]:
    return days(DAY_FORMS[dialect].format(*fields.split()), dialect, count)


ALL = pytest.mark.parametrize("dialect", DIALECTS)


@ALL
def test_c06_the_last_day(dialect: str) -> None:
    assert days_in(dialect, "L * ?", 3) == ["01-31", "02-28", "03-31"]


@ALL
def test_c06_the_last_weekday_of_the_month(dialect: str) -> None:
    assert days_in(dialect, "LW * ?", 5) == ["01-30", "02-27", "03-31", "04-30", "05-29"]


@pytest.mark.parametrize("dialect", ["vixie", "quartz", "spring"])
def test_c06_days_before_the_last(dialect: str) -> None:
    assert days_in(dialect, "L-3 * ?", 2) == ["01-28", "02-25"]


def test_days_before_the_last_need_a_month_that_long() -> None:
    assert days_in("quartz", "L-30 * ?", 3) == ["01-01", "03-01", "05-01"]


@ALL
def test_c06_the_last_friday(dialect: str) -> None:
    friday = "5" if dialect in ("vixie", "spring") else "6"
    expected = ["01-30", "02-27", "03-27", "04-24"]
    assert days_in(dialect, f"? * {friday}L", 4) == expected
    assert days_in(dialect, "? * friL", 4) == expected


def test_the_last_friday_as_croniter_writes_it() -> None:
    assert days_in("vixie", "* * L5", 2) == ["01-30", "02-27"]
    assert days_in("vixie", "* * Lfri", 2) == ["01-30", "02-27"]


@pytest.mark.parametrize("dialect", ["quartz", "aws"])
def test_c06_l_as_the_day_of_the_week_is_every_saturday(dialect: str) -> None:
    assert days_in(dialect, "? * L", 3) == ["01-03", "01-10", "01-17"]


@ALL
def test_c07_the_weekday_nearest_to_the_1st_stays_in_the_month(dialect: str) -> None:
    assert days_in(dialect, "1W 8 ?", 1) == ["08-03"]


@ALL
def test_c08_31w_does_not_fire_in_a_shorter_month(dialect: str) -> None:
    assert days_in(dialect, "31W * ?", 3) == ["01-30", "03-31", "05-29"]


@ALL
def test_c08_the_weekday_nearest_to_the_last_day_stays_in_the_month(dialect: str) -> None:
    assert days_in(dialect, "31W 5 ?", 1) == ["05-29"]  # the 31st is a Sunday


@ALL
def test_c09_the_fifth_friday_exists_in_some_months(dialect: str) -> None:
    friday = "5" if dialect in ("vixie", "spring") else "6"
    expected = ["01-30", "05-29", "07-31", "10-30"]
    assert days_in(dialect, f"? * {friday}#5", 4) == expected
    assert days_in(dialect, "? * FRI#5", 4) == expected


def test_c10_w_in_a_list_is_for_quartz_and_spring() -> None:
    assert days_in("quartz", "15W,L * ?", 4) == ["01-15", "01-31", "02-16", "02-28"]
    assert days_in("spring", "15W,L * ?", 4) == ["01-15", "01-31", "02-16", "02-28"]
    for dialect in ("vixie", "aws"):
        (problem,) = problems_of(DAY_FORMS[dialect].format("15W,L", "*", "?"), dialect)
        assert "'15W': nW has to be the whole field in this dialect" in problem


def test_quartz_has_the_weekday_nearest_to_days_before_the_last() -> None:
    assert days_in("quartz", "L-3W * ?", 2) == ["01-28", "02-25"]
    assert days_in("quartz", "L-8W 3 ?", 1) == ["03-23"]


def test_special_words_in_a_list_beside_plain_ones() -> None:
    assert days_in("vixie", "1,L * *", 4) == ["01-01", "01-31", "02-01", "02-28"]
    assert days_in("vixie", "* * sat#1,sun#3", 4) == ["01-03", "01-18", "02-07", "02-15"]
    assert days_in("spring", "* * MON#1,FRIL", 3) == ["01-05", "01-30", "02-02"]


@pytest.mark.parametrize("dialect", ["quartz", "aws"])
@pytest.mark.parametrize("field", ["2#1,4", "6L,2", "L,2"])
def test_some_words_stand_alone_in_quartz_and_aws(dialect: str, field: str) -> None:
    (problem,) = problems_of(DAY_FORMS[dialect].format("?", "*", field), dialect)
    assert "has to be the whole field" in problem


def test_c02_quartz_wants_one_question_mark() -> None:
    (problem,) = problems_of("0 0 0 13 * FRI", "quartz")
    assert "column 12, day of week: exactly one of day of month and day of week has" in problem
    assert "neither is" in problem
    assert "both are" in problems_of("0 0 0 ? * ?", "quartz")[0]
    assert "neither is" in problems_of("0 0 0 * * *", "quartz")[0]
    assert "neither is" in problems_of("cron(0 9 * * * *)", "aws")[0]


def test_spring_wants_both_day_fields_to_match() -> None:
    assert days("0 0 0 13 * FRI", "spring", 3) == ["02-13", "03-13", "11-13"]
    assert days("0 0 0 ? * ?", "spring", 2) == days("0 0 0 * * *", "spring", 2)


def test_a_question_mark_in_vixie_is_a_star() -> None:
    assert days("0 0 13 * ?", "vixie", 2) == days("0 0 13 * *", "vixie", 2)
    assert parse_cron("0 0 ? * 1").needs_both_days


@pytest.mark.parametrize("dialect", ["quartz", "aws"])
def test_c05_the_first_day_of_the_week_is_sunday(dialect: str) -> None:
    assert days_in(dialect, "? * 1", 2) == ["01-04", "01-11"]
    assert days_in(dialect, "? * 7", 1) == ["01-03"]
    assert days_in(dialect, "? * FRI-MON", 5) == ["01-02", "01-03", "01-04", "01-05", "01-09"]
    (problem,) = problems_of(DAY_FORMS[dialect].format("?", "*", "0"), dialect)
    assert "day of week: 0 is not in 1-7" in problem


def test_spring_counts_weekdays_as_vixie_does() -> None:
    assert days_in("spring", "* * 0", 1) == days_in("spring", "* * 7", 1) == ["01-04"]
    assert days_in("spring", "* * 5-7", 3) == ["01-02", "01-03", "01-04"]


@pytest.mark.parametrize("dialect", ["quartz", "spring"])
def test_c16_seconds_come_first(dialect: str) -> None:
    found = first("*/25 30 9 * * ?", dialect, 4)
    assert [f"{slot:%d %H:%M:%S}" for slot in found] == [
        "01 09:30:00",
        "01 09:30:25",
        "01 09:30:50",
        "02 09:30:00",
    ]


def test_quartz_has_years() -> None:
    text = "0 0 12 1 1 ? 2027,2030/2"
    found = first(text, "quartz", 4)
    assert [slot.year for slot in found] == [2027, 2030, 2032, 2034]
    assert [slot.year for slot in first("0 0 0 29 2 ? 2099-2199", "quartz", 2)] == [2104, 2108]
    assert parse_cron("0 0 12 1 1 ? *", "quartz").years is None
    assert first("0 0 12 31 12 ? 2199", "quartz", 2) == [datetime(2199, 12, 31, 12, tzinfo=UTC)]


def test_aws_needs_a_year() -> None:
    (problem,) = problems_of("cron(0 9 ? * MON-FRI)", "aws")
    assert problem.startswith("expression: column 21: has 5 of the six fields: minute hour")
    assert days("cron(15 10 ? * 6L 2026-2027)", "aws", 1) == ["01-30"]


def test_c13_hours_wrap_in_quartz_but_not_in_spring() -> None:
    assert [slot.hour for slot in first("0 0 22-2 * * ?", "quartz", 4)] == [0, 1, 2, 22]
    (problem,) = problems_of("0 0 22-2 * * *", "spring")
    assert "column 5, hour: '22-2' goes backwards (write two ranges)" in problem
    assert "goes backwards" in problems_of("0 0 0 1 1 ? 2030-2027", "quartz")[0]


def test_c15_a_step_from_a_value() -> None:
    assert [slot.minute for slot in first("0 5/15 * * * ?", "quartz", 4)] == [5, 20, 35, 50]
    assert [slot.minute for slot in first("0 /20 * * * ?", "quartz", 3)] == [0, 20, 40]
    assert "a step of 60 is more than" in problems_of("0 0/60 * * * ?", "quartz")[0]
    assert "a number is missing here" in problems_of("/20 * * * *", "vixie")[0]


@pytest.mark.parametrize(
    ("macro", "meaning"),
    [("@hourly", "0 0 * * * *"), ("@daily", "0 0 0 * * *"), ("@Weekly", "0 0 0 * * 0")],
)
def test_macros_of_spring_have_seconds(macro: str, meaning: str) -> None:
    assert parse_cron(macro, "spring") == parse_cron(meaning, "spring")


def test_macros_are_for_vixie_and_spring() -> None:
    assert "'@daily' is not a macro of the quartz dialect" in problems_of("@daily", "quartz")[0]
    assert "'@reboot' is not a macro of the spring" in problems_of("@reboot", "spring")[0]
    assert read_cron(" @Reboot ") == Reboot()


@pytest.mark.parametrize(
    ("text", "words"),
    [  # C20
        ("0 9 * * *", "column 1: is not in the form cron(...), rate(...) or at(...)"),
        ("cron(0 9 ? * MON-FRI *", "column 1: is not in the form"),
        ("Cron(0 9 ? * MON-FRI *)", "column 1: is not in the form"),
        ("cron()", "column 6: has 0 of the six fields"),
        ("cron(61 9 ? * 8 *)", "column 6, minute: 61 is not in 0-59"),
        ("cron(0 9 L-3 * ? *)", "column 10, day of month: 'L-3': L-n is not part of this dialect"),
        ("cron(0 9 ? * MON 1969)", "column 18, year: 1969 is not in 1970-2199"),
        ("rate(1 minutes)", "column 8: 'minutes' does not go with 1 (write rate(1 minute))"),
        ("rate(2 hour)", "column 8: 'hour' does not go with 2 (write rate(2 hours))"),
        ("rate(0 days)", "column 6: a rate of 0 never advances"),
        ("rate(-1 days)", "column 6: '-1 days' is not a number and a unit"),
        ("rate(1.5 days)", "column 6: '1.5 days' is not a number and a unit"),
        ("rate(5 seconds)", "column 8: 'seconds' is not a unit (use minutes, hours or days)"),
        ("rate(5 minutess)", "column 8: 'minutess' is not a unit"),
        ("rate(99999999999 days)", "column 6: is longer than ten years"),
        ("rate(٣ days)", "column 6: '\\u0663 days' is not a number and a unit"),
        ("at(2026-12-24)", "column 4: '2026-12-24' is not a date and a time"),
        ("at(2026-12-24T18:00:00Z)", "column 4: '2026-12-24T18:00:00Z' is not a date and a"),
        ("at(2026-02-30T18:00:00)", "column 4: '2026-02-30T18:00:00' is not a date and a time"),
        ("at(2026-12-31T23:59:60)", "column 4: '2026-12-31T23:59:60' is not a date"),  # D07
        ("at(2200-01-01T00:00:00)", "column 4: the year 2200 is not in 1970-2199"),
        ("@daily", "column 1: '@daily' is not a macro of the aws dialect"),
    ],
)
def test_c20_aws_texts_are_refused_with_column_and_reason(text: str, words: str) -> None:
    assert problems_of(text, "aws")[0].startswith(f"expression: {words}")


@pytest.mark.parametrize("text", ["rate(1 minute)", "rate(90 minutes)", " rate( 1 day ) "])
def test_c20_the_unit_of_a_rate_goes_with_its_number(text: str) -> None:
    schedule = cron(text, dialect="aws")
    assert schedule.expression == text


def test_a_text_without_fields_says_so() -> None:
    assert "'rate(1 minute)' has no fields" in problems_of("rate(1 minute)", "aws")[0]
    assert "'@reboot' has no fields" in problems_of("@reboot", "vixie")[0]


def test_at_as_fields_matches_one_second() -> None:
    fields = parse_cron("at(2026-12-24T18:05:09)", "aws")
    assert fields.texts == ("5", "18", "24", "12", "?", "2026")
    assert first("at(2026-12-24T18:05:09)", "aws", 3) == [
        datetime(2026, 12, 24, 18, 5, 9, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    ("text", "dialect", "words"),
    [  # C12
        ("0 0 31W 2,4,6 *", "vixie", "column 5, day of month: never fires: no month of '2,4,6'"),
        ("0 0 31 2 ?", "vixie", "column 5, day of month: never fires"),
        ("0 0 0 30W 2 ?", "quartz", "column 7, day of month: never fires"),
        ("0 0 0 29 2 ? 2025-2027", "quartz", "column 14, year: never fires: no year of"),
        ("0 0 0 ? 2 6#5 2025,2100", "quartz", "column 15, year: never fires: no year of"),
        ("0 0 0 1-5 * MON#3", "spring", "column 7, day of month: never fires: no month of '*' has"),
        ("0 0 0 31 4 *", "spring", "column 7, day of month: never fires"),
        ("0 0 0 L-30 2,4,6,9,11 ?", "quartz", "column 7, day of month: never fires"),
        ("cron(0 0 31 2 ? *)", "aws", "column 10, day of month: never fires"),
    ],
)
def test_c12_what_never_fires_is_refused(text: str, dialect: str, words: str) -> None:
    assert problems_of(text, dialect)[0].startswith(f"expression: {words}")


@pytest.mark.parametrize(
    "text", ["0 0 0 29 2 ? 2028", "0 0 0 ? 2 1#5 2032", "0 0 0 31W 4,7 ?", "0 0 0 L 2 ? 2199"]
)
def test_what_fires_rarely_is_accepted(text: str) -> None:
    assert first(text, "quartz", 1)


@pytest.mark.parametrize(
    ("text", "dialect", "words"),
    [  # C17
        ("60 * * * * ?", "quartz", "column 1, second: 60 is not in 0-59"),
        ("0 0 24 * * *", "spring", "column 5, hour: 24 is not in 0-23"),
        ("0 */0 * * * ?", "quartz", "column 5, minute: a step of 0 never advances"),
        ("0 1,,2 * * * *", "spring", "column 5, minute: is empty"),
        ("0 ٣ * * * ?", "quartz", "column 3, minute: '\\u0663' is not written in the digits"),
        ("0 0 0 ? * MONDAY", "quartz", "column 11, day of week: 'MONDAY' is not a number in 1-7"),
        ("0 H * * * ?", "quartz", "column 3, minute: 'H': a hashed value is written"),
        ("0 0 9 ? * L-2", "quartz", "column 11, day of week: 'L': L, W, # and ? are no part"),
        ("0 0 9 ? * 6#6", "quartz", "column 13, day of week: '6' is not in 1-5"),
        ("0 0 9 * * L", "spring", "column 11, day of week: L alone does not say of which"),
        ("0 0 9 * * 5-6L", "spring", "column 13, day of week: '6L': L, W, # and ?"),
        ("0 9 * * *", "spring", "column 10: has 5 of the six fields: second minute hour"),
        ("0 0 9 ? * 2 2027 1", "quartz", "column 18: has 8 fields, but the quartz dialect has"),
        ("", "quartz", "column 1: is empty (write it like 0 0 9 ? * MON-FRI: second minute"),
    ],
)
def test_c17_an_error_names_the_column_the_field_and_the_reason(
    text: str, dialect: str, words: str
) -> None:
    assert problems_of(text, dialect)[0].startswith(f"expression: {words}")


def test_every_bad_field_is_told_at_once() -> None:
    problems = problems_of("61 0 25 ? 13 ? 1", "quartz")
    assert [problem.split(":")[1] for problem in problems] == [
        " column 1, second",
        " column 6, hour",
        " column 11, month",
        " column 14, day of week",
        " column 16, year",
    ]


@ALL
def test_c17_a_long_text_is_refused_before_it_is_read(dialect: str) -> None:
    assert problems_of("1," * 5000, dialect) == [
        "expression: column 1001: has 10000 characters, more than 1000"
    ]


@ALL
@given(text=st.text("0159*/,-LWH#?@()fri a\t", max_size=30))
def test_any_text_is_read_or_refused_with_a_column(dialect: str, text: str) -> None:
    try:
        meaning = read_cron(text, dialect, "key")
    except InvalidInput as error:
        told = all("column" in problem.reason for problem in error.problems)
    else:
        told = not isinstance(meaning, CronFields) or any(map(any, meaning.day_masks))
    assert told


@pytest.mark.parametrize(
    ("text", "dialect", "wildcard"),
    [
        ("0 * * * *", "vixie", True),
        ("H 2 * * *", "vixie", False),
        ("0 0/30 1 * * ?", "quartz", False),
        ("* 30 2 * * ?", "quartz", True),
        ("0 */5 2 * * *", "spring", True),
        ("cron(0 * ? * MON *)", "aws", True),
        ("cron(0 9 ? * MON *)", "aws", False),
    ],
)
def test_a_star_in_a_time_field_follows_elapsed_time(
    text: str, dialect: str, wildcard: bool
) -> None:
    assert parse_cron(text, dialect).is_wildcard is wildcard


def test_fields_are_found_by_name() -> None:
    fields = parse_cron("5 0 9 ? * MON-FRI 2027", "quartz")
    assert fields.text("second") == "5"
    assert fields.text("day of week") == "MON-FRI"
    assert fields.text("year") == "2027"
    assert parse_cron("0 0 9 ? * MON-FRI", "quartz").text("year") == ""
    assert parse_cron("@daily").text("second") == ""


def test_hashed_values_are_the_same_everywhere_and_for_ever() -> None:
    fields = parse_cron("H H H H H", hash_key="ops/backup")
    found = [fields.minutes, fields.hours, fields.months]
    assert found == [1 << 22, 1 << 9, 1 << 3]
    schedule = cron("H H H H *", hash_key="ops/backup")
    assert list(slots_between(schedule, after=START, until=END, anchor=START))[:1] == [
        datetime(2026, 3, 6, 9, 22, tzinfo=UTC)
    ]
    on_saturdays = cron("H H * * H", hash_key="ops/backup")
    assert next_slot(on_saturdays, after=START, anchor=START) == (
        datetime(2026, 1, 3, 9, 22, tzinfo=UTC)
    )


def test_another_key_gives_other_values() -> None:
    minutes = {parse_cron("H * * * *", hash_key=f"ops/{n}").minutes for n in range(200)}
    assert len(minutes) > 50


@given(st.text(max_size=30))
def test_hashed_values_stay_in_their_range(key: str) -> None:
    fields = parse_cron("H(10-19) H(0-7)/3 H 2 *", hash_key=key)
    assert fields.minutes.bit_count() == 1
    assert fields.minutes < 1 << 20
    assert fields.minutes >= 1 << 10
    assert fields.hours in (0b01001001, 0b10010010, 0b00100100)
    assert fields.day_masks[0][0].bit_count() == 1
    assert fields.day_masks[0][0] < 1 << 29


@given(st.text(max_size=30))
def test_hashed_steps_go_through_the_whole_field(key: str) -> None:
    minutes = parse_cron("H/15 * * * *", hash_key=key).minutes
    assert minutes.bit_count() == 4
    low = (minutes & -minutes).bit_length() - 1
    assert minutes == sum(1 << low + 15 * n for n in range(4))
    assert parse_cron("H/90 * * * *", hash_key=key).minutes.bit_count() == 1


def test_a_hash_is_found_in_the_text() -> None:
    assert cron("1,H(30-59) * * * *").uses_hash
    assert cron("0 0 * * H").uses_hash
    assert not cron("0 0 * * THU").uses_hash
    assert not cron("0 0 9 ? * THU", dialect="quartz").uses_hash
    assert not cron("@reboot").uses_hash


def test_slots_of_every_second_come_in_order_and_without_gaps() -> None:
    schedule = cron("* * * * * ?", dialect="quartz", zone="America/New_York")
    start = datetime(2026, 3, 8, 6, 59, 50, 500_000, tzinfo=UTC)
    slots = list(
        slots_between(schedule, after=start, until=start + timedelta(seconds=20), anchor=start)
    )
    whole = start.replace(microsecond=0)
    assert slots == [whole + timedelta(seconds=n) for n in range(1, 21)]
