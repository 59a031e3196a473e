"""Overlap: what becomes of a firing that comes while earlier ones are live."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.overlap import Admission, Answer, Firing, admission, is_sequenced
from callboard.domain.schedule import every
from callboard.domain.trigger import (
    Action,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
)
from callboard.errors import InvalidInput
from support.factories import NOW

P = OverlapPolicyName
NEW = "new"


def firings(live: int = 0, held: int = 0) -> list[Firing]:
    return [
        Firing(trigger_id=1, trace_id=f"{number}", since=NOW, is_held=number >= live)
        for number in range(live + held)
    ]


def answer(policy: P, limit: int | None = None, *, live: int = 0, held: int = 0) -> Answer:
    overlap = OverlapPolicy(policy=policy, limit=limit)
    return admission(overlap, firings(live, held), NEW).answer


@pytest.mark.parametrize("policy", P)
def test_a_firing_that_is_alone_starts(policy: P) -> None:
    assert answer(policy) is Answer.ADMIT


def test_allow_starts_any_number() -> None:
    assert answer(P.ALLOW, live=1000) is Answer.ADMIT


def test_allow_with_a_limit_starts_so_many() -> None:
    answers = [answer(P.ALLOW, 2, live=live) for live in range(4)]
    assert answers == [Answer.ADMIT, Answer.ADMIT, Answer.REFUSE, Answer.REFUSE]


def test_skip_starts_one() -> None:
    assert answer(P.SKIP, live=1) is Answer.REFUSE
    assert answer(P.SKIP, held=1) is Answer.REFUSE


def test_buffer_one_holds_one() -> None:
    assert answer(P.BUFFER_ONE, live=1) is Answer.HOLD
    assert answer(P.BUFFER_ONE, live=1, held=1) is Answer.REFUSE


def test_a_buffer_holds_its_limit() -> None:
    assert answer(P.BUFFER, 3, live=1, held=2) is Answer.HOLD
    assert answer(P.BUFFER, 3, live=1, held=3) is Answer.REFUSE


def test_a_buffer_without_a_limit_holds_a_thousand() -> None:
    assert answer(P.BUFFER, live=1, held=999) is Answer.HOLD
    assert answer(P.BUFFER, live=1, held=1000) is Answer.REFUSE


def test_a_firing_does_not_overtake_held_ones() -> None:
    assert answer(P.BUFFER, held=1) is Answer.HOLD


@pytest.mark.parametrize("policy", [P.CANCEL_OLD, P.KILL_OLD])
def test_what_stops_old_firings_waits_for_their_end(policy: P) -> None:
    old = firings(live=1, held=1)
    admitted = admission(OverlapPolicy(policy=policy), old, NEW)
    assert admitted == Admission(answer=Answer.HOLD, stopped=tuple(old))


@pytest.mark.parametrize("policy", [P.CANCEL_OLD, P.KILL_OLD])
def test_what_stops_old_firings_takes_the_place_of_held_ones_at_once(policy: P) -> None:
    old = firings(held=1)
    admitted = admission(OverlapPolicy(policy=policy), old, NEW)
    assert admitted == Admission(answer=Answer.ADMIT, stopped=tuple(old))


@pytest.mark.parametrize("policy", P)
@pytest.mark.parametrize("is_held", [False, True])
def test_a_further_run_of_a_live_firing_goes_with_it(policy: P, is_held: bool) -> None:
    own = Firing(trigger_id=1, trace_id=NEW, since=NOW, is_held=is_held)
    others = firings(live=0 if is_held else 1, held=5)
    admitted = admission(OverlapPolicy(policy=policy), [*others, own], NEW)
    assert admitted == Admission(answer=Answer.HOLD if is_held else Answer.ADMIT)


@given(st.sampled_from(P), st.none() | st.integers(1, 5), st.integers(0, 6), st.integers(0, 6))
def test_only_allow_starts_a_firing_beside_a_live_one(
    policy: P, limit: int | None, live: int, held: int
) -> None:
    if policy in (P.ALLOW, P.BUFFER):
        overlap = OverlapPolicy(policy=policy, limit=limit)
    else:
        overlap = OverlapPolicy(policy=policy)
    admitted = admission(overlap, firings(live, held), NEW).answer
    if policy is not P.ALLOW and live:
        assert admitted is not Answer.ADMIT
    if policy is P.ALLOW and limit is not None:
        assert (admitted is Answer.ADMIT) == (live + held < limit)


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        (P.ALLOW, 0),
        (P.BUFFER, 0),
        (P.BUFFER, 10_001),
        (P.SKIP, 1),
        (P.BUFFER_ONE, 2),
        (P.CANCEL_OLD, 1),
    ],
)
def test_a_limit_that_means_nothing_is_refused(policy: P, limit: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Trigger(
            name="t",
            schedule=every(hours=1),
            actions=(Action(job="j"),),
            overlap=OverlapPolicy(policy=policy, limit=limit),
        )
    assert [problem.field for problem in caught.value.problems] == ["overlap.limit"]


def test_the_end_of_runs_means_something_to_policies_that_hold() -> None:
    def sequenced(policy: P) -> bool:
        overlap = OverlapPolicy(policy=policy)
        trigger = Trigger(
            name="t", schedule=every(hours=1), actions=(Action(job="j"),), overlap=overlap
        )
        return is_sequenced(trigger)

    assert {policy for policy in P if sequenced(policy)} == {*P} - {P.ALLOW, P.SKIP}
