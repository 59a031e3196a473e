"""Schedules as JSON: there and back, and every fault by its field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.schedule import (
    Condition,
    Cron,
    Schedule,
    after,
    at,
    calendar_interval,
    cron,
    every,
    on_demand,
    on_event,
    patched_schedule,
    schedule_from_json,
    schedule_to_json,
    when_all,
    when_any,
)
from callboard.errors import InvalidInput

CONDITIONAL = {"kind": "conditional", "conditions": [{"job": "a"}]}
MONTHLY: dict[str, Any] = {"kind": "calendar_interval", "months": 1, "at_local": "09:00"}
ANCHOR = datetime(2026, 11, 20, 1, 2, 3, 456, tzinfo=UTC)


def problems_of(document: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        schedule_from_json(document)
    return {problem.field: f"{problem.reason} ({problem.fix})" for problem in caught.value.problems}


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 2 * * *", zone="Europe/Prague"),
        cron("@hourly", gap="run"),
        every(minutes=5),
        every(seconds=0.25, anchor_at=ANCHOR),
        cron("H H(0-7) * * *", hash_key="ops/backup"),
        cron("rate(5 minutes)", dialect="aws"),
        cron("0 0 9 ? * MON-FRI 2027", dialect="quartz", zone="Asia/Tokyo"),
        at(ANCHOR),
        after(minutes=5),
        calendar_interval("09:00", months=1),
        calendar_interval(
            "02:30:15",
            years=1,
            days=1,
            zone="Europe/Prague",
            day_overflow="skip",
            anchor_on=date(2026, 1, 31),
            gap="skip",
            fold="both",
        ),
        on_demand(),
        when_all("a", Condition(job="b", states=("failed", "timed_out"))),
        when_any("a"),
        on_event(),
        on_event(batch_size=100, window_s=0.5 + 1),
    ],
    ids=str,
)
def test_a_schedule_comes_back_as_it_was(schedule: Schedule) -> None:
    assert schedule_from_json(schedule_to_json(schedule)) == schedule


def test_the_form_of_each_kind() -> None:
    assert schedule_to_json(cron("0 2 * * *", zone="Europe/Prague")) == {
        "kind": "cron",
        "expression": "0 2 * * *",
        "dialect": "vixie",
        "zone": "Europe/Prague",
        "gap": "run",
        "fold": "first",
    }
    assert schedule_to_json(every(minutes=5, anchor_at=ANCHOR)) == {
        "kind": "interval",
        "every_s": 300.0,
        "anchor_at": "2026-11-20T01:02:03.000456Z",
    }
    assert schedule_to_json(at(ANCHOR.replace(microsecond=0))) == {
        "kind": "at",
        "at": "2026-11-20T01:02:03Z",
    }
    assert schedule_to_json(on_demand()) == {"kind": "on_demand"}
    assert schedule_to_json(after(minutes=5)) == {"kind": "delay", "after_s": 300.0}
    assert schedule_to_json(calendar_interval("09:00:00", months=1)) == {
        "kind": "calendar_interval",
        "months": 1,
        "days": 0,
        "at_local": "09:00",
        "zone": "UTC",
        "day_overflow": "clamp",
        "anchor_on": None,
        "gap": "run",
        "fold": "first",
    }


def test_a_hash_key_is_left_out_when_it_is_empty() -> None:
    assert "hash_key" not in schedule_to_json(cron("H * * * *"))
    assert schedule_to_json(cron("H * * * *", hash_key="a/b"))["hash_key"] == "a/b"


def test_what_is_left_out_or_null_is_the_default() -> None:
    document = {"kind": "cron", "expression": "0 2 * * *", "zone": None, "gap": None}
    assert schedule_from_json(document) == cron("0 2 * * *")


def test_all_faults_come_at_once() -> None:
    document = {
        "kind": "cron",
        "expression": "61 * * * *",
        "zone": "Europe/Pragu",
        "gap": "jump",
        "fold": 7,
        "timezone": "UTC",
    }
    problems = problems_of(document)
    assert problems.keys() == {"expression", "zone", "gap", "fold", "timezone"}
    assert "did you mean Europe/Prague?" in problems["zone"]
    assert problems["timezone"] == (
        "schedules of kind cron have no such field "
        "(they have kind, expression, dialect, zone, gap, fold, hash_key)"
    )


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        (None, "", "is a NoneType, not an object"),
        ([], "", "is a list, not an object"),
        (
            {},
            "kind",
            "calendar_interval, on_demand, conditional, event)",
        ),
        ({"kind": "hourly"}, "kind", "'hourly' is not a kind of schedule"),
        ({"kind": ["cron"]}, "kind", "['cron'] is not a kind of schedule"),
        ({"kind": "cron"}, "expression", "is missing"),
        ({"kind": "cron", "expression": 5}, "expression", "is a int, not a string"),
        ({"kind": "cron", "expression": "0 2 * * *", "dialect": "x"}, "dialect", "'x' is not"),
        ({"kind": "cron", "expression": "H * * * *", "hash_key": 5}, "hash_key", "is a int"),
        ({"kind": "delay"}, "after_s", "is missing"),
        ({"kind": "delay", "after_s": "5"}, "after_s", "is a str, not a number of seconds"),
        ({"kind": "delay", "after_s": 0}, "after_s", "0 is outside 0.1"),
        ({"kind": "calendar_interval", "months": 1}, "at_local", "is missing"),
        ({**MONTHLY, "at_local": "9:00"}, "at_local", "'9:00' is not a time of day"),
        ({**MONTHLY, "at_local": "24:00"}, "at_local", "'24:00' is not a time of day"),
        ({**MONTHLY, "at_local": "23:59:60"}, "at_local", "is not a time of day"),  # D07
        ({**MONTHLY, "months": 0}, "months", "and days are both 0"),
        ({**MONTHLY, "months": 1.5}, "months", "is a float, not a whole number"),
        ({**MONTHLY, "months": True}, "months", "is a bool, not a whole number"),
        ({**MONTHLY, "months": 1201}, "months", "1201 is not in 0-1200"),
        ({**MONTHLY, "days": -1}, "days", "-1 is not in 0-3660"),
        ({**MONTHLY, "anchor_on": "2026-02-30"}, "anchor_on", "'2026-02-30' is not a date: "),
        ({**MONTHLY, "anchor_on": "20260228"}, "anchor_on", "'20260228' is not a date (write"),
        ({**MONTHLY, "anchor_on": "1969-12-31"}, "anchor_on", "is not in the years 1970-2200"),
        ({**MONTHLY, "day_overflow": "next"}, "day_overflow", "'next' is not one of clamp, skip"),
        ({**MONTHLY, "zone": "Mars/Base"}, "zone", "there is no zone"),
        ({"kind": "interval"}, "every_s", "is missing"),
        ({"kind": "interval", "every_s": "5"}, "every_s", "is a str, not a number of seconds"),
        ({"kind": "interval", "every_s": True}, "every_s", "is a bool"),
        ({"kind": "interval", "every_s": 0}, "every_s", "0 is outside 0.1"),
        ({"kind": "interval", "every_s": float("inf")}, "every_s", "inf is outside"),
        ({"kind": "interval", "every_s": 1, "anchor_at": 5}, "anchor_at", "is a int, not a string"),
        ({"kind": "interval", "every_s": 1, "zone": "UTC"}, "zone", "kind interval have no"),
        ({"kind": "at"}, "at", "is missing"),
        ({"kind": "at", "at": "2026-01-01"}, "at", "is not an instant with an offset"),
        ({"kind": "at", "at": "2026-01-01T00:00:00"}, "at", "is not an instant with an offset"),
        ({"kind": "at", "at": "2026-02-30T00:00:00Z"}, "at", "is not an instant: day is out of"),
        ({"kind": "at", "at": "2016-12-31T23:59:60Z"}, "at", "is a leap second"),  # D07
        ({"kind": "at", "at": "0001-01-01T00:00:00+05:00"}, "at", "outside the years 1 to 9999"),
        ({"kind": "at", "at": "٢٠٢٦-01-01T00:00:00Z"}, "at", "is not an instant with an offset"),
        ({"kind": "on_demand", "at": "x"}, "at", "schedules of kind on_demand have no such field"),
        ({"kind": "conditional"}, "conditions", "is missing"),
        ({"kind": "conditional", "conditions": "a"}, "conditions", "is a str, not a list"),
        ({"kind": "conditional", "conditions": []}, "conditions", "has 0 entries, not 1 to 500"),
        (
            {"kind": "conditional", "conditions": [{"job": f"j{n}"} for n in range(501)]},
            "conditions",
            "has 501 entries, not 1 to 500",
        ),
        ({**CONDITIONAL, "logical": "or"}, "logical", "'or' is not one of and, any"),
        ({**CONDITIONAL, "conditions": ["a"]}, "conditions[0]", "is a str, not an object"),
        ({**CONDITIONAL, "conditions": [{}]}, "conditions[0].job", "is missing"),
        ({**CONDITIONAL, "conditions": [{"job": ""}]}, "conditions[0].job", "is empty"),
        ({**CONDITIONAL, "conditions": [{"job": "a\nb"}]}, "conditions[0].job", "is not a name"),
        (
            {**CONDITIONAL, "conditions": [{"job": "a"}, {"job": "a", "states": ["failed"]}]},
            "conditions[1].job",
            "'a' is named twice (give all its states at once)",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "state": "failed"}]},
            "conditions[0].state",
            "conditions have no such field (they have job, states)",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "states": "failed"}]},
            "conditions[0].states",
            "is a str, not a list",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "states": []}]},
            "conditions[0].states",
            "names no state",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "states": ["failed"] * 11}]},
            "conditions[0].states",
            "has 11 entries, not 1 to 10",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "states": ["failed", "failed"]}]},
            "conditions[0].states[1]",
            "'failed' is named twice",
        ),
        (
            {**CONDITIONAL, "conditions": [{"job": "a", "states": ["running"]}]},
            "conditions[0].states[0]",
            "'running' is not one of succeeded, failed, timed_out, stopped",
        ),
    ],
)
def test_a_fault_names_its_field(document: object, field: str, words: str) -> None:
    problems = problems_of(document)
    assert list(problems) == [field]
    assert words in problems[field]


def test_d05_a_stored_schedule_is_read_although_its_zone_is_gone() -> None:
    document = schedule_to_json(Cron(expression="0 2 * * *", zone="Atlantis/Capital"))
    assert schedule_from_json(document, stored=True).kind == "cron"
    assert "zone" in problems_of(document)
    monthly = {**MONTHLY, "zone": "Atlantis/Capital"}
    assert schedule_from_json(monthly, stored=True).kind == "calendar_interval"


def test_offsets_are_accepted_and_become_utc() -> None:
    read = schedule_from_json({"kind": "at", "at": "2026-11-20t02:00:00.5+01:00"})
    assert schedule_to_json(read)["at"] == "2026-11-20T01:00:00.500000Z"


def test_a_patch_changes_what_it_names() -> None:
    before = cron("0 2 * * *", zone="Europe/Prague", fold="both")
    after = patched_schedule(before, {"expression": "0 3 * * *"})
    assert after == cron("0 3 * * *", zone="Europe/Prague", fold="both")


def test_a_patched_expression_gets_its_own_default_policies() -> None:
    assert patched_schedule(cron("0 2 * * *"), {"expression": "0 * * * *"}) == cron("0 * * * *")


def test_null_in_a_patch_goes_back_to_the_default() -> None:
    before = cron("0 2 * * *", zone="Europe/Prague", gap="skip")
    assert patched_schedule(before, {"zone": None, "gap": None}) == cron("0 2 * * *")
    assert patched_schedule(every(hours=1, anchor_at=ANCHOR), {"anchor_at": None}) == every(hours=1)


def test_a_patch_of_a_calendar_interval_keeps_the_rest() -> None:
    before = calendar_interval("09:00", months=1, zone="Europe/Prague", gap="skip")
    after = patched_schedule(before, {"at_local": "10:00", "zone": None})
    assert after == calendar_interval("10:00", months=1, gap="skip")


def test_a_patched_dialect_reads_the_text_anew() -> None:
    before = cron("0 9 * * *", zone="Europe/Prague")
    patch = {"dialect": "quartz", "expression": "0 0 9 * * ?"}
    assert patched_schedule(before, patch) == cron(
        "0 0 9 * * ?", dialect="quartz", zone="Europe/Prague"
    )
    with pytest.raises(InvalidInput, match="has 5 of the six fields"):
        patched_schedule(before, {"dialect": "quartz"})


def test_a_patch_with_another_kind_starts_afresh() -> None:
    assert patched_schedule(cron("0 2 * * *"), {"kind": "interval", "every_s": 5}) == every(
        seconds=5
    )


@pytest.mark.parametrize("patch", [5, {"expression": None}, {"expression": "x"}, {"every_s": 5}])
def test_a_wrong_patch_is_refused(patch: Any) -> None:
    with pytest.raises(InvalidInput):
        patched_schedule(cron("0 2 * * *"), patch)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(
    [
        "cron",
        "interval",
        "delay",
        "at",
        "calendar_interval",
        "on_demand",
        "conditional",
        "event",
        "x",
    ]
)
FIELDS = """expression zone dialect gap fold hash_key every_s anchor_at after_s at at_local months
days day_overflow anchor_on logical conditions batch_size window_s"""
NAMES = st.sampled_from(FIELDS.split())


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=4), KINDS)
def test_any_json_is_a_schedule_or_a_named_fault(body: dict[str, Any], kind: str) -> None:
    try:
        schedule_from_json({**body, "kind": kind})
    except InvalidInput as error:
        refusal = str(error)
    else:
        refusal = "none"
    assert refusal
