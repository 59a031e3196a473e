"""Whatever happens when: every slot in exactly one entry, and the preview is what then happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.misfire import (
    MOST_PER_PLAN,
    SlotPlan,
    is_due,
    is_on_time,
    plan_any,
    plan_on_time,
    plan_slots,
)
from callboard.domain.outlook import outlook
from callboard.domain.pause import Missed, paused, resumed
from callboard.domain.settle import settled
from callboard.domain.trigger import Trigger, TriggerState
from domain.random_triggers import naive_points, random_trigger, with_policy

MICROSECOND = timedelta(microseconds=1)
SPAN = timedelta(days=100)
MOST_PREVIEWED = 40


@dataclass
class Life:
    """A trigger that lives through a sequence of events, and its ledger."""

    trigger: Trigger
    now: datetime
    entries: list[LedgerEntry] = field(default_factory=list)

    def take(self, plan: SlotPlan) -> None:
        assert plan.before == self.trigger
        assert len(plan.entries) <= MOST_PER_PLAN
        self.entries += plan.entries
        self.trigger = plan.after

    def decide(self) -> None:
        while is_due(self.trigger, self.now):
            self.take(plan_slots(self.trigger, self.now))

    def settle(self) -> None:
        while (plan := settled(self.trigger, self.now)) is not None:
            self.take(plan)

    def step(self, random: Random) -> None:
        state = self.trigger.state
        match random.randrange(6):
            case 0 if state is TriggerState.ACTIVE:
                self.settle()
                until = random.choice((None, self.now + timedelta(hours=random.randrange(1, 99))))
                if self.trigger.state is TriggerState.ACTIVE:
                    self.trigger = paused(self.trigger, self.now, until)
            case 1 if state is TriggerState.PAUSED:
                self.take(resumed(self.trigger, self.now, random.choice(list(Missed))))
                self.decide()
            case 2:
                self.settle()
                self.trigger = with_policy(self.trigger, random)
            case _:
                self.decide()
        self.now += timedelta(seconds=random.randrange(1, random.choice((60, 9000, 2_000_000))))


def lived(random: Random, steps: int) -> tuple[Trigger, Life]:
    """A trigger at its activation, and its life after some steps, everything decided."""
    trigger = random_trigger(random)
    assert trigger.anchor_at is not None
    life = Life(trigger, trigger.anchor_at)
    for _ in range(steps):
        life.step(random)
    life.settle()
    return trigger, life


def check_ledger(trigger: Trigger, life: Life) -> None:
    """Every point of the life in exactly one entry, in order, counted right."""
    until = life.now
    if life.trigger.state is TriggerState.COMPLETED and life.trigger.is_spent:
        assert life.trigger.last_slot is not None
        until = life.trigger.last_slot
    points = naive_points(trigger, trigger.cursor + MICROSECOND, until)
    assert all((a.until or a.slot) < b.slot for a, b in pairwise(life.entries))
    instants = list(points)
    position = 0
    for entry in life.entries:
        last = entry.until or entry.slot
        inside = []
        while position < len(instants) and instants[position] <= last:
            inside.append(instants[position])
            position += 1
        assert inside, entry
        assert (inside[0], inside[-1]) == (entry.slot, last)
        assert entry.count == sum(points[each] or 1 for each in inside)
        if entry.decision is Decision.FIRED:
            assert points[entry.slot] is None
    assert position == len(instants), instants[position:]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 12))
def test_every_slot_of_a_life_is_in_exactly_one_entry(seed: int, steps: int):
    check_ledger(*lived(Random(seed), steps))


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=5000, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 20))
def test_every_slot_of_many_lives_is_in_exactly_one_entry(seed: int, steps: int):
    check_ledger(*lived(Random(seed), steps))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.floats(0, 1), max_size=6))
def test_the_decided_slots_do_not_depend_on_when_they_are_decided(seed: int, cuts: list[float]):
    trigger = random_trigger(Random(seed))
    assert trigger.anchor_at is not None
    ends = [trigger.anchor_at + SPAN * cut for cut in sorted(cuts)] + [trigger.anchor_at + SPAN]
    life = Life(trigger, trigger.anchor_at)
    for end in ends:
        life.now = end
        life.settle()
    check_ledger(trigger, life)


def check_preview(trigger: Trigger) -> None:
    """What the outlook promised at the activation is what prompt decisions then wrote."""
    assert trigger.anchor_at is not None
    start, end = trigger.anchor_at, trigger.anchor_at + SPAN
    ahead = outlook(trigger, now=start - MICROSECOND, since=start, until=end)
    promised = list(islice(ahead, MOST_PREVIEWED))
    if len(promised) == MOST_PREVIEWED:
        end = promised[-1].slot
    life = Life(trigger, start)
    while (wake := life.trigger.wake_at) is not None and wake < end:
        life.now = wake
        life.decide()
    known = life.trigger.cursor
    assert _rows(each for each in promised if each.slot <= known) == _rows(life.entries)


def _rows(entries: Sequence[LedgerEntry]) -> list[tuple[object, ...]]:
    return [(each.slot, each.until, each.count, each.reason) for each in entries]


def test_the_preview_is_what_happens():
    random = Random(20260101)
    for _ in range(400):
        check_preview(random_trigger(random))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_preview_of_ten_thousand_triggers_is_what_happens():
    random = Random(7)
    for _ in range(10_000):
        check_preview(random_trigger(random))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(0, 6),
    late_s=st.one_of(
        st.sampled_from((0.0, 1e-6, 60.0, 60.000001)), st.floats(0, 400), st.floats(0, 9e5)
    ),
)
def test_a_plan_made_ahead_is_the_plan_of_its_instant(seed: int, steps: int, late_s: float):
    trigger = lived(Random(seed), steps)[1].trigger
    if trigger.wake_at is None:
        return
    ahead, now = plan_on_time(trigger), trigger.wake_at + timedelta(seconds=late_s)
    if ahead is not None and is_on_time(ahead, now):
        assert ahead == plan_any(trigger, now)
    assert plan_slots(trigger, now) == plan_any(trigger, now)


def test_many_plans_can_be_made_ahead():
    triggers = [random_trigger(Random(seed)) for seed in range(200)]
    plans = [plan for each in triggers if (plan := plan_on_time(each)) is not None]
    assert len(plans) > 50
    for plan in plans:
        (entry,) = plan.entries
        assert is_on_time(plan, entry.slot)
        assert not is_on_time(plan, entry.slot - MICROSECOND)
        assert not is_on_time(plan, entry.slot + timedelta(days=1000))
