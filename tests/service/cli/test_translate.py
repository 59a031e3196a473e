"""`callboard translate` needs no server."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlencode

import pytest

from service.cli.conftest import Callboard
from service.cli.processes import ServiceProcess


@pytest.mark.parametrize(
    ("words", "text", "meaning"),
    [
        (["30 9 * * mon-fri", "--to", "aws"], "cron(30 9 ? * mon-fri *)", "Monday through Friday"),
        (["0 2 * * *", "--to", "quartz"], "0 0 2 * * ?", "At 02:00"),
        (["0 0 12 ? * MON#2", "--from", "quartz", "--to", "vixie"], "0 12 * * MON#2", "second"),
        (["@daily", "--to", "spring"], "0 0 0 * * *", "At 00:00"),
    ],
)
def test_the_text_is_the_answer_and_its_meaning_a_note(
    local: Callboard, words: list[str], text: str, meaning: str
) -> None:
    done = local("translate", *words)
    assert (done.code, done.out) == (0, text + "\n")
    assert meaning in done.err


def test_h_is_written_as_what_it_stands_for(local: Callboard) -> None:
    done = local("translate", "H 2 * * *", "--to", "quartz", "--hash-key", "default/nightly")
    assert done.code == 0
    assert "note: H is written as the numbers" in done.err


def test_its_json_is_the_answer_of_the_api(callboard: Callboard, service: ServiceProcess) -> None:
    query = urlencode({"expression": "30 9 * * 1-5", "source": "vixie", "target": "aws"})
    with urllib.request.urlopen(f"{service.url}/v1/cron/translate?{query}") as answer:
        expected = answer.read().decode()
    done = callboard("translate", "30 9 * * 1-5", "--to", "aws", "--json")
    assert done.out == expected + "\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["61 * * * *"], "expression: column 1, minute: 61 is not in 0-59"),
        (["0 0 1 * mon", "--to", "quartz"], "cannot say 'or'"),
        (["@reboot", "--to", "aws"], "no form for it"),
        (["0 0 9 L * ? 2027", "--from", "quartz", "--to", "vixie"], "has no years"),
        (["0 2 * * *", "--to", "klingon"], "target: 'klingon' is not a dialect"),
        (["0 2 * * *", "--from", "klingon"], "source: 'klingon' is not a dialect"),
    ],
)
def test_what_would_change_meaning_is_refused(
    local: Callboard, words: list[str], said: str
) -> None:
    done = local("translate", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
