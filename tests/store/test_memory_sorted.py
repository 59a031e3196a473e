"""The memory store's ordered set behaves as a sorted list of distinct numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.store import memory_sorted
from callboard.store.memory_sorted import SortedKeys

numbers = st.integers(0, 60)
changes = st.lists(st.tuples(st.booleans(), numbers), max_size=200)


@pytest.fixture(autouse=True, scope="module")
def small_buckets() -> object:
    """Buckets of four, so that a few keys split and empty many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_sorted, "MOST_IN_BUCKET", 4)
        yield


def changed(steps: list[tuple[bool, int]]) -> tuple[SortedKeys[int], list[int]]:
    keys, model = SortedKeys[int](), set[int]()
    for is_added, key in steps:
        if not is_added:
            keys.discard(key)
            model.discard(key)
        elif key not in model:
            keys.add(key)
            model.add(key)
    return keys, sorted(model)


@given(changes)
def test_it_holds_what_was_added_and_not_taken_out(steps: list[tuple[bool, int]]) -> None:
    keys, model = changed(steps)
    assert list(keys) == model
    assert list(reversed(keys)) == model[::-1]
    assert len(keys) == len(model)
    assert keys.first == (model[0] if model else None)


@given(changes, numbers)
def test_it_gives_the_keys_above_one(steps: list[tuple[bool, int]], key: int) -> None:
    keys, model = changed(steps)
    assert list(keys.above(key)) == [item for item in model if item > key]
    assert list(keys.above(key, or_equal=True)) == [item for item in model if item >= key]


@given(changes, numbers)
def test_it_gives_the_keys_below_one_downwards(steps: list[tuple[bool, int]], key: int) -> None:
    keys, model = changed(steps)
    assert list(keys.below(key)) == [item for item in model if item < key][::-1]


batches = st.lists(st.lists(numbers, unique=True, max_size=12).map(sorted), max_size=8)


@given(batches)
def test_batches_are_added_as_their_keys_are(batches: list[list[int]]) -> None:
    keys, model = SortedKeys[int](), set[int]()
    for batch in batches:
        new = [key for key in batch if key not in model]
        keys.add_all(new)
        model.update(new)
        assert list(keys) == sorted(model)
        assert len(keys) == len(model)
        assert list(keys.above(-1)) == sorted(model)


@given(changes, st.integers(0, 99), st.none() | numbers)
def test_the_first_keys_are_taken_out(
    steps: list[tuple[bool, int]], count: int, below: int | None
) -> None:
    keys, model = changed(steps)
    wanted = [key for key in model if below is None or key < below][:count]
    assert keys.take_first(count, below=below) == wanted
    assert list(keys) == [key for key in model if key not in wanted]
    assert len(keys) == len(model) - len(wanted)
    assert keys.first == next((key for key in model if key not in wanted), None)
