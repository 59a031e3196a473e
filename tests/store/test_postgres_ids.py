"""Run ids in stock: what is given out, and how much is fetched ahead."""

from __future__ import annotations

from callboard.store.postgres_ids import BLOCK, RunIds


def test_ids_ascend_though_an_older_block_came_later() -> None:
    ids = RunIds()
    ids.add([2 * BLOCK + 1])
    ids.add([BLOCK + 1])
    assert ids.take(2 * BLOCK) == list(range(BLOCK + 1, 3 * BLOCK + 1))


def test_an_id_is_given_out_once() -> None:
    ids = RunIds()
    ids.add([1])
    assert (ids.take(3), ids.take(0), ids.take(2)) == ([1, 2, 3], [], [4, 5])


def test_as_many_blocks_are_fetched_as_are_missing() -> None:
    ids = RunIds()
    ids.add([1])
    assert [ids.blocks_for(count) for count in (0, BLOCK, BLOCK + 1, 3 * BLOCK)] == [0, 0, 1, 2]


def test_the_next_commit_brings_what_one_like_the_last_will_take() -> None:
    ids = RunIds()
    ids.add([1])
    ids.take(BLOCK - 100)
    assert ids.blocks_ahead() == 1
    ids.add([BLOCK + 1])
    assert ids.blocks_ahead() == 0
