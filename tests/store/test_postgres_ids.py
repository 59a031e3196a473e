"""Run ids in stock: what is given out, how much is fetched ahead, and for how long it is good."""

from __future__ import annotations

import pytest

from callboard.store.postgres_ids import BLOCK, FRESH_S, RunIds


class Watch:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def ids(watch: Watch) -> RunIds:
    return RunIds(watch)


def test_ids_ascend_though_an_older_block_came_later(ids: RunIds) -> None:
    ids.add([2 * BLOCK + 1])
    ids.add([BLOCK + 1])
    assert ids.take(2 * BLOCK) == list(range(BLOCK + 1, 3 * BLOCK + 1))


def test_an_id_is_given_out_once(ids: RunIds) -> None:
    ids.add([1])
    assert (ids.take(3), ids.take(0), ids.take(2)) == ([1, 2, 3], [], [4, 5])


def test_as_many_blocks_are_fetched_as_are_missing(ids: RunIds) -> None:
    ids.add([1])
    assert [ids.blocks_for(count) for count in (0, BLOCK, BLOCK + 1, 3 * BLOCK)] == [0, 0, 1, 2]


def test_the_next_commit_brings_what_one_like_the_last_will_take(ids: RunIds) -> None:
    ids.add([1])
    ids.take(BLOCK - 100)
    assert ids.blocks_ahead() == 1
    ids.add([BLOCK + 1])
    assert ids.blocks_ahead() == 0


def test_an_old_block_is_given_out_no_more(ids: RunIds, watch: Watch) -> None:
    ids.add([1])
    ids.take(1)
    watch.now += FRESH_S / 2
    assert ids.blocks_for(1) == 0
    watch.now += FRESH_S
    assert ids.blocks_for(1) == 1
    ids.add([BLOCK + 1])
    assert ids.take(1) == [BLOCK + 1]


def test_nothing_is_fetched_ahead_where_nothing_was_taken_lately(ids: RunIds, watch: Watch) -> None:
    ids.add([1])
    ids.take(BLOCK)
    assert ids.blocks_ahead() == 1
    watch.now += FRESH_S + 0.1
    assert ids.blocks_ahead() == 0


def test_nothing_is_fetched_ahead_before_the_first_run(ids: RunIds) -> None:
    """So the first run of a new database is run 1, whenever it is started."""
    assert ids.blocks_ahead() == 0
