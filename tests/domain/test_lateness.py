"""Which slots missed a deadline: the rule, without a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from callboard.domain.lateness import INTENDED, missed_deadlines, undecided
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.trigger import TriggerState
from support.factories import after, make_job, make_run, make_trigger

WITHIN = timedelta(seconds=60)
JOB = replace(make_job(), id=7)
FIRED = LedgerEntry(
    trigger_id=1, generation=1, slot=after(0), decision=Decision.FIRED, run_ids=(5,)
)


def reasons(
    entry: LedgerEntry, kind: str, chains: Mapping[int, Collection[Run]] | None = None
) -> list[str]:
    found = missed_deadlines([entry], WITHIN, kind, chains or {})  # type: ignore[arg-type]
    return [missed.reason for missed in found]


def skipped(reason: SkipReason) -> LedgerEntry:
    return replace(FIRED, decision=Decision.SKIPPED, reason=reason, run_ids=())


def test_a_run_that_began_in_time_is_not_late() -> None:
    run = make_run(5, JOB, started_at=after(60))
    assert reasons(FIRED, "start", {5: [run]}) == []


@pytest.mark.parametrize("run", [make_run(5, JOB), make_run(5, JOB, started_at=after(61))])
def test_a_run_that_began_late_or_not_at_all_is_late(run: Run) -> None:
    assert reasons(FIRED, "start", {5: [run]}) == ["run 5 had not begun in time"]


def test_a_slot_without_its_run_is_late() -> None:
    assert reasons(FIRED, "start") == ["run 5 had not begun in time"]


def test_the_success_of_a_retry_counts() -> None:
    failed = make_run(5, JOB, state=RunState.FAILED, ended_at=after(1))
    retry = make_run(6, JOB, state=RunState.SUCCEEDED, chain_id=5, ended_at=after(59))
    assert reasons(FIRED, "finish", {5: [failed, retry]}) == []
    assert reasons(FIRED, "finish", {5: [failed]}) == ["run 5 had not succeeded in time"]


@pytest.mark.parametrize("reason", sorted(SkipReason))
def test_a_skipped_slot_is_late_unless_somebody_wanted_it_so(reason: SkipReason) -> None:
    expected = [] if reason in INTENDED else [f"the slot was skipped: {reason}"]
    assert reasons(skipped(reason), "start") == expected


def test_a_due_slot_that_nobody_has_decided_is_late() -> None:
    trigger = replace(make_trigger(), next_slot=after(10))
    assert undecided(trigger, after(0), after(10)) == after(10)
    assert undecided(trigger, after(10), after(20)) is None
    assert undecided(trigger, after(0), after(9)) is None
    paused = replace(trigger, state=TriggerState.PAUSED)
    assert undecided(paused, after(0), after(10)) is None
