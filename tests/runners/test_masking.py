"""Mask: no form of a secret gets through, whole or cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.run import RunError
from callboard.runners.log import MAX_LINE_CHARACTERS, RunLog
from callboard.runners.masking import Mask
from callboard.runners.text import cut_end, cut_middle
from callboard.store.contract import LogChunk
from callboard.testing import VirtualClock

SECRET = 'p"ss wörd/+\\x'
CANARY = st.text(st.characters(codec="utf-8", exclude_characters="\x00*"), min_size=8, max_size=40)
"""As no text has that is there by itself."""

FORMS: tuple[Callable[[str], str], ...] = (
    str,
    repr,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    quote,
    quote_plus,
    lambda text: quote(text, safe="").lower() if text.islower() else quote(text),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    lambda text: base64.b64encode(f"u:{text}:v".encode()).decode(),
    lambda text: text.encode().hex(),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: Callable[[str], str]) -> None:
    masked = Mask([SECRET]).text(f"it is {form(SECRET)}, they say")
    assert "***" in masked
    assert form(SECRET)[4:-4] not in masked


def test_each_line_of_a_secret_with_several_is_masked() -> None:
    mask = Mask(["-----BEGIN-----\nfirst line\r\n  second\n-----END-----"])
    assert mask.text("x first line y") == "x *** y"
    assert mask.text("second") == "***"


def test_what_is_left_of_a_secret_at_a_cut_is_masked() -> None:
    mask = Mask(["correct-horse-battery"])
    text = "x" * 90 + "correct-horse-battery" + "y" * 90
    assert "corr" not in mask.cut_text(cut_end(text, 100))
    for limit in range(20, 200):
        masked = mask.cut_text(cut_middle(text, limit))
        assert "corr" not in masked
        assert "tery" not in masked


def test_what_is_left_before_dots_is_masked() -> None:
    assert Mask(["correct-horse"]).cut_text("the corre...") == "the ***..."


def test_json_is_masked_in_values_keys_and_numbers() -> None:
    mask = Mask(["12345678", "secret-key"])
    value = {"secret-key": [12345678, 1.5, True, None, {"a": "x12345678"}]}
    assert mask.json(value) == {"***": ["***", 1.5, True, None, {"a": "x***"}]}


def test_an_error_is_masked_in_all_its_texts() -> None:
    error = RunError(type="T", message="no secret-key", traceback="at secret-key", exit_code=1)
    assert Mask(["secret-key"]).error(error) == RunError(
        type="T", message="no ***", traceback="at ***", exit_code=1
    )


def logged(secret: str, pieces: list[str]) -> str:
    """What the log keeps of pieces that come one by one, with a flush after each."""
    chunks: list[LogChunk] = []
    log = RunLog(7, clock=VirtualClock(), emit=chunks.append, mask=Mask([secret]))
    for piece in pieces:
        log.write("stdout", piece)
        log.flush()
        log.flush()
    log.close()
    return "\n".join(line.text for chunk in chunks for line in chunk.lines)


def test_a_secret_that_comes_letter_by_letter_is_masked() -> None:
    secret = "correct-horse-battery"
    assert logged(secret, ["say ", *secret, " and go\n"]) == "say \n***\n and go"


@pytest.mark.parametrize("before", range(MAX_LINE_CHARACTERS - 30, MAX_LINE_CHARACTERS + 2, 3))
def test_a_secret_across_the_cut_of_a_long_line_is_masked(before: int) -> None:
    secret = "correct-horse-battery"
    text = logged(secret, ["x" * before + secret + "y" * 40_000])
    assert "corr" not in text
    assert "tery" not in text
    assert text.count("x") == before
    assert text.count("y") == 40_000


@given(CANARY, st.text(max_size=20), st.data())
def test_however_a_canary_is_written_it_is_in_no_line(
    canary: str, around: str, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(FORMS))
    text = f"{around} {form(canary)} {around}\n"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    kept = logged(canary, pieces)
    if canary not in around and len(canary.strip()) >= 4:
        for line in (canary, form(canary)):
            assert line not in kept
