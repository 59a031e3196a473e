"""`callboard pause` and `callboard resume`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]
LATER = "2999-01-01T00:00:00Z"


@pytest.fixture
def trigger(callboard: Callboard, make_job: Make) -> str:
    """A trigger, and its job, with a name that nobody else has."""
    job = make_job()
    made = callboard("triggers", "create", job, "-j", job, "--cron", "0 2 * * *")
    assert made.code == 0, made.err
    return job


def test_a_trigger_is_paused_and_resumed(callboard: Callboard, trigger: str) -> None:
    paused = callboard("pause", trigger)
    assert (paused.code, "state       paused" in paused.out) == (0, True)
    resumed = callboard("resume", trigger)
    assert "state       active" in resumed.out
    assert resumed.err == "no slots came between\n"


def test_a_timed_pause_shows_its_end(callboard: Callboard, trigger: str) -> None:
    paused = callboard("pause", trigger, "--until", LATER, "--utc")
    assert "paused until  2999-01-01 00:00:00Z" in paused.out


def test_json_has_what_became_of_the_slots_between(callboard: Callboard, trigger: str) -> None:
    callboard("pause", trigger)
    resumed = callboard("resume", trigger, "--missed", "catch_up", "--json").value
    assert resumed["between"] == {"missed": "catch_up", "count": 0, "first": None, "last": None}


def test_a_dry_run_counts_and_changes_nothing(callboard: Callboard, trigger: str) -> None:
    dry = callboard("pause", "--job", trigger, "--dry-run")
    assert dry.out == "1 of 1 trigger would be paused\n"
    assert callboard("triggers", "get", trigger, "--json").value["state"] == "active"
    assert callboard("pause", "--job", trigger).out == "1 of 1 trigger paused\n"
    assert callboard("pause", "--job", trigger).out == "0 of 1 trigger paused\n"
    assert callboard("resume", "--job", trigger).out == "1 of 1 trigger resumed\n"


def test_a_group_is_paused_alone(callboard: Callboard, trigger: str) -> None:
    job = {"name": trigger, "group": trigger, "kind": "command", "spec": {"argv": ["true"]}}
    callboard("jobs", "create", "-", stdin=json.dumps(job))
    words = ("triggers", "create", "theirs", "-j", trigger, "--every", "1d", "-g", trigger)
    assert callboard(*words).code == 0
    assert callboard("pause", "--all", "-g", trigger).out == "1 of 1 trigger paused\n"
    assert callboard("triggers", "get", trigger, "--json").value["state"] == "active"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "exactly one of"),
        (["x", "--all"], 2, "exactly one of"),
        (["x", "--dry-run"], 2, "a single trigger is not counted"),
        (["nobody"], 3, "there is no trigger 'nobody'"),
        (["--job", "nothing"], 3, "there is no job 'nothing'"),
        (["--all", "-g", "nowhere"], 3, "in the group 'nowhere'"),
    ],
)
def test_what_cannot_be_paused_is_told(
    callboard: Callboard, words: list[str], code: int, said: str
) -> None:
    done = callboard("pause", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_wrong_words_name_their_field(callboard: Callboard, trigger: str) -> None:
    assert "until: 'soon' is not an instant" in callboard("pause", trigger, "--until", "soon").err
    wrong = callboard("resume", trigger, "--missed", "skp")
    assert (wrong.code, "did you mean skip?" in wrong.err) == (2, True)


def test_only_what_is_paused_is_resumed(callboard: Callboard, trigger: str) -> None:
    done = callboard("resume", trigger)
    assert (done.code, "is active, not paused" in done.err) == (3, True)
