"""One answer for any instant: fired, skipped, not yet, or no slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule, Shift
from callboard.domain.explain import Explanation, explain_slot
from callboard.domain.explain_text import length_text, listed_ids
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import plan_slots
from callboard.domain.pause import paused
from callboard.domain.schedule import Schedule, after, cron, on_demand, on_event, when_all
from callboard.domain.trigger import (
    Action,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
    activated,
)

START = datetime(2026, 3, 6, tzinfo=UTC)
"""A Friday; two days later the clocks in New York are put forward, at 07:00 UTC."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LATER = START + 9 * HOUR
GAP = datetime(2026, 3, 8, 7, tzinfo=UTC)
WEEKEND = {"kind": "weekly", "hours": {"sat": [["00:00", "24:00"]], "sun": [["00:00", "24:00"]]}}


def trigger(schedule: Schedule | str = "0 * * * *", **fields: Any) -> Trigger:
    made = cron(schedule) if isinstance(schedule, str) else schedule
    one = Trigger(name="t", id=1, schedule=made, actions=(Action(job="j"),), **fields)
    return activated(one, START)


def explain(one: Trigger, at: float, now: float, *entries: LedgerEntry) -> Explanation:
    """`at` and `now` in hours after START."""
    return explain_slot(one, START + at * HOUR, entries, START + now * HOUR)


def entry(hour: float, decision: Decision = Decision.FIRED, **fields: Any) -> LedgerEntry:
    slot = START + hour * HOUR
    return LedgerEntry(trigger_id=1, generation=1, slot=slot, decision=decision, **fields)


def test_a_fired_slot_names_its_runs_and_how_late_it_was():
    at = START + HOUR
    fired = entry(1, run_ids=(17, 18), decided_at=at + timedelta(seconds=0.21))
    answer = explain(trigger(), 1, 5, fired)
    assert (answer.decision, answer.run_ids, answer.late_s) == (Decision.FIRED, (17, 18), 0.21)
    assert answer.sentence == "Fired, starting runs 17 and 18, 0.21 s after its time."
    assert (answer.previous_slot, answer.next_slot) == (None, at + HOUR)


def test_a_missed_slot_that_fired_says_who_made_up_for_it():
    fired = entry(1, run_ids=(17,), decided_at=START + 3 * HOUR)
    assert explain(trigger(), 1, 5, fired).sentence == (
        "Fired, starting run 17, 2 h after its time. "
        "That is more than the grace of 60 s: fire_once made up for it."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (SkipReason.PAUSED, "the trigger was paused"),
        (SkipReason.MISFIRE, "more than the grace of 60 s"),
        (SkipReason.COALESCED, "fire_once fires only the latest"),
        (SkipReason.CAPPED, "fire_all fires only the newest"),
        (SkipReason.OVERLAP, "the overlap policy (buffer, limit 3)"),
        (SkipReason.CALENDAR, "the calendars that the trigger had then"),
        (SkipReason.DST_GAP, "jumped over 4 times"),
        (SkipReason.LIMIT, "a limit was reached"),
        (SkipReason.DISABLED, "none of the jobs"),
        (SkipReason.NO_JOB, "starts was there."),
    ],
)
def test_a_skipped_slot_says_why_and_in_which_stretch_it_lies(reason: SkipReason, words: str):
    overlap = OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=3)
    row = entry(1, Decision.SKIPPED, reason=reason, until=START + 4 * HOUR, count=4)
    answer = explain(trigger(overlap=overlap), 3, 5, row)
    assert (answer.decision, answer.reason, answer.count) == (Decision.SKIPPED, reason, 4)
    assert answer.sentence.startswith("Skipped: ")
    assert words in answer.sentence
    span = "It is one of 4 slots in a row, 2026-03-06T01:00:00Z to 2026-03-06T04:00:00Z."
    assert answer.sentence.endswith(span)


def test_an_instant_between_the_slots_of_a_stretch_is_no_slot():
    row = entry(1, Decision.SKIPPED, reason=SkipReason.PAUSED, until=START + 4 * HOUR, count=4)
    answer = explain(replace(trigger(), last_slot=START + 4 * HOUR), 2.5, 5, row)
    assert answer.decision is None
    assert answer.sentence == (
        "Not a slot: the schedule has none at that instant. The slot before is "
        "2026-03-06T02:00:00Z. The next one is 2026-03-06T05:00:00Z."
    )


def test_a_slot_to_come_says_when_and_what_would_hold_it():
    overlap = OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE)
    answer = explain(trigger(overlap=overlap), 30, 0.5)
    assert answer.decision is Decision.PENDING
    assert answer.sentence == (
        "Not yet: it is to fire in 1 d 5 h, at 2026-03-07T06:00:00Z. If an earlier firing is live "
        "then, it will wait for its end, unless another one waits already (overlap policy "
        "buffer_one)."
    )


def test_a_due_slot_says_that_it_waits_for_its_decision():
    assert "its time came 30 s ago" in explain(trigger(), 1, 1 + 30 / 3600).sentence
    assert "policy fire_once will decide it" in explain(trigger(), 1, 5).sentence


def test_a_slot_that_a_calendar_moves_names_the_calendar_and_the_day():
    calendar = Calendar(name="weekends", definition=WEEKEND)
    rule = CalendarRule(calendar="weekends", shift=Shift.NEXT, definition=calendar)
    one = trigger("0 9 * * 6", calendars=(rule,))
    before, later = explain(one, 24 + 9, 1), explain(one, 24 + 9, 48)
    assert (before.decision, later.decision) == (Decision.PENDING, Decision.SKIPPED)
    words = (
        "it is left out by the calendar weekends (exclude). The slot was moved to "
        "2026-03-09T09:00:00Z."
    )
    assert before.sentence == f"Not yet; it will be skipped: {words}"
    assert later.sentence == f"Skipped: {words}"
    moved = explain(one, 72 + 9, 1)
    assert moved.sentence.endswith("A calendar moved the slot here from another day.")


def test_a_time_that_does_not_exist_says_so():
    runs = trigger(cron("30 2 * * *", zone="America/New_York"))
    answer = explain_slot(runs, GAP + HOUR / 2, [], START)
    assert "02:00 to 03:00 does not exist on 2026-03-08 in America/New_York" in answer.sentence
    assert "its slot is 2026-03-08T07:00:00Z" in answer.sentence
    made_up = explain_slot(runs, GAP, [], START)
    assert "It stands for the time that the clocks jumped over" in made_up.sentence
    skips = trigger(cron("30 2 * * *", zone="America/New_York", gap="skip"))
    assert (
        "what was due in it is skipped" in explain_slot(skips, GAP + HOUR / 2, [], START).sentence
    )
    lost = explain_slot(skips, GAP, [], START + 5 * DAY)
    assert (lost.decision, lost.reason) == (Decision.SKIPPED, SkipReason.DST_GAP)


def test_a_pause_is_told_as_far_as_it_is_known():
    timed = paused(trigger(), START, START + 5 * HOUR)
    assert "paused until then" in explain(timed, 3, 1).sentence
    assert "one of 4 slots in a row" in explain(timed, 3, 4.5).sentence
    assert explain(timed, 5, 1).decision is Decision.PENDING
    endless = paused(trigger(), START, None)
    assert "paused until somebody resumes it" in explain(endless, 3, 1).sentence
    assert explain(endless, 3, 4).reason is SkipReason.PAUSED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": TriggerState.INACTIVE}, "the trigger is not active"),
        ({"state": TriggerState.COMPLETED}, "it has no slot any more"),
        ({"state": TriggerState.COMPLETED, "max_firings": 2, "firings": 2}, "has fired 2 times"),
        ({"state": TriggerState.PARKED, "reason": "no zone"}, "the trigger is parked: no zone"),
        ({"start_at": LATER, "anchor_at": LATER}, "the trigger starts at 2026-03-06T09:00:00Z"),
        ({"end_at": START + 2 * HOUR}, "the trigger ends at 2026-03-06T02:00:00Z"),
        ({"created_at": LATER, "anchor_at": LATER}, "was created later, at 2026-03-06T09:00:00Z"),
        ({"anchor_at": LATER}, "counts from its activation at 2026-03-06T09:00:00Z"),
        ({"max_firings": 2}, "will have fired as often as it may"),
        ({"last_slot": START + 4 * HOUR}, "the ledger has no entry"),
    ],
)
def test_an_instant_without_a_slot_says_why(fields: dict[str, Any], words: str):
    answer = explain(replace(trigger(), **fields), 3, 1)
    assert answer.decision is None
    assert words in answer.sentence


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (on_demand(), "only when somebody asks"),
        (on_event(), "when it is told of events"),
        (when_all("load"), "the instants at which its conditions are met"),
        (after(hours=1), "a while after the end of its runs"),
        (cron("@reboot"), "the starts of the cluster"),
    ],
)
def test_kinds_without_an_instant_of_their_own_say_what_they_wait_for(
    schedule: Schedule, words: str
):
    assert words in explain(trigger(schedule), 3, 1).sentence


def test_a_trigger_that_cannot_be_understood_any_more_is_explained_all_the_same():
    one = trigger("0 9 * * *")
    gone = replace(one.schedule, zone="Atlantis/Main")
    parked = replace(one, schedule=gone, state=TriggerState.PARKED, reason="there is no zone")
    assert "parked: there is no zone" in explain(parked, 3, 1).sentence
    assert explain(parked, 1, 5, entry(1)).decision is Decision.FIRED


def test_a_backfill_that_fired_the_slot_is_named():
    row = entry(1, Decision.SKIPPED, reason=SkipReason.PAUSED)
    answer = explain_slot(trigger(), START + HOUR, [row], START + DAY, backfills=(4,))
    assert answer.sentence.endswith("It was run afterwards by backfill 4.")


def test_a_jittered_slot_says_when_its_runs_start():
    one = trigger(jitter_s=600.0)
    answer = explain(one, 1, 0)
    assert answer.starts_at is not None
    assert "put the start of its runs at 2026-03-06T01:0" in answer.sentence
    assert plan_slots(one, START + HOUR).entries[0].slot == START + HOUR


def test_lengths_and_ids_are_written_for_people():
    texts = [length_text(timedelta(seconds=s)) for s in (0, 0.214, 59.5, 61, 3600, 90061, 86400)]
    assert texts == ["0 s", "0.21 s", "59.5 s", "1 min 1 s", "1 h", "1 d 1 h", "1 d"]
    assert [listed_ids(range(n)) for n in (0, 1, 2, 3)] == ["", "0", "0 and 1", "0, 1 and 2"]
    assert listed_ids(range(9)) == "0, 1, 2, 3, 4 and 4 more"


def test_a_slot_that_only_backfills_fired_is_theirs():
    row = entry(1, decided_at=START + 5 * HOUR, run_ids=(7, 8))
    answer = explain_slot(
        trigger(), START + HOUR, [], START + DAY, backfills=(1, 3), backfilled=row
    )
    assert answer.sentence == (
        "Fired by backfills 1 and 3, starting runs 7 and 8, 4 h after its time."
    )
    assert answer.backfills == (1, 3)


@pytest.mark.parametrize("year", [1, 1969, 2201, 2998, 9999])
def test_instants_outside_of_the_years_of_slots_are_none(year: int):
    at = datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert explain_slot(trigger(), at, [], START).sentence.startswith("Not a slot: slots lie in")
