"""When a lease is renewed and when it is given up, by a clock and a line that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.json import JsonObject
from callboard.errors import StoreUnavailable
from callboard.pulse import Failing, GivenUp, Pulse, Renewed
from callboard.store.contract import Renewal
from callboard.testing import VirtualClock

LEASE_S = 16.0
LEASE = timedelta(seconds=LEASE_S)
FENCE_S = 0.8 * LEASE_S
BLOCK_LIMIT_S = 600.0
Answer = Callable[[float], float]
"""From the deadline of a renewal to how long it took; raises what the line would raise."""


class FakeClock(VirtualClock):
    """A clock that one may simply set."""

    def pass_s(self, seconds: float) -> None:
        self._monotonic += seconds


class FakeLine:
    """Answers as it is told, and takes its time by the test's clock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.asked: list[tuple[float, float]] = []
        """When, and with which deadline."""
        self.vitals: list[JsonObject | None] = []
        self.mood = "well"
        self.takes_s = 0.01

    def renew(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None, *, deadline_s: float
    ) -> Renewal | None:
        self.asked.append((self._clock.monotonic(), deadline_s))
        self.vitals.append(vitals)
        if self.mood == "silent":
            self._clock.pass_s(deadline_s)
            raise StoreUnavailable("the database did not answer in time")
        self._clock.pass_s(min(self.takes_s, deadline_s))
        if self.mood == "refusing":
            raise StoreUnavailable("refused")
        if self.mood == "taken":
            return None
        now = self._clock.now()
        return Renewal(now=now, lease_until=now + lease, live_nodes=1, stopping=())

    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class Stage:
    """A pulse, and whoever waits for as long as it says."""

    def __init__(self, vitals: Callable[[float], JsonObject | None] = lambda _: None) -> None:
        self.clock = FakeClock()
        self.line = FakeLine(self.clock)
        self.told: list[Renewed | Failing | GivenUp] = []
        self.told_at: list[float] = []
        self.pulse = Pulse(
            line=self.line,
            post=self._hear,
            lease=LEASE,
            block_limit_s=BLOCK_LIMIT_S,
            vitals=vitals,
            clock=self.clock,
        )
        self.pulse.begin(7, asked_at=0.0)

    def _hear(self, told: Renewed | Failing | GivenUp) -> None:
        self.told.append(told)
        self.told_at.append(self.clock.monotonic())

    def run_until(self, end: float, *, blocked_s: float = 0.0) -> None:
        while True:
            wait_s = self.pulse.step(self.clock.monotonic(), blocked_s=blocked_s)
            now = self.clock.monotonic()
            if wait_s is None or now + wait_s > end:
                self.clock.pass_s(max(0.0, end - now))
                return
            self.clock.pass_s(wait_s)

    @property
    def renewals(self) -> list[Renewed]:
        return [told for told in self.told if isinstance(told, Renewed)]

    @property
    def given_up(self) -> list[GivenUp]:
        return [told for told in self.told if isinstance(told, GivenUp)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_lease_is_renewed_each_quarter_of_it(stage: Stage) -> None:
    stage.run_until(4 * LEASE_S + 1)
    asked = [at for at, _ in stage.line.asked]
    assert asked == pytest.approx([4.0 * n for n in range(1, 17)])
    assert [each.epoch for each in stage.renewals] == [7] * 16
    assert stage.renewals[0].asked_at == 4.0
    assert stage.renewals[0].answered_at == pytest.approx(4.01)


def test_h06_three_beats_may_be_missed_before_the_lease_ends(stage: Stage) -> None:
    stage.line.mood = "refusing"
    stage.run_until(LEASE_S)
    beats = {int(at // (LEASE_S / 4)) for at, _ in stage.line.asked}
    assert {1, 2, 3} <= beats


def test_nothing_is_done_without_a_lease(stage: Stage) -> None:
    stage.pulse.rest()
    assert stage.pulse.step(100.0) is None
    assert stage.line.asked == []


def test_a_lease_of_unknown_age_is_renewed_at_once(stage: Stage) -> None:
    stage.pulse.begin(8, asked_at=0.0, at_once=True)
    stage.run_until(0.1)
    assert [each.epoch for each in stage.renewals] == [8]


def test_a_lease_that_was_taken_away_is_told_once_and_not_asked_for_again(stage: Stage) -> None:
    stage.line.mood = "taken"
    stage.run_until(2 * LEASE_S)
    (told,) = stage.renewals
    assert told.renewal is None
    assert len(stage.line.asked) == 1


@pytest.mark.parametrize("mood", ["refusing", "silent"])
@pytest.mark.parametrize("begins_s", [0.0, 3.9, 4.0, 7.3])
def test_h07_a_lease_that_cannot_be_renewed_is_given_up_at_the_fence(
    stage: Stage, mood: str, begins_s: float
) -> None:
    stage.run_until(begins_s)
    renewed_at = stage.renewals[-1].asked_at if stage.renewals else 0.0
    stage.line.mood = mood
    stage.run_until(3 * LEASE_S)
    (told,) = stage.given_up
    assert "could not be renewed" in told.reason
    assert stage.told_at[-1] == pytest.approx(renewed_at + FENCE_S)


@given(st.data())
def test_h07_no_renewal_is_waited_for_beyond_the_fence(data: st.DataObject) -> None:
    """Whatever the database does, and however long each of its answers takes."""
    stage = Stage()
    for _ in range(data.draw(st.integers(1, 30))):
        stage.line.mood = data.draw(st.sampled_from(["well", "refusing", "silent"]))
        stage.line.takes_s = data.draw(st.floats(0.0, 8.0))
        stage.run_until(stage.clock.monotonic() + data.draw(st.floats(0.0, 6.0)))
    renewed_at = 0.0
    answers = {each.asked_at for each in stage.renewals}
    for at, deadline_s in stage.line.asked:
        assert at + deadline_s <= renewed_at + FENCE_S + 1e-6
        renewed_at = at if at in answers else renewed_at
    for told, at in zip(stage.told, stage.told_at, strict=True):
        if isinstance(told, GivenUp):
            assert at <= renewed_at + FENCE_S + 0.01
    assert len(stage.given_up) <= 1


def test_after_a_failure_the_lease_is_asked_for_more_often(stage: Stage) -> None:
    stage.line.mood = "refusing"
    stage.run_until(6.0)
    assert len(stage.line.asked) == 4
    stage.line.mood = "well"
    stage.run_until(7.0)
    assert len(stage.renewals) == 1
    assert stage.given_up == []


def test_a_second_failure_is_told_for_there_may_be_another_way(stage: Stage) -> None:
    stage.line.mood = "refusing"
    stage.run_until(4.1)
    assert stage.told == []
    stage.run_until(7.0)
    assert stage.told == [Failing(epoch=7, reason="refused")]
    stage.pulse.begin(7, asked_at=7.0)
    stage.line.mood = "well"
    stage.run_until(7.0 + LEASE_S)
    assert stage.given_up == []


def test_h02_a_process_that_stood_still_asks_once_and_shortly_before_it_goes_on(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.clock.pass_s(3 * LEASE_S)
    stage.run_until(3 * LEASE_S + 1)
    ((at, deadline_s),) = stage.line.asked
    assert (at, deadline_s) == (3 * LEASE_S, pytest.approx(0.1 * LEASE_S))
    assert stage.renewals[0].renewal is not None
    assert "this process stood still for 44.0 s" in caplog.text


@pytest.mark.parametrize("mood", ["refusing", "silent"])
def test_h02_a_process_that_stood_still_and_gets_no_answer_gives_up(
    stage: Stage, mood: str
) -> None:
    stage.clock.pass_s(LEASE_S)
    stage.line.mood = mood
    stage.run_until(3 * LEASE_S)
    assert len(stage.given_up) == len(stage.line.asked) == 1
    assert stage.told_at[0] <= 1.1 * LEASE_S


def test_a_failing_renewal_and_then_a_standstill_is_no_second_chance(stage: Stage) -> None:
    stage.line.mood = "refusing"
    stage.run_until(5.0)
    asked = len(stage.line.asked)
    stage.clock.pass_s(LEASE_S)
    stage.line.mood = "well"
    stage.run_until(3 * LEASE_S)
    assert len(stage.line.asked) == asked
    assert len(stage.given_up) == 1


def test_t06_a_blocked_loop_is_no_reason_to_let_the_lease_go(stage: Stage) -> None:
    stage.run_until(4 * LEASE_S, blocked_s=BLOCK_LIMIT_S - 1)
    assert stage.given_up == []
    assert len(stage.renewals) >= 15


def test_t06_a_loop_that_is_blocked_for_too_long_is(stage: Stage) -> None:
    stage.run_until(3 * LEASE_S, blocked_s=BLOCK_LIMIT_S)
    (told,) = stage.given_up
    assert told.reason == "the event loop has been blocked for 600 s"
    assert stage.line.asked == []


def test_each_renewal_says_what_the_node_does() -> None:
    seen = iter_of({"rss_mb": 1.0}, {"rss_mb": 2.0})
    stage = Stage(vitals=lambda _: next(seen))
    stage.run_until(9.0)
    assert stage.line.vitals == [{"rss_mb": 1.0}, {"rss_mb": 2.0}]


def iter_of(*values: Any) -> Iterator[Any]:
    return iter(values)


def test_a_look_that_fails_costs_the_vitals_and_not_the_lease() -> None:
    def fail(_: float) -> JsonObject | None:
        raise RuntimeError("dictionary changed size during iteration")

    stage = Stage(vitals=fail)
    stage.run_until(5.0)
    assert stage.line.vitals == [None]
    assert len(stage.renewals) == 1
