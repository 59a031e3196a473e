"""The memory store's lazy ordered set is the same set, whenever it is looked at."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.store import memory_lazy
from callboard.store.memory_lazy import LazyKeys

steps = st.lists(st.tuples(st.sampled_from(["turn", "look", "add", "discard"]), st.integers(0, 9)))


@pytest.fixture(autouse=True, scope="module")
def few_pending() -> Iterator[None]:
    """So that batches are put in order without being looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_lazy, "MOST_PENDING", 5)
        yield


@given(steps)
def test_it_is_a_sorted_set(steps: list[tuple[str, int]]) -> None:
    keys, model, newest = LazyKeys[int](), set[int](), 100
    for step, number in steps:
        match step:
            case "turn" if number in model:
                keys.discard(number)
                model.discard(number)
            case "turn":
                keys.add(number)
                model.add(number)
            case "add":
                fresh = range(newest, newest + number)
                newest += number
                keys.add_all(fresh)
                model.update(fresh)
            case "discard":
                gone = sorted(model)[:number]
                keys.discard_all(gone)
                model.difference_update(gone)
            case "look":
                assert list(keys) == sorted(model)
    assert list(keys) == sorted(model)
    assert list(reversed(keys)) == sorted(model, reverse=True)
    assert list(keys.below(50)) == [key for key in sorted(model, reverse=True) if key < 50]
    assert len(keys) == len(model)
