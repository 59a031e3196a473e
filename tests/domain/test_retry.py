"""Delays between attempts."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.job import Jitter, RetryPolicy
from callboard.domain.retry import retry_delay_s

RNG = Random(1)


def delays(policy: RetryPolicy, count: int) -> list[float | None]:
    return [retry_delay_s(policy, attempt, RNG) for attempt in range(1, count + 1)]


def test_delays_grow_by_the_factor_up_to_the_limit():
    policy = RetryPolicy(max_attempts=10, initial_s=1, factor=2, max_s=5, jitter=Jitter.NONE)
    assert delays(policy, 4) == [1, 2, 4, 5]


def test_the_last_attempt_has_no_successor():
    assert delays(RetryPolicy(max_attempts=2, jitter=Jitter.NONE), 2) == [1, None]


def test_r07_one_attempt_is_never_retried():
    assert retry_delay_s(RetryPolicy(max_attempts=1), 1, RNG) is None


def test_r08_a_thousand_attempts_do_not_overflow():
    policy = RetryPolicy(max_attempts=1000, factor=100, max_s=300, jitter=Jitter.NONE)
    assert retry_delay_s(policy, 999, RNG) == 300


@given(attempt=st.integers(1, 999), seed=st.integers())
def test_r01_full_jitter_stays_between_nothing_and_the_delay(attempt: int, seed: int):
    policy = RetryPolicy(max_attempts=1000, initial_s=1, factor=2, max_s=60)
    delay = retry_delay_s(policy, attempt, Random(seed))
    assert delay is not None
    assert 0 <= delay <= 60
