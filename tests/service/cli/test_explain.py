"""`callboard explain`: an answer for every instant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]


@pytest.fixture
def trigger(callboard: Callboard, make_job: Make) -> str:
    """A trigger at two o'clock in Prague, with a name that nobody else has."""
    job = make_job()
    words = ("--cron", "0 2 * * *", "-z", "Europe/Prague")
    assert callboard("triggers", "create", job, "-j", job, *words).code == 0
    return job


def test_a_slot_to_come_is_told_in_a_sentence_and_in_facts(
    callboard: Callboard, trigger: str
) -> None:
    done = callboard("explain", trigger, "2198-12-24T01:00:00Z", "--utc")
    sentence, *facts = done.out.splitlines()
    assert sentence.startswith("Not yet: it is to fire in ")
    assert "local          2198-12-24 02:00:00+01:00" in facts
    assert "next slot      2198-12-25 01:00:00Z" in facts


def test_what_is_no_slot_says_so(callboard: Callboard, trigger: str) -> None:
    done = callboard("explain", trigger, "2198-12-24T01:30:00Z", "--json").value
    assert done["decision"] is None
    assert done["sentence"].startswith("Not a slot")
    assert done["next_slot"] == "2198-12-25T01:00:00Z"


def test_a_backfilled_slot_has_its_runs(callboard: Callboard, trigger: str) -> None:
    period = ("--from", "2025-06-01T00:00:00Z", "--until", "2025-06-02T00:00:00Z")
    callboard("backfills", "create", trigger, *period, "--wait")
    done = callboard("explain", trigger, "2025-06-01T00:00:00Z").out
    assert "backfill" in done
    assert "runs " in done


def test_a_slot_is_found_by_its_second(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    made = callboard("triggers", "create", job, "-j", job, "--every", "1d", "--json").value
    done = callboard("explain", job, made["next_slot"][:19] + "Z", "--json").value
    assert (done["decision"], done["at"]) == ("pending", made["next_slot"])


@pytest.mark.parametrize(
    ("whose", "at", "code", "said"),
    [
        (None, "tomorrow", 2, "at: 'tomorrow' is not an instant"),
        (None, "2026-11-20T01:00", 2, "with an offset"),
        ("nobody", "2026-11-20T01:00:00Z", 3, "there is no trigger 'nobody'"),
    ],
)
def test_what_cannot_be_explained_is_told(
    callboard: Callboard, trigger: str, whose: str | None, at: str, code: int, said: str
) -> None:
    done = callboard("explain", whose or trigger, at)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
