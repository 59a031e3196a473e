"""`callboard backfills`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]
RANGE = ("--from", "2025-06-01T00:00:00Z", "--until", "2025-06-01T03:00:00Z")


@pytest.fixture
def make_trigger(callboard: Callboard, make_job: Make) -> Make:
    """Make an hourly trigger of a command, with a name that nobody else has."""

    def make(shell: str = "true") -> str:
        job = make_job(shell)
        made = callboard("triggers", "create", job, "-j", job, "--cron", "0 * * * *")
        assert made.code == 0, made.err
        return job

    return make


def test_m12_waiting_ends_with_all_slots_fired(callboard: Callboard, make_trigger: Make) -> None:
    trigger = make_trigger()
    done = callboard("backfills", "create", trigger, *RANGE, "--wait", "--json")
    assert done.code == 0, done.err
    assert (done.value["state"], done.value["fired"], done.value["succeeded"]) == (
        "completed",
        3,
        3,
    )
    rows = callboard("triggers", "ledger", trigger, *RANGE).out.splitlines()
    assert [f"backfill {done.value['id']}" in row for row in rows] == [False, True, True, True]


def test_m11_a_second_backfill_passes_over_what_fired(
    callboard: Callboard, make_trigger: Make
) -> None:
    trigger = make_trigger()
    callboard("backfills", "create", trigger, *RANGE, "--wait")
    again = callboard("backfills", "create", trigger, *RANGE, "--wait")
    assert again.code == 0
    assert "passed over  3\n" in again.out


def test_failed_runs_are_the_exit_code(callboard: Callboard, make_trigger: Make) -> None:
    done = callboard("backfills", "create", make_trigger("false"), *RANGE, "--wait")
    assert done.code == 1
    assert "failed       3\n" in done.out


def test_a_backfill_is_paused_resumed_cancelled_and_followed(
    callboard: Callboard, make_trigger: Make
) -> None:
    trigger = make_trigger("sleep 60")
    made = callboard("backfills", "create", trigger, *RANGE, "--json").value
    number = str(made["id"])
    assert "state        paused\n" in callboard("backfills", "pause", number).out
    assert "state        running\n" in callboard("backfills", "resume", number).out
    cancelled = callboard("backfills", "cancel", number, "--stop-runs")
    assert "state        cancelled\n" in cancelled.out
    followed = callboard("backfills", "follow", number, "--json")
    assert (followed.code, followed.value["live"]) == (1, 0)
    assert callboard("backfills", "resume", number).code == 3
    (_, row) = callboard("backfills", "list", "--trigger", trigger).out.splitlines()
    assert row.split()[:2] == [number, trigger]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "2025-06-02T00:00:00Z", "--until", "2025-06-01T00:00:00Z"), "until_at"),
        (("--from", "2025-06-02T00:00:00Z", "--until", "2999-06-01T00:00:00Z"), "in the future"),
        (("--from", "yesterday", "--until", "2025-06-01T00:00:00Z"), "from_at: 'yesterday'"),
    ],
)
def test_a_wrong_range_is_usage(
    callboard: Callboard, make_trigger: Make, options: tuple[str, ...], said: str
) -> None:
    done = callboard("backfills", "create", make_trigger(), *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_what_is_not_there_is_told(callboard: Callboard) -> None:
    assert callboard("backfills", "get", "999999").code == 3
    done = callboard("backfills", "create", "nobody", *RANGE)
    assert (done.code, "there is no trigger 'nobody'" in done.err) == (2, True)
