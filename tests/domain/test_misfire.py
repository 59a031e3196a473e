"""From a due trigger to its decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import MOST_PER_PLAN, is_due, plan_slots
from callboard.domain.schedule import at, cron, every, slots_between
from callboard.domain.trigger import (
    Action,
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    Trigger,
    TriggerState,
    activated,
)
from callboard.errors import BugError

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(**changes: object) -> Trigger:
    values = {"schedule": every(hours=1), **changes}
    trigger = Trigger(name="t", actions=(Action(job="j"),), id=1, **values)  # type: ignore[arg-type]
    return activated(trigger, START)


def fired(entries: tuple[LedgerEntry, ...]) -> list[datetime]:
    return [entry.slot for entry in entries if entry.decision is Decision.FIRED]


def skipped(entries: tuple[LedgerEntry, ...]) -> list[tuple[SkipReason | None, int]]:
    return [(e.reason, e.count) for e in entries if e.decision is Decision.SKIPPED]


def test_a_slot_on_time_fires_and_the_next_one_follows():
    plan = plan_slots(hourly(), START + HOUR)
    assert fired(plan.entries) == [START + HOUR]
    assert plan.after.next_slot == START + 2 * HOUR
    assert plan.after.last_slot == START + HOUR
    assert plan.after.firings == 1


def test_a_trigger_that_is_not_due_is_not_planned():
    with pytest.raises(BugError):
        plan_slots(hourly(), START)


def test_m02_ten_missed_hours_fire_once_at_the_latest_slot():
    plan = plan_slots(hourly(), START + 10 * HOUR + timedelta(minutes=30))
    assert fired(plan.entries) == [START + 10 * HOUR]
    assert skipped(plan.entries) == [(SkipReason.COALESCED, 9)]
    assert plan.after.next_slot == START + 11 * HOUR


def test_the_earliest_missed_slot_fires_where_the_policy_says_so():
    trigger = hourly(misfire=MisfirePolicy(coalesce=Coalesce.EARLIEST))
    plan = plan_slots(trigger, START + 10 * HOUR + timedelta(minutes=30))
    assert fired(plan.entries) == [START + HOUR]
    assert skipped(plan.entries) == [(SkipReason.COALESCED, 9)]


def test_m01_fire_all_with_a_cap_fires_the_newest_in_order():
    misfire = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, cap=4)
    plan = plan_slots(hourly(misfire=misfire), START + 10 * HOUR + timedelta(minutes=30))
    assert fired(plan.entries) == [START + n * HOUR for n in (7, 8, 9, 10)]
    assert skipped(plan.entries) == [(SkipReason.CAPPED, 6)]


def test_fire_all_without_a_cap_leaves_what_one_plan_cannot_hold_due():
    misfire = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL)
    now = START + (MOST_PER_PLAN + 5) * HOUR
    plan = plan_slots(hourly(misfire=misfire), now)
    assert len(fired(plan.entries)) == MOST_PER_PLAN
    assert is_due(plan.after, now)
    rest = plan_slots(plan.after, now)
    assert len(fired(rest.entries)) == 5
    assert not is_due(rest.after, now)


def test_skip_skips_every_missed_slot():
    misfire = MisfirePolicy(policy=MisfirePolicyName.SKIP)
    plan = plan_slots(hourly(misfire=misfire), START + 10 * HOUR + timedelta(minutes=30))
    assert fired(plan.entries) == []
    assert skipped(plan.entries) == [(SkipReason.MISFIRE, 10)]


@pytest.mark.parametrize(
    ("late", "decision"),
    [
        (timedelta(seconds=60), Decision.FIRED),
        (timedelta(seconds=60) - timedelta(microseconds=1), Decision.FIRED),
        (timedelta(seconds=60) + timedelta(microseconds=1), Decision.SKIPPED),
    ],
)
def test_m04_the_grace_is_inclusive(late: timedelta, decision: Decision):
    misfire = MisfirePolicy(policy=MisfirePolicyName.SKIP, grace_s=60)
    plan = plan_slots(hourly(misfire=misfire), START + HOUR + late)
    assert plan.entries[0].decision is decision


def test_slots_older_than_the_window_are_skipped_whatever_the_policy():
    misfire = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, window_s=3 * 3600)
    plan = plan_slots(hourly(misfire=misfire), START + 10 * HOUR + timedelta(minutes=30))
    assert fired(plan.entries) == [START + n * HOUR for n in (8, 9, 10)]
    assert skipped(plan.entries) == [(SkipReason.MISFIRE, 7)]


def test_m03_two_weeks_of_five_second_slots_are_two_rows():
    trigger = hourly(schedule=every(seconds=5))
    plan = plan_slots(trigger, START + timedelta(weeks=2))
    in_grace = 60 // 5 + 1
    assert len(plan.entries) == 1 + 1 + in_grace
    assert sum(entry.count for entry in plan.entries) == 14 * 24 * 3600 // 5


def test_m03_the_newest_slots_of_two_weeks_are_found_without_a_walk():
    misfire = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, cap=3, grace_s=0)
    trigger = hourly(schedule=cron("*/5 * * * * *", dialect="spring"), misfire=misfire)
    plan = plan_slots(trigger, START + timedelta(weeks=2))
    second = timedelta(seconds=1)
    assert fired(plan.entries) == [START + timedelta(weeks=2) - n * second for n in (15, 10, 5, 0)]
    assert skipped(plan.entries) == [(SkipReason.CAPPED, 14 * 24 * 720 - 4)]


def test_d04_slots_that_new_zone_data_moved_away_are_not_fired():
    trigger = replace(hourly(), next_slot=START + HOUR / 2)
    plan = plan_slots(trigger, START + HOUR / 2)
    assert plan.entries == ()
    assert plan.after.next_slot == START + HOUR


def test_the_last_firing_completes_the_trigger():
    trigger = hourly(max_firings=2, misfire=MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL))
    plan = plan_slots(trigger, START + 10 * HOUR)
    assert fired(plan.entries) == [START + HOUR, START + 2 * HOUR]
    assert plan.after.state is TriggerState.COMPLETED
    assert plan.after.next_slot is None


def test_no_slot_lies_at_or_after_the_end():
    trigger = hourly(end_at=START + 3 * HOUR)
    plan = plan_slots(trigger, START + 10 * HOUR)
    assert [entry.until or entry.slot for entry in plan.entries][-1] == START + 2 * HOUR
    assert plan.after.state is TriggerState.COMPLETED


def test_an_instant_fires_once_and_is_completed():
    trigger = hourly(schedule=at(START + HOUR))
    plan = plan_slots(trigger, START + HOUR)
    assert fired(plan.entries) == [START + HOUR]
    assert plan.after.state is TriggerState.COMPLETED


def test_the_end_of_a_timed_pause_skips_its_slots_and_goes_on():
    trigger = replace(
        hourly(), state=TriggerState.PAUSED, next_slot=None, resume_at=START + 3 * HOUR
    )
    plan = plan_slots(trigger, START + 3 * HOUR)
    assert skipped(plan.entries) == [(SkipReason.PAUSED, 2)]
    assert fired(plan.entries) == [START + 3 * HOUR]
    assert (plan.after.state, plan.after.resume_at) == (TriggerState.ACTIVE, None)


def test_a_paused_trigger_without_an_end_is_never_due():
    trigger = replace(hourly(), state=TriggerState.PAUSED, next_slot=None)
    assert not is_due(trigger, START + 1000 * HOUR)


def test_m06_activation_makes_up_for_nothing_before_it():
    trigger = Trigger(name="t", schedule=cron("0 * * * *"), actions=(Action(job="j"),))
    assert activated(trigger, START + timedelta(minutes=30)).next_slot == START + HOUR


def test_a_slot_exactly_at_start_at_counts():
    trigger = Trigger(
        name="t",
        schedule=cron("0 * * * *"),
        actions=(Action(job="j"),),
        start_at=START + 5 * HOUR,
    )
    assert activated(trigger, START).next_slot == START + 5 * HOUR


POLICIES = st.builds(
    MisfirePolicy,
    policy=st.sampled_from(MisfirePolicyName),
    coalesce=st.sampled_from(Coalesce),
    grace_s=st.integers(0, 7200).map(float),
    window_s=st.none() | st.integers(0, 72000).map(float),
    cap=st.none() | st.integers(1, 50),
)


@given(
    misfire=POLICIES,
    period_s=st.integers(60, 7200),
    steps=st.lists(st.integers(1, 50_000), min_size=1, max_size=5),
)
def test_the_ledger_of_any_outage_is_all_slots_in_order(
    misfire: MisfirePolicy, period_s: int, steps: list[int]
):
    trigger = hourly(schedule=every(seconds=period_s), misfire=misfire)
    now, entries = START, []
    for step in steps:
        now += timedelta(seconds=step)
        while is_due(trigger, now):
            plan = plan_slots(trigger, now)
            entries += plan.entries
            trigger = plan.after
    nominal = list(slots_between(trigger.schedule, after=START, until=now, anchor=START))
    assert sum(entry.count for entry in entries) == len(nominal)
    assert all((a.until or a.slot) < b.slot for a, b in pairwise(entries))
    assert [slot for entry in entries for slot in _ends(entry)] == [
        slot for entry in _grouped(entries, nominal) for slot in entry
    ]


def _ends(entry: LedgerEntry) -> list[datetime]:
    return [entry.slot, entry.until or entry.slot]


def _grouped(entries: list[LedgerEntry], nominal: list[datetime]) -> Iterator[list[datetime]]:
    """First and last of the nominal slots that each entry stands for."""
    slots = iter(nominal)
    for entry in entries:
        group = list(islice(slots, entry.count))
        yield [group[0], group[-1]]
