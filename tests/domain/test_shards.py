"""Shards: every one has one owner, soon, whoever comes, goes, and looks first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.shards import SHARDS, Division, Moves, Scheduling, moves_of, shard_of

SHARED, LEADER = Scheduling.SHARED, Scheduling.LEADER
EPOCHS = st.integers(1, 12)
OWNERS = st.dictionaries(st.integers(0, SHARDS - 1), EPOCHS)
"""Whatever came before: by nodes that live, that are dead, by none."""
ROUNDS = 3


@st.composite
def rounds(draw: st.DrawFn, nodes: Iterable[int], count: int = ROUNDS) -> list[int]:
    """Epochs in the order in which they look: each once in a round."""
    known = sorted(nodes)
    return [epoch for _ in range(count) for epoch in draw(st.permutations(known))]


def moved(owners: Mapping[int, int], epoch: int, moves: Moves) -> dict[int, int]:
    """Who has what when the moves are done, by nodes that take only what is free."""
    left = {shard: owner for shard, owner in owners.items() if shard not in moves.release}
    return left | dict.fromkeys(moves.take, epoch)


def settled(
    owners: Mapping[int, int], live: Mapping[int, Scheduling], order: Iterable[int]
) -> dict[int, int]:
    """Who has what when the nodes have looked in that order, one at a time."""
    now = dict(owners)
    for epoch in order:
        now = moved(now, epoch, moves_of(epoch, Division(live=live, owners=now)))
    return now


def shared_by(*epochs: int) -> dict[int, int]:
    """A fair division, with the first shards for the first node."""
    live = dict.fromkeys(epochs, SHARED)
    return settled({}, live, epochs * ROUNDS)


def test_a_trigger_belongs_to_one_shard() -> None:
    assert {shard_of(trigger_id) for trigger_id in range(1, 1000)} == set(range(SHARDS))
    assert shard_of(2**53) in range(SHARDS)


@given(st.data(), OWNERS, st.sets(EPOCHS, min_size=1, max_size=9))
def test_shared_shards_come_to_fair_shares_in_any_order(
    data: st.DataObject, owners: dict[int, int], nodes: set[int]
) -> None:
    live = dict.fromkeys(nodes, SHARED)
    after = settled(owners, live, data.draw(rounds(nodes)))
    counts = Counter(after.values())
    assert counts.total() == SHARDS
    assert counts.keys() == nodes
    assert max(counts.values()) - min(counts.values()) <= 1


@given(st.data(), OWNERS, st.sets(EPOCHS, min_size=1, max_size=9))
def test_one_leader_comes_to_have_all_shards_in_any_order(
    data: st.DataObject, owners: dict[int, int], nodes: set[int]
) -> None:
    live = dict.fromkeys(nodes, LEADER)
    after = settled(owners, live, data.draw(rounds(nodes)))
    assert len(after) == SHARDS
    assert len(set(after.values())) == 1
    assert set(after.values()) <= nodes


@given(st.data(), OWNERS, st.dictionaries(EPOCHS, st.sampled_from(Scheduling), min_size=1))
def test_no_shard_is_left_to_nobody_when_nodes_are_told_different_things(
    data: st.DataObject, owners: dict[int, int], live: dict[int, Scheduling]
) -> None:
    after = settled(owners, live, data.draw(rounds(live)))
    assert after.keys() == set(range(SHARDS))
    assert set(after.values()) <= live.keys()


@given(st.data(), OWNERS, st.dictionaries(EPOCHS, st.sampled_from(Scheduling), min_size=1))
def test_a_settled_division_does_not_move(
    data: st.DataObject, owners: dict[int, int], live: dict[int, Scheduling]
) -> None:
    after = settled(owners, live, data.draw(rounds(live)))
    division = Division(live=live, owners=after)
    assert {moves_of(epoch, division) for epoch in live} == {Moves()}


@given(EPOCHS, OWNERS, st.dictionaries(EPOCHS, st.sampled_from(Scheduling)))
def test_a_node_moves_only_what_is_free_or_its_own(
    epoch: int, owners: dict[int, int], live: dict[int, Scheduling]
) -> None:
    moves = moves_of(epoch, Division(live=live, owners=owners))
    assert {owners.get(shard) for shard in moves.take}.isdisjoint(live)
    assert {owners[shard] for shard in moves.release} <= {epoch}
    assert not (moves.take and moves.release)


@given(EPOCHS, OWNERS, st.dictionaries(EPOCHS, st.sampled_from(Scheduling)))
def test_a_node_that_does_not_fire_takes_none_and_keeps_none(
    epoch: int, owners: dict[int, int], live: dict[int, Scheduling]
) -> None:
    live.pop(epoch, None)
    moves = moves_of(epoch, Division(live=live, owners=owners))
    assert moves.take == frozenset()
    assert moves.release == {shard for shard, owner in owners.items() if owner == epoch}


@given(OWNERS, st.dictionaries(EPOCHS, st.sampled_from(Scheduling), min_size=1))
def test_nodes_that_look_at_the_same_moment_take_different_shards(
    owners: dict[int, int], live: dict[int, Scheduling]
) -> None:
    division = Division(live=live, owners=owners)
    taken = [shard for epoch in live for shard in moves_of(epoch, division).take]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("nodes", range(1, 9))
def test_a_node_that_comes_moves_its_own_share_only(nodes: int) -> None:
    before = shared_by(*range(1, nodes + 1))
    live = dict.fromkeys(range(1, nodes + 2), SHARED)
    after = settled(before, live, list(live) * ROUNDS)
    changed = [shard for shard in range(SHARDS) if before[shard] != after[shard]]
    assert {after[shard] for shard in changed} == {nodes + 1}
    assert len(changed) == SHARDS // (nodes + 1)


@pytest.mark.parametrize("nodes", range(2, 10))
def test_a_node_that_goes_moves_its_own_share_only(nodes: int) -> None:
    before = shared_by(*range(1, nodes + 1))
    live = dict.fromkeys(range(2, nodes + 1), SHARED)
    after = settled(before, live, list(live) * ROUNDS)
    changed = {shard for shard in range(SHARDS) if before[shard] != after[shard]}
    assert changed == {shard for shard, owner in before.items() if owner == 1}


def test_a_second_leader_takes_nothing_from_the_first() -> None:
    live = {1: LEADER, 2: LEADER}
    division = Division(live=live, owners=dict.fromkeys(range(SHARDS), 2))
    assert moves_of(1, division) == moves_of(2, division) == Moves()


def test_what_the_oldest_node_was_told_holds() -> None:
    assert Division(live={3: SHARED, 2: LEADER}, owners={}).scheduling is LEADER
    assert Division(live={2: SHARED, 3: LEADER}, owners={}).scheduling is SHARED
    assert Division(live={}, owners={}).scheduling is SHARED
