"""Wishes of handlers: their durations, and their plain form."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from callboard import Cancel, Retry, Snooze
from callboard.domain.job import MAX_SECONDS
from callboard.errors import InvalidInput


def test_durations_are_seconds_or_timedeltas() -> None:
    assert Snooze(90).after_s == Snooze(timedelta(minutes=1.5)).after_s == 90.0
    assert Retry(after=timedelta(days=1)).after_s == 86_400.0


def test_a_retry_need_not_say_when() -> None:
    assert Retry().after_s is None


@pytest.mark.parametrize(("given", "seconds"), [(-5, 0.0), (-inf, 0.0), (timedelta(-1), 0.0)])
def test_r08_a_negative_duration_is_none_at_all(given: Any, seconds: float) -> None:
    assert Snooze(given).after_s == Retry(after=given).after_s == seconds


@pytest.mark.parametrize("given", [inf, 1e300, 10**400, timedelta.max], ids="abcd")
def test_r08_an_overlong_duration_is_a_year(given: Any) -> None:
    assert Snooze(given).after_s == Retry(after=given).after_s == MAX_SECONDS


@pytest.mark.parametrize("given", [nan, "10 minutes", True, [1], 1j])
def test_r08_what_is_no_duration_is_refused_where_it_is_written(given: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Retry\.after: .* is not a duration"):
        Retry(after=given)
    with pytest.raises(InvalidInput, match=r"Snooze\.for_: .* is not a duration"):
        Snooze(given)


def test_a_snooze_says_for_how_long() -> None:
    with pytest.raises(InvalidInput, match=r"Snooze\.for_: None"):
        Snooze(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [Retry, Cancel, lambda reason: Snooze(1, reason)])
def test_a_reason_is_a_text(make: Any) -> None:
    with pytest.raises(InvalidInput, match="int is not a text"):
        make(reason=5)
