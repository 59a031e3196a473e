"""`callboard next` needs no server, and says what the server would say."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlencode

import pytest

from service.cli.conftest import Callboard
from service.cli.processes import ServiceProcess

FROM = "2026-10-24T12:00:00Z"


@pytest.mark.parametrize(
    ("expression", "options"),
    [
        ("0 2 * * *", {"zone": "Europe/Prague"}),
        ("30 2 * * *", {"zone": "Europe/Berlin", "gap": "skip", "fold": "both"}),
        ("*/7 8-18 * * mon-fri", {}),
        ("@daily", {"count": "3"}),
        ("0 0 29 2 *", {"count": "2"}),
    ],
)
def test_its_json_is_the_answer_of_the_preview(
    callboard: Callboard, service: ServiceProcess, expression: str, options: dict[str, str]
) -> None:
    query = urlencode({"expression": expression, "from": FROM, **options})
    with urllib.request.urlopen(f"{service.url}/v1/cron/preview?{query}") as answer:
        expected = answer.read().decode()
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    done = callboard("next", expression, "--from", FROM, "--json", *words)
    assert done.code == 0
    assert done.out == expected + "\n"


def test_people_get_the_meaning_the_warnings_and_both_clocks(local: Callboard) -> None:
    done = local("next", "30 2 * * *", "-z", "Europe/Prague", "--from", FROM, "-n", "2")
    assert done.code == 0
    assert done.out.splitlines() == [
        "At 02:30 (Europe/Prague)",
        "UTC                   LOCAL                      MARKS",
        "2026-10-25 00:30:00Z  2026-10-25 02:30:00+02:00  dst_fold",
        "2026-10-26 01:30:00Z  2026-10-26 02:30:00+01:00  -",
    ]
    assert "warning: Europe/Prague" in done.err


@pytest.mark.parametrize(
    ("expression", "dialect", "first"),
    [
        ("0 0 12 ? * MON#2", "quartz", "2026-11-09T12:00:00Z"),
        ("cron(0 10 ? * MON-FRI *)", "aws", "2026-10-26T10:00:00Z"),
        ("rate(5 minutes)", "aws", "2026-10-24T12:05:00Z"),
        ("at(2027-01-01T00:00:00)", "aws", "2027-01-01T00:00:00Z"),
        ("*/30 0 9 * * 1-5", "spring", "2026-10-26T09:00:00Z"),
    ],
)
def test_every_dialect_is_previewed(
    local: Callboard, expression: str, dialect: str, first: str
) -> None:
    done = local("next", expression, "--dialect", dialect, "--from", FROM, "--json")
    assert done.code == 0, done.err
    assert done.value["slots"][0]["slot"] == first


def test_h_is_the_minute_of_the_trigger_that_is_named(local: Callboard) -> None:
    words = ("next", "H H * * *", "--from", FROM, "--json")
    (one, same, other) = (
        local(*words, "--hash-key", key).value["slots"] for key in ("a/b", "a/b", "a/c")
    )
    assert one == same
    assert one != other
    assert "H has no key" in local("next", "H H * * *").err


def test_what_no_clock_decides_has_a_meaning_and_no_slots(local: Callboard) -> None:
    done = local("next", "@reboot")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Once when the trigger is activated")


def test_without_from_it_begins_now(local: Callboard) -> None:
    done = local("next", "* * * * *", "--json", "--count", "1")
    assert len(done.value["slots"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["61 * * * *"], "expression: column 1, minute: 61 is not in 0-59"),
        (["* * * * *", "--zone", "Mars/Base"], "zone: there is no zone 'Mars/Base'"),
        (["* * * * *", "--from", "yesterday"], "from: 'yesterday' is not an instant"),
        (["* * * * *", "--dialect", "klingon"], "dialect"),
        (["* * * * *", "--gap", "jump"], "gap"),
        (["* * * * *", "--dialect", "quartz"], "expression: column 10: has 5 of the six fields"),
        (["* * * * *", "--dialect", "quarz"], "use vixie, quartz, aws, spring"),
    ],
)
def test_bad_words_are_usage_and_named(local: Callboard, words: list[str], said: str) -> None:
    done = local("next", *words)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_with_json_a_bad_word_is_a_problem(local: Callboard) -> None:
    import json

    done = local("next", "61 * * * *", "--json")
    problem = json.loads(done.err)
    assert (problem["status"], problem["code"]) == (422, "invalid_input")
    assert problem["errors"][0]["field"] == "expression"
