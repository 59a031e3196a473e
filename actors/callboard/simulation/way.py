"""Which triggers need every run to be executed, and for which counting their slots is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callboard.domain.job import Job, OnFull
from callboard.domain.trigger import OverlapPolicy, Trigger
from callboard.simulation.scenario import Name, Scenario, trigger_name


def reasons_for_runs(scenario: Scenario) -> dict[Name, str]:
    """Triggers of which every run has to be executed, and why; the others' slots are counted.

    What becomes of a slot depends on earlier runs only by a schedule that counts from their end,
    by conditions on the end of others, by an overlap policy and by a job's limits; and where a job
    makes its runs wait for one another, or is watched, all triggers that start it are in it
    together.
    """
    jobs = scenario.known_jobs
    reasons = dict(_own_reasons(scenario, jobs))
    watched = {(each.group, job) for each in scenario.active for job in each.watched}
    reasons |= {
        trigger_name(each): "others wait for the end of its runs"
        for each in scenario.active
        if trigger_name(each) not in reasons
        and any((each.group, action.job) in watched for action in each.actions)
    }
    spread = True
    while spread:
        shared = {
            (trigger.group, action.job)
            for trigger in scenario.active
            if trigger_name(trigger) in reasons
            for action in trigger.actions
            if jobs[trigger.group, action.job].max_concurrent_runs is not None
        }
        new = {
            trigger_name(trigger): "shares a limited job"
            for trigger in scenario.active
            if trigger_name(trigger) not in reasons
            and any((trigger.group, action.job) in shared for action in trigger.actions)
        }
        reasons |= new
        spread = bool(new)
    return reasons


def _own_reasons(scenario: Scenario, jobs: Mapping[Name, Job]) -> Iterator[tuple[Name, str]]:
    for trigger in scenario.active:
        reason = _own_reason(scenario, jobs, trigger)
        if reason is not None:
            yield trigger_name(trigger), reason


def _own_reason(scenario: Scenario, jobs: Mapping[Name, Job], trigger: Trigger) -> str | None:
    if trigger.schedule.kind == "delay":
        return "counts from the end of its runs"
    if trigger.schedule.kind == "conditional":
        return "waits for the end of others' runs"
    durations = {action.job: scenario.duration_s(action.job) for action in trigger.actions}
    spread_s = trigger.jitter_s + trigger.flexible_window_s
    may_overlap = spread_s or any(durations.values())
    if may_overlap and trigger.overlap != OverlapPolicy():
        return f"overlap policy {trigger.overlap.policy}"
    for action in trigger.actions:
        job, seconds = jobs[trigger.group, action.job], durations[action.job]
        # Without a duration nobody waits; but one of two that start together may be refused.
        if job.max_concurrent_runs is not None and (seconds or job.on_full is OnFull.REFUSE):
            return "limited job"
        own_s = None if action.terms is None else action.terms.timeout_s
        timeout_s = job.timeout_s if own_s is None else own_s
        if timeout_s is not None and seconds >= timeout_s:
            return "runs over the timeout"
    return None
