"""Virtual time for a whole board: every figure of a simulation, both ways (G33, G49)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard import at, cron, every
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule, Shift
from callboard.domain.job import Job
from callboard.domain.schedule import (
    At,
    Cron,
    Schedule,
    on_demand,
    on_event,
    slots_between,
    when_all,
)
from callboard.domain.trigger import (
    Action,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
)
from callboard.errors import InvalidInput
from callboard.simulation import Findings, Scenario, TriggerFindings, simulate
from callboard.simulation.peak import PeakMeter
from callboard.simulation.profile import load_profile

PRAGUE = "Europe/Prague"
START = datetime(2026, 3, 28, 10, 7, 3, tzinfo=UTC)
"""A day before the clocks go forward in Europe."""
MAY = datetime(2026, 5, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)


def trigger(name: str, schedule: Schedule, *jobs: str, **fields: Any) -> Trigger:
    actions = tuple(Action(job=job) for job in jobs or ("load",))
    return Trigger(name=name, schedule=schedule, actions=actions, **fields)


def scenario(*triggers: Trigger, days: float = 2, **fields: Any) -> Scenario:
    since = fields.pop("since", START)
    return Scenario(
        triggers=triggers, since=since, until=since + timedelta(days=days), zone=PRAGUE, **fields
    )


def of(findings: Findings, name: str) -> TriggerFindings:
    return next(each for each in findings.triggers if each.name == name)


async def fired(*triggers: Trigger, **fields: Any) -> dict[str, int]:
    findings = await simulate(scenario(*triggers, **fields))
    return {each.name: each.fired for each in findings.triggers}


# what fires


async def test_a_trigger_fires_at_each_of_its_slots() -> None:
    schedule = cron("*/20 8-17 * * *", zone=PRAGUE)
    findings = await simulate(scenario(trigger("t", schedule), days=40))
    end = START + timedelta(days=40)
    slots = list(slots_between(schedule, after=START, until=end, anchor=START))
    (found,) = findings.triggers
    assert (found.fired, found.first, found.last) == (len(slots), slots[0], slots[-1])


@pytest.mark.parametrize("execute_all", [False, True])
async def test_the_beginning_counts_and_the_end_does_not(execute_all: bool) -> None:
    given = scenario(trigger("t", cron("0 0 * * *")), since=MAY, days=3)
    (found,) = (await simulate(given, execute_all=execute_all)).triggers
    assert (found.fired, found.first) == (3, MAY)


async def test_an_instant_a_trigger_without_slots_and_one_of_two_jobs() -> None:
    wanted = {"once": 1, "never": 0, "told": 0, "both": 2}
    assert wanted == await fired(
        trigger("once", at(START + timedelta(hours=1))),
        trigger("never", on_demand()),
        trigger("told", on_event()),
        trigger("both", cron("0 12 * * *"), "load", "send"),
    )


async def test_an_interval_goes_on_from_its_next_slot() -> None:
    next_slot = START + timedelta(minutes=5)
    findings = await simulate(scenario(trigger("t", every(hours=1), next_slot=next_slot), days=1))
    assert findings.triggers[0].first == next_slot


async def test_an_interval_without_a_place_in_time_begins_one_period_after_the_start() -> None:
    findings = await simulate(scenario(trigger("t", every(hours=1)), days=1))
    assert findings.triggers[0].first == START + timedelta(hours=1)


async def test_firings_that_are_left_are_the_last_ones() -> None:
    one = trigger("t", every(hours=1), max_firings=10, firings=7)
    spent = trigger("spent", every(hours=1), max_firings=10, firings=10)
    findings = await simulate(scenario(one, spent))
    assert [each.fired for each in findings.triggers] == [3]
    assert findings.left_out == (("default", "spent"),)


async def test_what_is_not_active_is_left_out() -> None:
    findings = await simulate(scenario(trigger("t", every(hours=1), state=TriggerState.PAUSED)))
    assert (findings.triggers, findings.left_out) == ((), (("default", "t"),))


async def test_slots_of_a_disabled_job_are_skipped() -> None:
    job = Job(name="load", kind="command", spec={"shell": "true"}, disabled=True)
    one = trigger("t", cron("0 * * * *"), max_firings=3)
    findings = await simulate(scenario(one, jobs=(job,)))
    assert findings.triggers[0].skipped == {"disabled": 48}
    assert findings.peak.total == 0


async def test_a_calendar_s_slots_are_counted_as_skipped() -> None:
    holidays = Calendar(
        name="holidays",
        definition={"kind": "dates", "zone": PRAGUE, "dates": ["2026-03-29", "2026-03-31"]},
    )
    daily = trigger("t", cron("0 12 * * *"), calendars=(CalendarRule(calendar="holidays"),))
    findings = await simulate(scenario(daily, days=5, calendars=(holidays,)))
    assert (findings.triggers[0].fired, findings.triggers[0].skipped) == (3, {"calendar": 2})


async def test_slots_that_the_clocks_touch_are_counted() -> None:
    nightly = trigger("nightly", cron("30 2 * * *", zone=PRAGUE))
    hourly = trigger("hourly", cron("0 * * * *", zone=PRAGUE))
    lost = trigger("lost", cron("30 2 * * *", zone=PRAGUE, gap="skip"))
    spring = await simulate(scenario(nightly, lost))
    assert of(spring, "nightly").marks == {"dst_gap": 1}
    assert of(spring, "lost").skipped == {"dst_gap": 1}
    autumn = await simulate(scenario(nightly, hourly, since=AUTUMN))
    assert of(autumn, "nightly").marks == {"dst_fold": 1}
    assert of(autumn, "hourly").marks == {"dst_fold": 2}


@pytest.mark.parametrize("execute_all", [False, True])
async def test_what_is_left_out_behind_the_last_firing_is_counted_too(execute_all: bool) -> None:
    gap_end = datetime(2026, 3, 29, 1, tzinfo=UTC)
    off = Calendar(name="off", definition={"kind": "dates", "zone": "UTC", "dates": ["2026-03-29"]})
    given = Scenario(
        triggers=(
            trigger("lost", cron("30 2 * * *", zone=PRAGUE, gap="skip")),
            trigger("off", cron("30 0 * * *"), calendars=(CalendarRule(calendar="off"),)),
        ),
        calendars=(off,),
        since=gap_end - timedelta(days=2),
        until=gap_end + timedelta(minutes=20),
    )
    findings = await simulate(given, execute_all=execute_all)
    assert (of(findings, "lost").fired, of(findings, "lost").skipped) == (2, {"dst_gap": 1})
    assert (of(findings, "off").fired, of(findings, "off").skipped) == (1, {"calendar": 1})


# both ways


def _random_rules(rng: Random, schedule: Schedule) -> tuple[CalendarRule, ...]:
    if isinstance(schedule, At) or rng.random() < 0.6:
        return ()
    is_rare = isinstance(schedule, Cron) and schedule.expression.endswith(" 4 * * *")
    shift = rng.choice([*Shift]) if is_rare else Shift.SKIP
    return (CalendarRule(calendar="off", shift=shift),)


def _random_trigger(rng: Random, number: int) -> Trigger:
    minute, hour = rng.randrange(60), rng.randrange(24)
    choices: list[Schedule] = [
        cron(f"{minute} 4 * * *", zone=PRAGUE),
        cron(f"{minute} * * * *", zone=PRAGUE),
        cron(f"{minute} {hour} * * *", zone="America/New_York"),
        cron("*/15 1-3 * * *", zone=PRAGUE, gap=rng.choice(["run", "skip"])),
        every(minutes=7 + minute),
        at(START + timedelta(hours=hour)),
    ]
    schedule = rng.choice(choices)
    jobs = [f"j{rng.randrange(3)}" for _ in range(rng.choice([1, 1, 2]))]
    return trigger(
        f"t{number}",
        schedule,
        *jobs,
        max_firings=rng.choice([None, None, 5]),
        end_at=rng.choice([None, START + timedelta(hours=20, minutes=minute)]),
        jitter_s=rng.choice([0.0, 0.0, 900.0]),
        flexible_window_s=rng.choice([0.0, 0.0, 600.0]),
        calendars=_random_rules(rng, schedule),
    )


@pytest.mark.parametrize("seed", range(6))
async def test_counting_slots_comes_to_the_same_as_executing_every_run(seed: int) -> None:
    rng = Random(seed)
    triggers = [_random_trigger(rng, number) for number in range(6)]
    durations = {"*": rng.choice([0.0, 30.0, 4000.0])}
    disabled = Job(name="j2", kind="command", spec={"shell": "true"}, disabled=True)
    off = Calendar(
        name="off", definition={"kind": "dates", "zone": PRAGUE, "dates": ["2026-03-29"]}
    )
    given = scenario(
        *triggers,
        durations=durations,
        jobs=(disabled,),
        calendars=(off,),
        days=rng.choice([1.6, 3]),
    )
    counted = await simulate(given)
    executed = await simulate(given, execute_all=True)
    assert all(each.executed for each in executed.triggers)
    as_counted = tuple(replace(each, executed=None) for each in executed.triggers)
    assert replace(executed, triggers=as_counted) == counted


async def test_the_same_scenario_gives_the_same_findings() -> None:
    given = scenario(
        trigger("a", every(minutes=50), overlap=OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE)),
        trigger("b", cron("*/5 * * * *"), jitter_s=600.0),
        durations={"load": 4000.0},
    )
    assert await simulate(given) == await simulate(given)


async def test_progress_ends_with_all() -> None:
    shares: list[float] = []
    await simulate(scenario(trigger("t", every(minutes=1))), on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


# what needs every run


async def test_an_overlap_policy_is_obeyed_run_by_run() -> None:
    skipping = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    given = scenario(
        trigger("t", every(minutes=10), overlap=skipping), days=1, durations={"load": 1500.0}
    )
    findings = await simulate(given)
    assert findings.triggers[0].executed == "overlap policy skip"
    assert findings.triggers[0].skipped["overlap"] == 2 * findings.triggers[0].fired - 1
    assert findings.peak.runs == 1


async def test_an_overlap_policy_needs_no_runs_where_they_take_no_time() -> None:
    skipping = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    findings = await simulate(scenario(trigger("t", every(minutes=10), overlap=skipping), days=1))
    assert findings.triggers[0].executed is None
    assert findings.triggers[0].skipped == {}


async def test_a_delay_counts_from_the_end_of_the_run() -> None:
    from callboard.domain.schedule import Delay

    given = scenario(trigger("t", Delay(after_s=600.0)), days=1, durations={"load": 3000.0})
    (found,) = (await simulate(given)).triggers
    assert (found.fired, found.first) == (24, START + timedelta(minutes=10))


async def test_a_conditional_trigger_follows_the_runs_that_it_watches() -> None:
    wanted = {"hourly": 23, "daily": 1, "each": 23, "both": 1}
    assert wanted == await fired(
        trigger("hourly", every(hours=1), "load"),
        trigger("daily", cron("30 12 * * *"), "check"),
        trigger("each", when_all("load"), "send"),
        trigger("both", when_all("check", "send"), "report"),
        days=1,
    )


async def test_a_limited_job_is_shared_by_all_that_start_it() -> None:
    limited = Job(name="load", kind="command", spec={"shell": "true"}, max_concurrent_runs=2)
    given = scenario(
        trigger("a", cron("0 * * * *")),
        trigger("b", cron("0 * * * *")),
        trigger("c", cron("0 * * * *")),
        trigger("alone", cron("0 * * * *"), "other"),
        jobs=(limited,),
        durations={"*": 600.0},
        days=1,
    )
    findings = await simulate(given)
    assert Counter(each.executed for each in findings.triggers) == {"limited job": 3, None: 1}
    assert {job.name: job.peak.runs for job in findings.jobs} == {"load": 2, "other": 1}
    assert findings.peak.runs == 3


# load


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=60),
    st.integers(0, 200),
)
def test_the_peak_is_that_of_trying_every_instant(runs: list[tuple[int, int]], cut: int) -> None:
    runs.sort()
    meter = PeakMeter()
    for part in ([r for r in runs if r[0] < cut], [r for r in runs if r[0] >= cut]):
        meter.take([float(s) for s, _ in part], [float(s + d) for s, d in part])
    counts = {at: sum(s <= at < s + d for s, d in runs) for at in range(200 + 61)}
    peak = max(counts.values())
    first = next((float(at) for at, count in counts.items() if count == peak), None)
    assert (meter.peak, meter.at) == (peak, first if runs else None)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5000), st.integers(0, 2**20))
def test_the_profile_loses_no_run(minutes: list[int], first: int) -> None:
    profile = load_profile(minutes, 29_000_000 + first, PRAGUE)
    assert max(profile.most) == max(minutes)
    assert (sum(profile.mean) > 0) == (sum(minutes) > 0)


async def test_the_load_is_told_by_the_clocks_of_the_zone() -> None:
    weekly = trigger("t", cron("30 9 * * mon", zone=PRAGUE))
    load = (await simulate(scenario(weekly, days=28))).load
    assert [hour for hour, mean in enumerate(load.week[0]) if mean] == [9]
    assert [minute for minute, most in enumerate(load.most) if most] == [9 * 60 + 30]
    assert not any(any(day) for day in load.week[1:])


async def test_runs_of_a_jittered_trigger_are_spread_over_its_window() -> None:
    crowd = [trigger(f"t{n}", cron("0 12 * * *"), jitter_s=3600.0) for n in range(30)]
    findings = await simulate(scenario(*crowd))
    assert findings.peak.total == 60
    assert findings.offsets.before < 10


async def test_minutes_with_the_same_runs_are_one_pile() -> None:
    findings = await simulate(
        scenario(
            trigger("a", cron("0 * * * *")),
            trigger("b", cron("0 * * * *")),
            trigger("c", cron("0 12 * * *")),
        )
    )
    piles = [
        (pile.runs, pile.times, [name for _, name in pile.triggers]) for pile in findings.piles
    ]
    assert piles == [(3, 2, ["a", "b", "c"]), (2, 46, ["a", "b"])]


async def test_g49_the_suggested_offsets_spread_the_load() -> None:
    crowd = [
        *(trigger(f"hourly{n}", cron("0 * * * *", zone=PRAGUE)) for n in range(8)),
        *(trigger(f"daily{n}", cron("0 2 * * *", zone=PRAGUE)) for n in range(8)),
        *(trigger(f"step{n}", cron("*/10 * * * *")) for n in range(6)),
        *(trigger(f"rate{n}", every(minutes=30), next_slot=MAY)
          for n in range(6)),
    ]  # fmt: skip
    findings = await simulate(scenario(*crowd, since=MAY))
    assert findings.offsets.before >= 16
    changes = {change.name: change for change in findings.offsets.changes}
    after = await simulate(
        scenario(*(_changed(each, changes.get(each.name)) for each in crowd), since=MAY)
    )
    assert after.offsets.before <= findings.offsets.after <= 3
    assert after.fired == pytest.approx(findings.fired, abs=len(crowd))


def _changed(one: Trigger, change: Any) -> Trigger:
    if change is None:
        return one
    value = change.value
    if change.field == "anchor_at":
        value = datetime.fromisoformat(value)
    schedule: Any = one.schedule
    return replace(one, schedule=replace(schedule, **{change.field: value}))


# bad input


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"days": 0}, "until", "not later"),
        ({"days": 4000}, "until", "more than ten years"),
        ({"durations": {"lode": 3.0}}, "durations.lode", "no trigger starts a job 'lode'"),
        ({"calendar": "off"}, "triggers[0].calendars[0].calendar", "no calendar 'off'"),
        ({"durations": {"load": -1.0}}, "durations.load", "is not from 0"),
    ],
)
def test_bad_input_names_the_field_and_the_reason(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    calendars = (CalendarRule(calendar=fields.pop("calendar")),) if "calendar" in fields else ()
    with pytest.raises(InvalidInput) as caught:
        scenario(trigger("t", every(hours=1), calendars=calendars), **fields)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert reason in problem.reason


def test_a_name_that_comes_twice_is_refused() -> None:
    one = trigger("t", every(hours=1))
    with pytest.raises(InvalidInput, match="comes twice"):
        scenario(one, one)


@pytest.mark.slow
async def test_g33_a_year_of_a_thousand_hourly_triggers() -> None:
    crowd = (trigger(f"t{n}", cron(f"{n % 60} * * * *", zone=PRAGUE)) for n in range(1000))
    findings = await simulate(scenario(*crowd, days=365, since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert findings.fired == 365 * 24 * 1000
