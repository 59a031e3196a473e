"""Pauses, what settles before a change, and slots that something else than an instant makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.misfire import MOST_PER_PLAN, SlotPlan, is_due, plan_slots
from callboard.domain.pause import Missed, paused, resumed
from callboard.domain.restart import rearmed, restarted
from callboard.domain.schedule import after, cron, every
from callboard.domain.settle import settled
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
DAY = timedelta(days=1)
OFF = {"kind": "ranges", "ranges": [["2026-01-01T02:30:00Z", "2026-01-01T05:30:00Z"]]}


def trigger(**fields: Any) -> Trigger:
    values = {"schedule": every(hours=1), **fields}
    return activated(Trigger(name="t", id=1, actions=(Action(job="j"),), **values), START)


def obeying(definition: dict[str, Any]) -> tuple[CalendarRule, ...]:
    return (CalendarRule(calendar="off", definition=Calendar(name="off", definition=definition)),)


def rows(plan: SlotPlan | None) -> list[tuple[str, int, int]]:
    assert plan is not None
    return [
        (entry.reason or entry.decision, (entry.slot - START) // HOUR, entry.count)
        for entry in plan.entries
    ]


def test_a_paused_trigger_is_not_due_however_long():
    one = paused(trigger(), START, None)
    assert (one.state, one.next_slot, one.wake_at) == (TriggerState.PAUSED, None, None)
    assert not is_due(one, START + 10_000 * DAY)


def test_m05_a_resume_skips_the_pause_in_one_row_and_starts_nothing():
    plan = resumed(paused(trigger(), START, None), START + 10.5 * HOUR, Missed.SKIP)
    assert rows(plan) == [(SkipReason.PAUSED, 1, 10)]
    assert (plan.after.state, plan.after.next_slot) == (TriggerState.ACTIVE, START + 11 * HOUR)


def test_m05_a_resume_with_catch_up_leaves_the_pause_to_the_misfire_policy():
    plan = resumed(paused(trigger(), START, None), START + 10.5 * HOUR, Missed.CATCH_UP)
    assert rows(plan) == [(SkipReason.COALESCED, 1, 9), (Decision.FIRED, 10, 1)]
    assert plan.after.next_slot == START + 11 * HOUR


def test_a_slot_at_the_very_end_of_a_pause_fires():
    plan = resumed(paused(trigger(), START, None), START + 3 * HOUR, Missed.SKIP)
    assert rows(plan) == [(SkipReason.PAUSED, 1, 2)]
    assert plan.after.next_slot == START + 3 * HOUR


def test_a_pause_of_ten_years_is_one_row():
    one = paused(trigger(schedule=every(seconds=5)), START, None)
    plan = resumed(one, START + 3650 * DAY, Missed.SKIP)
    assert [entry.count for entry in plan.entries] == [3650 * 17_280 - 1]


def test_what_calendars_leave_out_of_a_pause_counts_with_it():
    one = paused(trigger(calendars=obeying(OFF)), START, None)
    assert rows(resumed(one, START + 7.5 * HOUR, Missed.SKIP)) == [(SkipReason.PAUSED, 1, 7)]


def test_a_timed_pause_that_is_over_is_resumed_from_its_end():
    one = paused(trigger(), START, START + 2.5 * HOUR)
    assert one.wake_at == START + 2.5 * HOUR
    plan = resumed(one, START + 4 * HOUR, Missed.SKIP)
    # The slot at 03:00 was missed after the pause: as the only one, it is made up for.
    assert rows(plan) == [
        (SkipReason.PAUSED, 1, 2),
        (Decision.FIRED, 3, 1),
        (Decision.FIRED, 4, 1),
    ]


def test_a_pause_without_a_slot_leaves_no_row():
    plan = resumed(paused(trigger(), START, None), START + HOUR / 2, Missed.SKIP)
    assert plan.entries == ()
    assert plan.after == trigger()


def test_only_active_and_paused_triggers_pause_and_only_paused_ones_resume():
    with pytest.raises(BugError):
        paused(replace(trigger(), state=TriggerState.INACTIVE, next_slot=None), START, None)
    with pytest.raises(BugError):
        resumed(trigger(), START, Missed.SKIP)


def test_d09_what_is_due_is_settled_by_firing():
    assert rows(settled(trigger(), START + HOUR)) == [(Decision.FIRED, 1, 1)]


def test_d09_what_calendars_left_out_is_settled_before_an_edit():
    one = plan_slots(trigger(calendars=obeying(OFF)), START + 2 * HOUR).after
    plan = settled(one, START + 4.5 * HOUR)
    assert rows(plan) == [(SkipReason.CALENDAR, 3, 2)]
    assert plan is not None
    assert plan.after.next_slot == one.next_slot == START + 6 * HOUR
    assert settled(plan.after, START + 4.5 * HOUR) is None
    rest = plan_slots(plan.after, START + 6 * HOUR)
    assert rows(rest) == [(SkipReason.CALENDAR, 5, 1), (Decision.FIRED, 6, 1)]


def test_a_paused_trigger_is_settled_and_stays_paused():
    one = paused(trigger(), START, START + DAY)
    plan = settled(one, START + 4 * HOUR)
    assert rows(plan) == [(SkipReason.PAUSED, 1, 4)]
    assert plan is not None
    assert (plan.after.state, plan.after.resume_at) == (TriggerState.PAUSED, START + DAY)
    assert settled(plan.after, START + 4 * HOUR) is None


def test_nothing_is_settled_for_a_trigger_that_promises_nothing():
    idle = replace(trigger(), state=TriggerState.INACTIVE, next_slot=None)
    assert settled(idle, START + DAY) is None


def test_more_rows_than_a_plan_holds_are_settled_one_plan_after_the_other():
    policy = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL)
    one, now, count = trigger(misfire=policy), START + (MOST_PER_PLAN + 10) * HOUR, 0
    while (plan := settled(one, now)) is not None:
        assert len(plan.entries) <= MOST_PER_PLAN
        one, count = plan.after, count + len(plan.entries)
    assert count == MOST_PER_PLAN + 10


def test_the_earliest_missed_slot_fires_once_however_many_rows_there_are():
    hours = {day: [["09:00", "09:01"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    rules = obeying({"kind": "weekly", "hours": hours})
    policy = MisfirePolicy(coalesce=Coalesce.EARLIEST)
    one, now = trigger(schedule=every(minutes=1), calendars=rules, misfire=policy), START
    now += 3000 * DAY
    fired = []
    while is_due(one, now):
        plan = plan_slots(one, now)
        fired += [entry.slot for entry in plan.entries if entry.decision is Decision.FIRED]
        one = plan.after
    late = [slot for slot in fired if slot < now - timedelta(seconds=60)]
    assert late == [START + timedelta(minutes=1)]


def test_a_delay_has_its_first_slot_a_while_after_the_activation():
    assert trigger(schedule=after(hours=2)).next_slot == START + 2 * HOUR


def test_a_delay_waits_for_the_end_of_its_run():
    fired = plan_slots(trigger(schedule=after(hours=2)), START + 2 * HOUR).after
    assert (fired.state, fired.next_slot) == (TriggerState.ACTIVE, None)
    again = rearmed(fired, START + 5 * HOUR)
    assert (again.next_slot, again.anchor_at) == (START + 7 * HOUR, START + 5 * HOUR)
    assert rows(plan_slots(again, START + 7 * HOUR)) == [(Decision.FIRED, 7, 1)]


def test_a_delay_that_was_skipped_counts_from_the_decision():
    policy = MisfirePolicy(policy=MisfirePolicyName.SKIP)
    plan = plan_slots(trigger(schedule=after(hours=2), misfire=policy), START + 4 * HOUR)
    assert rows(plan) == [(SkipReason.MISFIRE, 2, 1)]
    assert plan.after.next_slot == START + 6 * HOUR


def test_a_delay_that_a_calendar_left_out_counts_from_the_end_of_that():
    one = trigger(schedule=after(hours=3), calendars=obeying(OFF))
    assert one.next_slot == START + 3 * HOUR
    plan = plan_slots(one, START + 3 * HOUR)
    assert rows(plan) == [(SkipReason.CALENDAR, 3, 1)]
    assert plan.after.next_slot == START + 8.5 * HOUR


def test_a_delay_remembers_an_end_in_a_pause():
    fired = plan_slots(trigger(schedule=after(hours=2)), START + 2 * HOUR).after
    one = rearmed(paused(fired, START + 2 * HOUR, None), START + 3 * HOUR)
    assert resumed(one, START + 4 * HOUR, Missed.SKIP).after.next_slot == START + 5 * HOUR
    late = resumed(one, START + 9 * HOUR, Missed.SKIP)
    assert rows(late) == [(SkipReason.PAUSED, 5, 1)]
    assert late.after.next_slot == START + 11 * HOUR


def test_a_delay_is_completed_by_its_last_firing_and_by_its_end():
    spent = plan_slots(trigger(schedule=after(hours=2), max_firings=1), START + 2 * HOUR).after
    assert spent.state is TriggerState.COMPLETED
    ending = trigger(schedule=after(hours=2), end_at=START + 3 * HOUR)
    fired = plan_slots(ending, START + 2 * HOUR).after
    assert rearmed(fired, START + 2.5 * HOUR).state is TriggerState.COMPLETED


def test_c19_reboot_has_a_slot_at_its_activation_and_at_each_start_of_the_cluster():
    one = trigger(schedule=cron("@reboot"))
    assert one.next_slot == START
    fired = plan_slots(one, START).after
    assert (fired.state, fired.next_slot) == (TriggerState.ACTIVE, None)
    again = restarted(fired, START + DAY)
    assert again.next_slot == START + DAY
    assert rows(plan_slots(again, START + DAY)) == [(Decision.FIRED, 24, 1)]


def test_c19_a_start_at_the_same_instant_is_another_slot():
    fired = plan_slots(trigger(schedule=cron("@reboot")), START).after
    assert restarted(fired, START).next_slot == START + timedelta(microseconds=1)
    assert restarted(fired, START - DAY).next_slot == START + timedelta(microseconds=1)


@pytest.mark.parametrize("missed", [None, *Missed])
def test_what_was_decided_while_a_pause_waited_for_its_lock_is_not_decided_again(
    missed: Missed | None,
) -> None:
    """The pause begins, and may end, before slots that fired until it could be written."""
    fired = plan_slots(trigger(), START + 2 * HOUR).after
    late = paused(fired, START + 0.8 * HOUR, START + 1.5 * HOUR)
    now = START + 1.6 * HOUR
    plan = plan_slots(late, now) if missed is None else resumed(late, now, missed)
    assert rows(plan) == []
    assert plan.after.next_slot == START + 3 * HOUR


def test_a_pause_that_ended_before_slots_that_fired_meanwhile_goes_on_behind_them() -> None:
    fired = plan_slots(trigger(), START + 2 * HOUR).after
    late = paused(fired, START + 0.8 * HOUR, START + 1.5 * HOUR)
    plan = plan_slots(late, START + 3 * HOUR)
    assert rows(plan) == [("fired", 3, 1)]
    assert plan.after.next_slot == START + 4 * HOUR
