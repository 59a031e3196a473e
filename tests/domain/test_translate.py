"""A translation matches the same times, or there is none."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callboard.domain.cron import CronFields, parse_cron
from callboard.domain.translate import translate, translation_notes
from callboard.errors import InvalidInput
from domain.oracle_samples import DIALECTS, make_text
from domain.oracle_text import Meaning, read

RANDOMS = st.integers(0, 2**32).map(Random)


@pytest.mark.parametrize(
    ("source", "text", "target", "translated"),
    [
        ("vixie", "0 9 * * mon-fri", "quartz", "0 0 9 ? * mon-fri"),
        ("vixie", "0 9 * * mon-fri", "aws", "cron(0 9 ? * mon-fri *)"),
        ("vixie", "0 9 * * mon-fri", "spring", "0 0 9 * * mon-fri"),
        ("vixie", "*/5 * * * *", "quartz", "0 */5 * * * ?"),
        ("vixie", "@daily", "aws", "cron(0 0 * * ? *)"),
        ("vixie", "0 0 * * 5-7", "quartz", "0 0 0 ? * 6-1"),
        ("vixie", "0 0 * * 7", "quartz", "0 0 0 ? * 1"),
        ("vixie", "0 0 * * 0-7", "quartz", "0 0 0 * * ?"),
        ("vixie", "0 0 * * L5", "spring", "0 0 0 * * 5L"),
        ("vixie", "0 0 */2 * 1", "spring", "0 0 0 */2 * 1"),
        ("vixie", "0 22-2 * * *", "spring", "0 0 0-2,22,23 * * *"),
        ("quartz", "0 0 9 ? * 6L", "vixie", "0 9 * * 5L"),
        ("quartz", "0 0 9 ? * L", "vixie", "0 9 * * SAT"),
        ("quartz", "0 0 9 ? * 6-1", "spring", "0 0 9 * * 5-7"),
        ("quartz", "0 /15 9 L-3 * ?", "vixie", "0/15 9 L-3 * *"),
        ("quartz", "0 0 9 ? * MON 2026-2028", "aws", "cron(0 9 ? * MON 2026-2028)"),
        ("aws", "cron(0 9 1W * ? *)", "vixie", "0 9 1W * *"),
        ("aws", "at(2026-12-24T18:00:00)", "quartz", "0 0 18 24 12 ? 2026"),
        ("spring", "0 0 0 1-7 * MON", "vixie", "0 0 * * 1#1"),
        ("spring", "30 0 0 * * *", "quartz", "30 0 0 * * ?"),
        ("spring", " 0 0 0 * * * ", "spring", "0 0 0 * * *"),
    ],
)
def test_a_text_in_another_dialect(source: str, text: str, target: str, translated: str) -> None:
    assert translate(text, source, target) == translated


@pytest.mark.parametrize(
    ("source", "text", "target", "words", "fix"),
    [
        ("vixie", "0 0 13 * 5", "quartz", "cannot say 'or'", "two triggers"),
        ("vixie", "0 0 13 * 5", "spring", "cannot say 'or'", "two triggers"),
        ("vixie", "0 0 */2 * 1", "quartz", "cannot say 'and'", "calendar"),
        ("vixie", "@reboot", "spring", "@reboot runs on start", "vixie"),
        ("quartz", "*/10 * * * * ?", "vixie", "other seconds than 0", "interval schedule"),
        ("quartz", "30 0 9 * * ?", "aws", "other seconds than 0", "interval schedule"),
        ("quartz", "0 0 9 * * ? 2026", "vixie", "for some years only", "start_at and end_at"),
        ("quartz", "0 0 9 L-3 * ?", "aws", "no form that keeps the meaning of 'L-3'", "quartz"),
        ("aws", "rate(5 minutes)", "vixie", "a fixed rate", "every_s 300"),
        ("aws", "at(2026-12-24T18:00:00)", "spring", "has no years", "at schedule"),
        ("vixie", "*/70 2 * * *", "quartz", "at clock changes", "gap 'skip' and fold 'both'"),
        ("vixie", "61 * * * *", "quartz", "column 1, minute: 61 is not in 0-59", ""),
    ],
)
def test_what_would_change_meaning_is_refused_with_a_way_out(
    source: str, text: str, target: str, words: str, fix: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        translate(text, source, target)
    (problem,) = caught.value.problems
    assert problem.field == "expression"
    assert words in problem.reason
    assert fix in problem.fix


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(InvalidInput, match="dialect: 'jenkins' is not a dialect"):
        translate("0 0 * * *", "vixie", "jenkins")
    with pytest.raises(InvalidInput, match="dialect: 'jenkins' is not a dialect"):
        translate("0 0 * * *", "jenkins", "vixie")


def test_hashed_values_become_the_numbers_that_they_stand_for() -> None:
    text = translate("H H * * *", "vixie", "quartz", hash_key="billing/close")
    ours = parse_cron("H H * * *", "vixie", "billing/close")
    assert same(parse_cron(text, "quartz"), ours)
    assert "H" not in text
    assert translation_notes("H H * * *", "vixie", "quartz", "billing/close") == (
        "H is written as the numbers that it stands for with the key 'billing/close'",
    )
    assert translation_notes("0 0 * * *", "vixie", "quartz") == ()


def same(a: CronFields, b: CronFields) -> bool:
    return (a.seconds, a.minutes, a.hours, a.months, a.years, a.day_masks, a.is_wildcard) == (
        *(b.seconds, b.minutes, b.hours, b.months, b.years, b.day_masks, b.is_wildcard),
    )


def means_the_same(a: Meaning, b: Meaning, first: date) -> bool:
    """Asks three years of dates one by one."""
    times = (a.seconds, a.minutes, a.hours, a.wildcard) == (
        *(b.seconds, b.minutes, b.hours, b.wildcard),
    )
    days = (first + timedelta(days=n) for n in range(3 * 366))
    return times and all(a.matches_date(day) == b.matches_date(day) for day in days)


@settings(max_examples=400, deadline=None)
@given(
    RANDOMS,
    st.sampled_from([*permutations(DIALECTS, 2)]),
    st.dates(date(1975, 1, 1), date(2190, 1, 1)),
)
def test_a_translation_keeps_every_slot_and_so_does_the_way_back(
    random: Random, pair: tuple[str, str], first: date
) -> None:
    source, target = pair
    text = make_text(random, source)
    try:
        there = translate(text, source, target)
    except InvalidInput:
        assume(False)
    assert same(parse_cron(there, target), parse_cron(text, source))
    assert means_the_same(read(there, target), read(text, source), first)
    try:
        back = translate(there, target, source)
    except InvalidInput as error:
        # Only where the text had to lose the * that makes vixie ask for both day fields.
        assert_only_vixie_cannot(source, str(error))
        return
    assert means_the_same(read(back, source), read(text, source), first)


def assert_only_vixie_cannot(target: str, words: str) -> None:
    assert target == "vixie"
    assert "cannot say 'and'" in words or "at clock changes" in words, words


@settings(max_examples=200, deadline=None)
@given(RANDOMS, st.sampled_from(["quartz", "aws", "spring"]))
def test_a_vixie_text_with_one_day_field_can_be_said_everywhere(
    random: Random, target: str
) -> None:
    minute, hour = random.randrange(60), random.choice(("*", "*/2", "9-17", "22-3", "8,20"))
    days = random.choice(("* *", "13 *", "1,15 *", "* mon-fri", "* 0", "* 5-7", "LW *", "* 5#2"))
    day, weekday = days.split()
    text = f"{minute} {hour} {day} {random.randint(1, 12)} {weekday}"
    there = translate(text, "vixie", target)
    assert same(parse_cron(there, target), parse_cron(text))


def test_a_star_in_front_stays_where_the_rest_of_the_list_has_to_be_rewritten() -> None:
    assert translate("*/30,50-5/5 9 * * *", "vixie", "spring") == "0 */30,0,5,30,50,55 9 * * *"
