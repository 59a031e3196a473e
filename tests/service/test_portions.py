"""Pages of things that may be large."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from callboard_service import portions
from callboard_service.portions import FIRST, MOST_BYTES, bytes_of, read_in_portions
from support.service_calls import call

Thing = tuple[int, str]
"""Its id, and what is large of it."""


class Shelf:
    """Things by id, read behind a place or a thing."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.things = [(id_, "x" * weight) for id_, weight in enumerate(weights, 1)]
        self.read_at_once: list[int] = []

    def page(self, size: int, begin: int = 0) -> tuple[list[Thing], bool]:
        async def read(last: Thing | None, limit: int) -> Sequence[Thing]:
            behind = begin if last is None else last[0]
            self.read_at_once.append(limit)
            return self.things[behind : behind + limit]

        return asyncio.run(
            read_in_portions(size, read, lambda things: [text for _, text in things])
        )


@given(st.lists(st.sampled_from([0, 30, 500, 2000]), max_size=60), st.integers(1, 40))
def test_pages_have_everything_once_and_are_no_larger_than_one_answer_should_be(
    weights: list[int], size: int
) -> None:
    shelf = Shelf(weights)
    found: list[Thing] = []
    has_more = True
    with patch.multiple(portions, MOST_BYTES=1000, FIRST=7, GROWTH=2, _BLOCK=3):
        while has_more:
            page, has_more = shelf.page(size, found[-1][0] if found else 0)
            assert len(page) <= size
            assert len(page) <= 1 or sum(len(text) for _, text in page) <= 1000
            assert page or not has_more
            found += page
    assert found == shelf.things


def test_of_large_things_no_more_than_a_usual_page_are_read_at_once() -> None:
    shelf = Shelf([MOST_BYTES // 4] * 150)
    page, has_more = shelf.page(1000)
    assert (len(page), has_more, shelf.read_at_once) == (3, True, [FIRST])


def test_behind_things_of_some_size_about_as_many_are_read_as_may_fit() -> None:
    shelf = Shelf([MOST_BYTES // 150] * 500)
    page, has_more = shelf.page(1000)
    assert (len(page), has_more) == (149, True)
    assert sum(shelf.read_at_once) < 180


def test_of_small_things_a_page_of_a_thousand_takes_two_statements_and_a_usual_one_one() -> None:
    shelf = Shelf([100] * 1500)
    page, has_more = shelf.page(1000)
    assert (len(page), has_more, shelf.read_at_once) == (1000, True, [FIRST, 1001 - FIRST])
    shelf.read_at_once.clear()
    page, has_more = shelf.page(100)
    assert (len(page), has_more, shelf.read_at_once) == (100, True, [FIRST])


def test_an_end_is_told_even_where_the_page_is_full() -> None:
    assert Shelf([100] * 3).page(3)[1] is False


def test_bytes_are_those_of_what_is_shown() -> None:
    assert bytes_of({"a": "x" * 10}) == 18
    assert bytes_of("\ud800") == len('"\\ud800"')


JOB: dict[str, Any] = {"name": "true", "kind": "command", "spec": {"argv": ["true"]}}
TEXT = "x" * 900_000
FEED = f"BEGIN:VCALENDAR\nX-WR-CALDESC:{TEXT}\nEND:VCALENDAR\n"


async def pages(client: TestClient[Any, Any], path: str) -> list[int]:
    """How many things each page has."""
    numbers: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await call(client, "GET", f"{path}?limit=10" + (cursor and f"&cursor={cursor}"))
        numbers.append(len(page["items"]))
        cursor = page["next_cursor"]
    return numbers


@pytest.mark.parametrize(("number", "expected"), [(6, [4, 2]), (4, [4])])
async def test_a_page_of_large_runs_is_shorter_and_its_cursor_goes_on(
    client: TestClient[Any, Any], number: int, expected: list[int]
) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=JOB)
    later = {"job": "true", "arguments": {"text": TEXT}, "due_at": "2100-01-01T00:00:00Z"}
    for _ in range(number):
        await call(client, "POST", "/v1/runs", 201, json={"runs": [later]})
    assert await pages(client, "/v1/runs") == expected
    assert await pages(client, "/v1/jobs/true/runs") == expected


async def test_pages_of_large_definitions_are_shorter(client: TestClient[Any, Any]) -> None:
    for number in range(6):
        job = {**JOB, "name": f"true-{number}", "arguments": {"text": TEXT}}
        await call(client, "POST", "/v1/jobs", 201, json=job)
        actions = [{"job": job["name"], "arguments": {"text": TEXT}}]
        trigger = {"name": f"t-{number}", "schedule": {"kind": "on_demand"}, "actions": actions}
        await call(client, "POST", "/v1/triggers", 201, json=trigger)
        feed = {"kind": "ical", "zone": "UTC", "text": FEED}
        calendar = {"name": f"c-{number}", "definition": feed}
        await call(client, "POST", "/v1/calendars", 201, json=calendar)
    assert await pages(client, "/v1/jobs") == [4, 2]
    assert await pages(client, "/v1/calendars") == [4, 2]
    assert await pages(client, "/v1/triggers") == [4, 2]
