"""Whether there is another attempt, and after how long."""

from __future__ import annotations

from math import inf, nan
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.job import MAX_SECONDS, Jitter, RetryPolicy
from callboard.domain.retry import is_worth_another, kinds_of, retry_delay_s
from callboard.domain.run import RunError

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


class NoStock(LookupError):
    pass


def test_the_kinds_of_an_exception_are_its_class_and_its_bases():
    full = f"{__name__}.NoStock"
    assert kinds_of(NoStock()) == (full, "NoStock", "LookupError", "Exception")


def test_a_built_in_exception_has_one_name_for_each_class():
    assert kinds_of(ConnectionRefusedError()) == (
        "ConnectionRefusedError",
        "ConnectionError",
        "OSError",
        "Exception",
    )


def test_what_is_no_exception_of_programs_has_its_own_name():
    assert kinds_of(SystemExit(3)) == ("SystemExit",)
    assert kinds_of(BaseException()) == ("BaseException",)


FAILURE = RunError(type="shop.errors.NoStock", message="", exit_code=4)
KINDS = ("shop.errors.NoStock", "NoStock", "LookupError", "Exception")


@pytest.mark.parametrize(
    ("policy", "is_wanted"),
    [
        ({}, True),
        ({"retry_on": ("LookupError",)}, True),
        ({"retry_on": ("shop.errors.NoStock",)}, True),
        ({"retry_on": ("exit_code:4",)}, True),
        ({"retry_on": ("OSError", "exit_code:1")}, False),
        ({"fatal": ("NoStock",)}, False),
        ({"fatal": ("exit_code:4",)}, False),
        ({"fatal": ("OSError",)}, True),
        ({"fatal": ("LookupError",), "retry_on": ("NoStock",)}, False),
    ],
)
def test_a_policy_sorts_failures_by_their_kinds(policy: dict[str, Any], is_wanted: bool):
    assert is_worth_another(RetryPolicy(**policy), FAILURE, KINDS, None) is is_wanted


def test_who_saw_the_failure_may_know_better_but_not_than_a_fatal_kind():
    narrow, strict = RetryPolicy(retry_on=("OSError",)), RetryPolicy(fatal=("NoStock",))
    assert is_worth_another(narrow, FAILURE, KINDS, True)
    assert not is_worth_another(RetryPolicy(), FAILURE, KINDS, False)
    assert not is_worth_another(strict, FAILURE, KINDS, True)


def test_an_error_without_a_class_has_its_type():
    policy = RetryPolicy(retry_on=("TimedOut",))
    assert is_worth_another(policy, RunError(type="TimedOut", message=""), (), None)
    assert not is_worth_another(policy, None, (), None)


def test_what_a_server_asked_for_takes_the_place_of_the_backoff():
    policy = RetryPolicy(max_attempts=5, initial_s=100, jitter=Jitter.NONE)
    assert retry_delay_s(policy, 1, RNG, after_s=7.0) == 7.0
    assert retry_delay_s(policy, 5, RNG, after_s=7.0) is None


@given(seed=st.integers(), attempt=st.integers(1, 9))
def test_r01_who_got_the_same_answer_does_not_come_back_in_the_same_moment(seed: int, attempt: int):
    policy = RetryPolicy(max_attempts=10, initial_s=1, max_s=60)
    delay = retry_delay_s(policy, attempt, Random(seed), after_s=30.0)
    assert delay is not None
    assert 30.0 <= delay <= 90.0
    assert delay != retry_delay_s(policy, attempt, Random(seed + 1), after_s=30.0)


@pytest.mark.parametrize(
    ("given", "delay"), [(-1.0, 0.0), (inf, MAX_SECONDS), (1e300, MAX_SECONDS), (nan, 5.0)]
)
def test_r08_what_was_asked_for_is_kept_within_bounds(given: float, delay: float):
    policy = RetryPolicy(max_attempts=2, initial_s=5, jitter=Jitter.NONE)
    assert retry_delay_s(policy, 1, RNG, after_s=given) == delay
