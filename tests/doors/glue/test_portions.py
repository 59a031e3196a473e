"""Pages of things that may be large."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from callboard_service.doors.glue import portions
from callboard_service.doors.glue.portions import FIRST, MOST_BYTES, page_in_portions
from callboard_service.doors.glue.tokens import place_of
from doors.glue.test_tokens import call_of

Thing = tuple[int, int]
"""Its id, and its bytes."""


class Shelf:
    """Things by id, read behind a token or a thing."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.things = [(id_, weight) for id_, weight in enumerate(weights, 1)]
        self.read_at_once: list[int] = []

    def page(self, size: int, token: str | None) -> tuple[Sequence[Thing], str | None]:
        call = call_of(NextToken=token)
        begin = place_of(call, int) or 0

        async def read(last: Thing | None, limit: int) -> Sequence[Thing]:
            behind = begin if last is None else last[0]
            self.read_at_once.append(limit)
            return self.things[behind : behind + limit]

        return asyncio.run(
            page_in_portions(
                call, size, read, weigh=lambda thing: thing[1], place=lambda thing: thing[0]
            )
        )


@given(
    st.lists(st.sampled_from([1, MOST_BYTES // 30, MOST_BYTES // 2, 2 * MOST_BYTES]), max_size=90),
    st.integers(1, 60),
)
def test_pages_have_everything_once_and_are_no_larger_than_one_answer_should_be(
    weights: list[int], size: int
) -> None:
    shelf = Shelf(weights)
    found: list[Thing] = []
    token: str | None = None
    while True:
        page, token = shelf.page(size, token)
        assert len(page) <= size
        assert len(page) <= 1 or sum(weight for _, weight in page) <= MOST_BYTES
        found += page
        if token is None:
            break
    assert found == shelf.things


def test_of_large_things_only_some_are_read_at_once() -> None:
    shelf = Shelf([MOST_BYTES // 4] * 500)
    page, token = shelf.page(200, None)
    assert (len(page), shelf.read_at_once) == (4, [FIRST])
    assert token is not None


def test_of_small_things_a_page_is_full() -> None:
    shelf = Shelf([100] * 500)
    page, token = shelf.page(100, None)
    assert (len(page), shelf.read_at_once) == (100, [20, 40, 41])
    assert token is not None


def test_an_end_is_told_even_where_the_page_is_full() -> None:
    page, token = Shelf([1] * 3).page(3, None)
    assert (len(page), token) == (3, None)


def test_bytes_are_those_of_what_is_shown() -> None:
    assert portions._bytes({"a": "x" * 10}) == 18
