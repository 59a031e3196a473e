"""The times after which runs wait no longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.given_terms import GivenTerms
from callboard.domain.run import HELD
from callboard.domain.run_terms import (
    RunTerms,
    over_at,
    renewed_terms,
    terms_from_json,
    terms_of,
    terms_to_json,
    waiting_terms,
)
from callboard.domain.time_limit import time_limit_of
from support.factories import NOW, after, make_job, make_run

TIMED = make_job(queue_timeout_s=10, chain_timeout_s=100)


def test_a_run_may_wait_from_its_due_time_on() -> None:
    terms = terms_of(TIMED, {}, NOW, after(60))
    assert terms is not None
    assert (terms.start_by, terms.chain_until) == (after(70), after(100))


def test_a_run_that_is_created_late_may_wait_all_the_same() -> None:
    terms = terms_of(TIMED, {}, NOW, after(-3600))
    assert terms is not None
    assert terms.start_by == after(10)


def test_a_run_that_is_held_does_not_wait_by_itself() -> None:
    terms = terms_of(TIMED, {}, NOW, HELD)
    assert terms is not None
    assert (terms.start_by, over_at(terms)) == (None, after(100))


def test_the_queue_timeout_begins_anew_with_each_wait() -> None:
    again = waiting_terms(terms_of(TIMED, {}, NOW, NOW), after(50), after(70))
    assert again is not None
    assert (again.start_by, again.chain_until) == (after(80), after(100))
    held = waiting_terms(again, after(50), HELD)
    assert held is not None
    assert held.start_by is None


def test_an_operator_begins_the_chain_anew() -> None:
    again = renewed_terms(terms_of(TIMED, {}, NOW, NOW), after(500), after(500))
    assert again is not None
    assert (again.start_by, again.chain_until) == (after(510), after(600))


@pytest.mark.parametrize(
    ("terms", "at"),
    [
        (None, None),
        (RunTerms(priority=3), None),
        (RunTerms(start_by=after(1)), after(1)),
        (RunTerms(chain_until=after(2)), after(2)),
        (RunTerms(start_by=after(1), chain_until=after(2)), after(1)),
        (RunTerms(start_by=after(3), chain_until=after(2)), after(2)),
    ],
)
def test_the_wait_is_over_when_the_first_of_its_times_is(terms: RunTerms | None, at: object):
    assert over_at(terms) == at


@given(st.floats(0.001, 3e7), st.floats(0.001, 3e7))
def test_timeouts_are_stored_with_the_terms(queue_s: float, chain_s: float) -> None:
    job = make_job(queue_timeout_s=queue_s, chain_timeout_s=chain_s)
    terms = terms_of(job, {}, NOW, NOW)
    stored = terms_to_json(terms)
    assert stored is not None
    read = terms_from_json(stored)
    assert (read.queue_timeout_s, read.chain_timeout_s) == (queue_s, chain_s)


def test_what_a_start_says_is_kept_with_its_terms() -> None:
    given = GivenTerms(timeout_s=1.5, annotations={"a": [1]}, workflow_run_id=7)
    terms = terms_of(make_job(), {}, NOW, NOW, given=given)
    assert terms == RunTerms(timeout_s=1.5, annotations={"a": [1]}, workflow_run_id=7)
    stored = terms_to_json(terms)
    assert stored is not None
    assert terms_from_json(stored) == terms
    assert terms.is_followed


@pytest.mark.parametrize(("given", "moves"), [("yes", True), ("no", False), (None, False)])
def test_a_run_moves_the_bookmark_if_its_argument_says_so(given: str | None, moves: bool) -> None:
    job = make_job(bookmark=BookmarkRule(argument="resume", equals="yes"))
    terms = terms_of(job, {"resume": given}, NOW, NOW) or RunTerms()
    assert terms.bookmark is moves
    assert terms_from_json(terms_to_json(terms) or {}) == terms


@pytest.mark.parametrize(
    ("timeout_s", "left_s", "seconds", "type"),
    [
        (5, None, 5, "TimedOut"),
        (5, 20, 5, "TimedOut"),
        (30, 20, 20, "ChainTimeout"),
        (None, 20, 20, "ChainTimeout"),
        (None, -1, -1, "ChainTimeout"),
    ],
)
def test_an_attempt_ends_with_its_chain_at_the_latest(
    timeout_s: float | None, left_s: float | None, seconds: float, type: str
) -> None:
    terms = None if left_s is None else RunTerms(chain_until=after(left_s))
    run = make_run(1, TIMED, started_at=NOW, terms=terms)
    limit = time_limit_of(make_job(timeout_s=timeout_s), run)
    assert limit is not None
    assert (limit.seconds, limit.type) == (seconds, type)


@pytest.mark.parametrize(
    ("job_s", "own_s", "left_s", "seconds", "type"),
    [
        (5, 60, None, 60, "TimedOut"),
        (None, 60, None, 60, "TimedOut"),
        (60, 5, 20, 5, "TimedOut"),
        (5, 60, 20, 20, "ChainTimeout"),
    ],
)
def test_the_timeout_of_a_start_counts_instead_of_the_jobs(
    job_s: float | None, own_s: float, left_s: float | None, seconds: float, type: str
) -> None:
    until = None if left_s is None else after(left_s)
    terms = RunTerms(timeout_s=own_s, chain_until=until)
    run = make_run(1, TIMED, started_at=NOW, terms=terms)
    limit = time_limit_of(make_job(timeout_s=job_s), run)
    assert limit is not None
    assert (limit.seconds, limit.type) == (seconds, type)


def test_most_attempts_have_no_limit() -> None:
    assert time_limit_of(make_job(), make_run(1, TIMED, terms=RunTerms(priority=1))) is None
