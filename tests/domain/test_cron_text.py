"""What the vixie dialect accepts, what a text matches, and where an error points."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callboard.domain.cron import MAX_LENGTH, parse_cron
from callboard.domain.schedule import Cron, cron, next_slot, slots_between
from callboard.errors import InvalidInput

START = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)


def days_of(expression: str, until: datetime) -> list[tuple[int, int]]:
    schedule = Cron(expression=expression)
    slots = slots_between(schedule, after=START, until=until, anchor=START)
    return [(slot.month, slot.day) for slot in slots]


def values_of(expression: str, field: int) -> list[int]:
    fields = parse_cron(expression)
    mask = (fields.minutes, fields.hours, 0, fields.months)[field]
    return [value for value in range(60) if mask >> value & 1]


def weekdays_of(text: str) -> list[int]:
    """0 is Sunday; from the first week of February 2026, which begins on one."""
    mask = parse_cron(f"0 0 * * {text}").day_masks[0][0]
    return [day - 1 for day in range(1, 8) if mask >> day & 1]


def problem_of(expression: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_cron(expression)
    assert {problem.field for problem in caught.value.problems} == {"expression"}
    return str(caught.value)


def test_c01_two_restricted_day_fields_match_either() -> None:
    until = datetime(2026, 1, 17, tzinfo=UTC)
    assert days_of("0 0 13 * 5", until) == [(1, 2), (1, 9), (1, 13), (1, 16)]


def test_c03_a_day_field_that_begins_with_a_star_asks_for_both() -> None:
    until = datetime(2026, 2, 28, tzinfo=UTC)
    expected = [(1, 5), (1, 19), (2, 9), (2, 23)]  # Mondays on odd days
    assert days_of("0 0 */2 * 1", until) == expected
    assert days_of("0 0 1-31/2 * */7", datetime(2026, 1, 31, tzinfo=UTC)) == [(1, 11), (1, 25)]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0", [0]),
        ("7", [0]),
        ("sun", [0]),
        ("5-7", [0, 5, 6]),
        ("5-1", [0, 1, 5, 6]),
        ("fri-mon", [0, 1, 5, 6]),
        ("sat-sun", [0, 6]),
        ("0-7", [0, 1, 2, 3, 4, 5, 6]),
        ("7-2", [0, 1, 2]),
        ("1-7/2", [0, 1, 3, 5]),
        ("*/2", [0, 2, 4, 6]),
        ("1/2", [1, 3, 5]),
        ("6-2/2", [1, 6]),
        ("mon-FRI", [1, 2, 3, 4, 5]),
        ("1-1", [1]),
        ("7,mOn", [0, 1]),
    ],
)
def test_c04_weekdays(text: str, days: list[int]) -> None:
    assert weekdays_of(text) == days


@pytest.mark.parametrize(
    ("expression", "field", "values"),
    [
        ("0 22-2 * * *", 1, [0, 1, 2, 22, 23]),  # C13
        ("0 22-4/2 * * *", 1, [0, 2, 4, 22]),
        ("*/35 * * * *", 0, [0, 35]),  # C14
        ("5/15 * * * *", 0, [5, 20, 35, 50]),  # C15
        ("50-10/10 * * * *", 0, [0, 10, 50]),
        ("*/90 * * * *", 0, [0]),
        ("1-1 * * * *", 0, [1]),
        ("59,0,07 * * * *", 0, [0, 7, 59]),
        ("0 0 * JAN,jul-Sep *", 3, [1, 7, 8, 9]),  # C18
        ("0 0 * nov-feb *", 3, [1, 2, 11, 12]),
        ("0 0 * 11/1 *", 3, [11, 12]),
        ("\t0  0 *\t* *  ", 1, [0]),
    ],
)
def test_lists_ranges_steps_and_names(expression: str, field: int, values: list[int]) -> None:
    assert values_of(expression, field) == values


def test_days_wrap_round_the_end_of_the_month() -> None:
    until = datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert days_of("0 0 30-2 * *", until) == [(1, 1), (1, 2), (1, 30), (1, 31), (2, 1), (2, 2)]


@pytest.mark.parametrize(
    ("macro", "meaning"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("  @Annually ", "0 0 1 1 *"),
    ],
)
def test_macros(macro: str, meaning: str) -> None:
    assert parse_cron(macro) == parse_cron(meaning)


def test_c11_the_next_leap_day_may_be_eight_years_away() -> None:
    after = datetime(2096, 3, 1, tzinfo=UTC)
    slot = next_slot(cron("0 0 29 2 *"), after=after, anchor=after)
    assert slot == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["0 0 31 2 *", "0 0 30-31 2 *", "0 0 31 2,4,6,9,11 */2"])
def test_c12_a_date_that_never_comes_is_refused(expression: str) -> None:
    assert "column 5, day of month: never fires" in problem_of(expression)


def test_a_date_that_never_comes_is_fine_beside_a_weekday() -> None:
    assert days_of("0 0 31 2 1", datetime(2026, 2, 10, tzinfo=UTC)) == [(2, 2), (2, 9)]


@pytest.mark.parametrize(
    ("expression", "words"),
    [  # C17, C18
        ("60 * * * *", "column 1, minute: 60 is not in 0-59"),
        ("* 24 * * *", "column 3, hour: 24 is not in 0-23"),
        ("* * 0 * *", "column 5, day of month: 0 is not in 1-31"),
        ("* * * 13 *", "column 7, month: 13 is not in 1-12"),
        ("* * * * 8", "column 9, day of week: 8 is not in 0-7"),
        ("*/0 * * * *", "column 3, minute: a step of 0 never advances"),
        ("1,,2 * * * *", "column 3, minute: is empty"),
        ("1, * * * *", "column 3, minute: is empty"),
        ("* 1- * * *", "column 5, hour: a number is missing here"),
        ("5/ * * * *", "column 3, minute: a number is missing here"),
        ("-5 * * * *", "column 1, minute: a number is missing here"),
        ("*5 * * * *", "column 1, minute: '*5': * stands alone or before a step"),
        ("1-2-3 * * * *", "column 3, minute: '2-3' is not a number in 0-59"),
        ("1/2/3 * * * *", "column 3, minute: '2/3' is not a number in 0-59"),
        ("٣ * * * *", "column 1, minute: '\\u0663' is not written in the digits 0-9"),
        ("1\u00b2 * * * *", "column 1, minute: '1\\xb2' is not written in the digits 0-9"),
        ("0 0 * * MONDAY", "column 9, day of week: 'MONDAY' is not a number in 0-6 or a name"),
        ("0 0 * * mo", "column 9, day of week: 'mo' is not"),
        ("0 0 * mon *", "column 7, month: 'mon' is not"),
        ("0 mon * * *", "column 3, hour: 'mon' is not a number in 0-23"),
        ("? 0 * * 1", "column 1, minute: '?': L, W, # and ? are for the day fields"),
        ("0 0 1,?,3 * *", "column 7, day of month: '?': L, W, # and ? are no part of a range"),
        ("0 L * * *", "column 3, hour: 'L': L, W, # and ? are for the day fields"),
        ("0 0 L-31 * *", "column 7, day of month: '31' is not in 1-30"),
        ("0 0 32W * *", "column 5, day of month: 32 is not in 1-31"),
        ("0 0 15W-20 * *", "column 5, day of month: '15W': L, W, # and ? are no part of a range"),
        ("0 0 1,15W * *", "column 7, day of month: '15W': nW has to be the whole field"),  # C10
        ("0 0 LW,1 * *", "column 5, day of month: 'LW': LW has to be the whole field"),
        ("0 0 L-3W * *", "column 5, day of month: 'L-3W': L-nW is not part of this dialect"),
        ("0 0 * * L", "column 9, day of week: L alone does not say of which weekday"),
        ("0 0 * * 6#6", "column 11, day of week: '6' is not in 1-5"),
        ("0 0 * * 8#1", "column 9, day of week: 8 is not in 0-7"),
        ("0 0 * * 8L", "column 9, day of week: 8 is not in 0-7"),
        ("0 0 * * 6#", "column 11, day of week: a number is missing here"),
        ("H(0-60) * * * *", "column 5, minute: 60 is not in 0-59"),
        ("H(9-3) * * * *", "column 3, minute: goes backwards"),
        ("H/0 * * * *", "column 3, minute: a step of 0 never advances"),
        ("H-5 * * * *", "column 1, minute: 'H-5' is not H, H/15, H(0-29) or H(0-29)/10"),
        ("0~30 * * * *", "column 1, minute: ~ (a random value)"),
        ("1.5 * * * *", "column 1, minute: '1.5' is not a number"),
        ("99999999999999999999 * * * *", "column 1, minute: '99999999999999999999' is not in"),
        ("", "column 1: is empty"),
        (" \t ", "column 1: is empty"),
        ("* * * *", "column 8: has 4 of the five fields"),
        ("0 0 * * *\n", "column 9, day of week: '*\\n'"),
        ("@every 5m", "column 8: nothing may follow @every"),
        ("@every_minute", "column 1: '@every_minute' is not a macro (use an interval schedule)"),
        ("@dayly", "column 1: '@dayly' is not a macro"),
        ("@daily x", "column 8: nothing may follow @daily"),
    ],
)
def test_c17_an_error_names_the_column_the_field_and_the_reason(
    expression: str, words: str
) -> None:
    assert f"expression: {words}" in problem_of(expression)


def test_every_bad_field_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_cron("61 25 * 13 *")
    reasons = [problem.reason for problem in caught.value.problems]
    assert [reason.split(":")[0] for reason in reasons] == [
        "column 1, minute",
        "column 4, hour",
        "column 9, month",
    ]


def test_c16_six_fields_are_refused_with_a_hint() -> None:
    words = problem_of("0 0 12 * * 1")
    assert "column 12: has 6 fields, but the vixie dialect has five" in words
    assert "no seconds and no year" in words


def test_c17_a_long_text_is_refused_before_it_is_read() -> None:
    assert f"has 10000 characters, more than {MAX_LENGTH}" in problem_of("1," * 5000)
    assert "minute" not in problem_of("x" * 10_000)


def test_a_text_that_lists_everything_is_not_too_long() -> None:
    lists = [",".join(map(str, range(low, high))) for low, high in [(0, 60), (0, 24), (1, 32)]]
    assert values_of(f"{' '.join(lists)} * *", 0) == list(range(60))


@pytest.mark.parametrize("dialect", ["jenkins", "", "VIXIE"])
def test_other_dialects_are_refused_by_name(dialect: str) -> None:
    with pytest.raises(InvalidInput, match="use vixie, quartz, aws, spring") as caught:
        parse_cron("0 0 * * *", dialect)
    assert caught.value.problems[0].field == "dialect"
