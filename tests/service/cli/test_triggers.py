"""`callboard triggers`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]


@pytest.mark.parametrize(
    ("options", "schedule", "shown"),
    [
        (
            ["--cron", "0 2 * * *", "--zone", "Europe/Prague"],
            {"kind": "cron", "expression": "0 2 * * *", "zone": "Europe/Prague"},
            "0 2 * * * Europe/Prague",
        ),
        (["--every", "1h30m"], {"kind": "interval", "every_s": 5400}, "every 1h30m"),
        (
            ["--at", "2099-01-01T00:00:00Z"],
            {"kind": "at", "at": "2099-01-01T00:00:00Z"},
            "at 2099-01-01T00:00:00Z",
        ),
        (["--on-demand"], {"kind": "on_demand"}, "on demand"),
        (["--events", "1"], {"kind": "event", "batch_size": 1}, "for every event"),
        (
            ["--events", "10/1m30s"],
            {"kind": "event", "batch_size": 10, "window_s": 90},
            "for every 10 events, or 1m30s after the first",
        ),
        (["--delay", "90"], {"kind": "delay", "after_s": 90}, "1m30s after the last end"),
        (
            ["--months", "1", "--time", "02:30", "-z", "Europe/Prague", "--start", "2026-10-31"],
            {"kind": "calendar_interval", "months": 1, "days": 0, "anchor_on": "2026-10-31"},
            "every month at 02:30 Europe/Prague",
        ),
        (
            ["--months", "2", "--days", "1"],
            {"kind": "calendar_interval", "months": 2, "days": 1, "at_local": "00:00"},
            "every 2 months and 1 day at 00:00 UTC",
        ),
        (
            ["--cron", "0 0 12 ? * MON#2", "--dialect", "quartz", "--gap", "skip"],
            {"kind": "cron", "dialect": "quartz", "gap": "skip"},
            "0 0 12 ? * MON#2 (quartz) UTC",
        ),
        (
            ["--cron", "rate(5 minutes)", "--dialect", "aws"],
            {"kind": "cron", "expression": "rate(5 minutes)"},
            "rate(5 minutes)",
        ),
        (["--cron", "@reboot"], {"kind": "cron", "expression": "@reboot"}, "@reboot"),
    ],
)
def test_each_kind_of_schedule_can_be_created(
    callboard: Callboard,
    make_job: Make,
    options: list[str],
    schedule: dict[str, object],
    shown: str,
) -> None:
    job = make_job()
    created = callboard("triggers", "create", job, "--job", job, *options, "--json")
    assert created.code == 0, created.err
    assert created.value["schedule"].items() >= schedule.items()
    assert created.value["state"] == "active"
    (_, row) = callboard("triggers", "list", "--job", job).out.splitlines()
    assert f"default {shown} {job} active " in " ".join(row.split())
    assert callboard("triggers", "delete", job).code == 0


def test_arguments_are_texts_or_json(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    created = callboard(
        *("triggers", "create", job, "-j", job, "--on-demand", "--json"),
        *("--arg", "source=s3=x", "--arg-json", 'rows={"most": 3}', "--arg", "n=1"),
    )
    arguments = {"source": "s3=x", "rows": {"most": 3}, "n": "1"}
    assert created.value["actions"] == [{"job": job, "arguments": arguments}]


def test_a_trigger_comes_from_json_too(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    trigger = {
        "name": job,
        "schedule": {"kind": "on_demand"},
        "actions": [{"job": job}],
        "max_firings": 3,
    }
    words = ("triggers", "create", "--file", "-", "--json")
    created = callboard(*words, "--inactive", stdin=json.dumps(trigger))
    assert (created.value["max_firings"], created.value["state"]) == (3, "inactive")
    replaced = callboard(*words, "--replace", stdin=json.dumps({**trigger, "max_firings": 4}))
    assert replaced.value["max_firings"] == 4


def test_activate_deactivate_and_fire(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    callboard("triggers", "create", job, "-j", job, "--every", "1d", "--inactive")
    assert callboard("triggers", "activate", job, "--json").value["state"] == "active"
    assert callboard("triggers", "deactivate", job, "--json").value["state"] == "inactive"
    fired = callboard("triggers", "fire", job, "--arg", "why=now", "--json").value
    (run,) = fired["items"]
    assert (run["trigger"], run["arguments"]) == (job, {"why": "now"})


def test_a_trigger_is_told_of_events(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    callboard("triggers", "create", job, "-j", job, "--events", "5/10m")
    told = callboard("triggers", "tell", job, "--count", "3", "--json").value
    assert told["events"] == 3
    facts = " ".join(callboard("triggers", "tell", job).out.split())
    assert "events 4" in facts
    callboard("triggers", "deactivate", job)
    refused = callboard("triggers", "tell", job)
    assert refused.code == 3
    assert "is inactive, not active" in refused.err


def test_slots_are_a_list(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    callboard("triggers", "create", job, "-j", job, "--cron", "0 12 * * *")
    page = callboard("triggers", "slots", job, "--limit", "3", "--json").value
    assert [slot["decision"] for slot in page["items"]] == ["pending"] * 3
    shown = callboard("triggers", "slots", job, "--limit", "3")
    assert shown.out.splitlines()[0].split()[:3] == ["SLOT", "LOCAL", "DECISION"]
    assert shown.out.count("pending") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "-j", "x"], "exactly one of"),
        (["x", "-j", "x", "--every", "5m", "--on-demand"], "exactly one of"),
        (["x", "--every", "5m"], "starts a job"),
        (["-j", "x", "--every", "5m"], "needs a name"),
        (["x", "-j", "x", "--every", "soon"], "'soon' is not a period"),
        (["x", "-j", "x", "--every", "5m", "--zone", "UTC"], "--zone belongs to --cron"),
        (["x", "-j", "x", "--every", "5m", "--arg", "novalue"], "'novalue' is not NAME=VALUE"),
        (["x", "-j", "x", "--every", "5m", "--arg-json", "k={"], "k: "),
        (["x", "-j", "x", "--every", "5m", "--arg", "k=1", "--arg", "k=2"], "'k' comes twice"),
        (["x", "--file", "-"], "the file says name"),
        (["x", "-j", "x", "--every", "5m", "--months", "1"], "exactly one of"),
        (["x", "-j", "x", "--every", "5m", "--time", "02:00"], "--time belongs to --months"),
        (["x", "-j", "x", "--every", "5m", "--shift", "next"], "--exclude or --include"),
        (["x", "-j", "x", "--every", "5m", "--overlap", "buffer:x"], "'x' is not a number"),
        (["--file", "-", "--zone", "UTC"], "--zone belongs to"),
        (["x", "-j", "x", "--events", "many"], "'many' is not like 1, 10 or 10/5m"),
        (["x", "-j", "x", "--events", "5/soon"], "'soon' is not a period"),
    ],
)
def test_what_does_not_fit_together_is_usage(
    callboard: Callboard, words: list[str], said: str
) -> None:
    done = callboard("triggers", "create", *words, stdin="{}")
    assert done.code == 2
    assert said in done.err


def test_an_unknown_job_is_named(callboard: Callboard, name: str) -> None:
    done = callboard("triggers", "create", name, "-j", name, "--every", "5m")
    assert done.code == 2
    assert "actions[0].job" in done.err


def test_policies_are_options_too(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    words = ("--overlap", "buffer:3", "--misfire", "fire_all", "--jitter", "30s")
    done = callboard(
        *("triggers", "create", job, "-j", job, "--every", "1d", *words),
        *("--flexible-window", "10m", "--json"),
    )
    made = done.value
    assert made["overlap"] == {"policy": "buffer", "limit": 3}
    assert made["misfire"]["policy"] == "fire_all"
    assert (made["jitter_s"], made["flexible_window_s"]) == (30, 600)
    assert "starts " in callboard("triggers", "slots", job, "--limit", "1").out


def test_a_firing_that_waits_is_shown_as_held(callboard: Callboard, make_job: Make) -> None:
    job = make_job("sleep 60")
    callboard("triggers", "create", job, "-j", job, "--on-demand", "--overlap", "buffer_one")
    callboard("triggers", "fire", job)
    (held,) = callboard("triggers", "fire", job, "--json").value["items"]
    assert (held["held"], held["due_at"], held["state"]) == (True, None, "queued")
    (_, row, *_) = callboard("runs", "list", "--trigger", job).out.splitlines()
    assert row.split() == [str(held["id"]), job, job, "held", "-", "-", "-"]
    assert "queued, held until earlier runs" in callboard("runs", "get", str(held["id"])).out
    refused = callboard("triggers", "fire", job)
    assert (refused.code, "overlap policy buffer_one" in refused.err) == (3, True)
    anyway = callboard("triggers", "fire", job, "--allow-overlap", "--json").value["items"]
    for run in (held, *anyway):
        callboard("stop", str(run["id"]))
