"""How many runs a node may begin, with what is lent and left behind counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from callboard.places import Places


class Node:
    """Places, and runs that take them."""

    def __init__(self, capacity: int = 2) -> None:
        self.stuck = 0
        self.places = Places(capacity, lambda: self.stuck)

    def begin(self, run_id: int) -> Any:
        attempt: Any = _Attempt(run=SimpleNamespace(id=run_id))
        self.places.held[run_id] = attempt
        return attempt


class _Attempt(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]


@pytest.fixture
def node() -> Node:
    return Node()


def test_a_run_takes_one_and_leaves_it(node: Node) -> None:
    one = node.begin(1)
    assert node.places.free == 1
    node.places.leave(one)
    assert node.places.free == 2


def test_a_lent_place_is_free_until_it_is_taken_back(node: Node) -> None:
    one = node.begin(1)
    node.places.lend(one, is_lent=True)
    node.places.lend(one, is_lent=True)
    assert (node.places.free, list(node.places.held)) == (2, [1])
    node.places.lend(one, is_lent=False)
    assert node.places.free == 1


def test_who_comes_back_to_a_taken_place_makes_the_node_be_over_its_capacity(node: Node) -> None:
    one = node.begin(1)
    node.places.lend(one, is_lent=True)
    node.begin(2), node.begin(3)
    node.places.lend(one, is_lent=False)
    assert (node.places.free, node.places.open) == (-1, 2)


def test_a_run_that_ends_while_its_place_is_lent_leaves_nothing_behind(node: Node) -> None:
    one = node.begin(1)
    node.places.lend(one, is_lent=True)
    node.places.leave(one)
    assert node.places.free == 2
    node.places.lend(one, is_lent=False)
    assert node.places.free == 2


def test_who_does_not_hold_a_place_lends_none(node: Node) -> None:
    """An attempt that was given up, of a run that was claimed once more."""
    old = node.begin(1)
    node.places.clear()
    node.begin(1)
    assert not node.places.lend(old, is_lent=True)
    assert node.places.free == 1


def test_what_was_left_behind_keeps_its_place(node: Node) -> None:
    node.stuck = 1
    node.begin(1)
    assert node.places.free == 0


def test_when_all_is_given_up_all_places_are_free(node: Node) -> None:
    node.places.lend(node.begin(1), is_lent=True)
    node.begin(2)
    node.places.clear()
    assert node.places.free == 2
