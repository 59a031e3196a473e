"""NextToken and MaxResults."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.clock import SystemClock
from callboard.domain.run import MAX_RUN_ID
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.doors.glue.tokens import next_token, page_size, place_of

SCALARS = st.integers(1, MAX_RUN_ID) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
)
PLACES = SCALARS | st.lists(SCALARS, max_size=3)


def call_of(operation: str = "GetJobs", **request: Any) -> GlueCall:
    board: Any = None
    return GlueCall(
        board=board,
        group="g",
        request=request,
        clock=SystemClock(),
        account="123456789012",
        operation=operation,
    )


@given(place=PLACES)
def test_a_token_leads_back_to_its_place(place: Any) -> None:
    token = next_token(call_of(), place)
    assert token.isascii()
    assert place_of(call_of(NextToken=token)) == place


@given(token=st.text(min_size=1))
def test_any_other_text_is_invalid_input(token: str) -> None:
    with pytest.raises(GlueFault, match="NextToken") as refusal:
        place_of(call_of(NextToken=token))
    assert refusal.value.code == "InvalidInputException"


@given(place=PLACES, at=st.integers(0), letter=st.sampled_from("AZaz09-_=+/ "))
def test_a_token_that_was_changed_is_invalid_input(place: Any, at: int, letter: str) -> None:
    token = next_token(call_of(), place)
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    try:
        found = place_of(call_of(NextToken=changed))
    except GlueFault as fault:
        assert fault.code == "InvalidInputException"  # noqa: PT017 - it need not be raised
    else:
        # Of the last letter not all bits may count.
        assert found == place


def test_a_token_is_of_one_operation() -> None:
    token = next_token(call_of("GetJobs"), 7)
    with pytest.raises(GlueFault, match="NextToken"):
        place_of(call_of("ListJobs", NextToken=token))


@pytest.mark.parametrize(
    "made_up",
    [
        *(b"5", b"[1]", b"{}", b"null", b"", b"[", b'["GetJobs", {}]', b'["GetJobs", 1.5]'),
        *(b'["GetJobs", "\\u0000"]', b'["GetJobs", [9007199254740992]]', b'["GetJobs", 1, 2]'),
        b'["GetJobs", ' + b"[" * 1000 + b"]" * 1001,
    ],
)
def test_a_token_that_somebody_made_up_is_invalid_input(made_up: bytes) -> None:
    digest = hashlib.blake2b(made_up, digest_size=6, person=b"glue token").digest()
    token = base64.urlsafe_b64encode(digest + made_up).decode()
    with pytest.raises(GlueFault, match="NextToken"):
        place_of(call_of(NextToken=token))


def test_a_place_of_another_kind_is_invalid_input() -> None:
    token = next_token(call_of(), 7)
    with pytest.raises(GlueFault, match="NextToken"):
        place_of(call_of(NextToken=token), str)


@pytest.mark.parametrize("request_", [{}, {"NextToken": ""}])
def test_without_a_token_a_list_begins(request_: dict[str, str]) -> None:
    assert place_of(call_of(**request_)) is None


def test_pages_are_as_long_as_is_said_or_as_usual() -> None:
    assert page_size(call_of()) == 100
    assert page_size(call_of(), 25) == 25
    assert page_size(call_of(MaxResults=7)) == 7
