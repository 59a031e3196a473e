"""The scheduler's role among nodes: who may decide the slots of which triggers.

Shards are locked before everything else in a transaction, by those who take them and by those who
keep them from being taken while slots are stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from callboard.changes.work import Work
from callboard.commands import EndFiring, FireSlots, Share, ShareShards
from callboard.domain.shards import moves_of, shard_of

TOPIC: Final = "shards"


async def share_shards(work: Work, command: ShareShards) -> Share | None:
    epoch = command.epoch
    if await work.tx.renew_firing(epoch, command.lease, command.scheduling) is None:
        return None
    if command.former is not None:
        await work.tx.end_firing(command.former)
    division = await work.tx.read_division()
    moves = moves_of(epoch, division)
    released = await work.tx.release_shards(epoch, moves.release)
    taken = await work.tx.take_shards(epoch, moves.take)
    if released or command.is_new:
        work.hints.add(TOPIC)
    return Share(
        own=frozenset(division.of(epoch)) - released | taken.keys(),
        taken_over=sum(owner is not None for owner in taken.values()),
        scheduling=division.scheduling,
    )


async def end_firing(work: Work, command: EndFiring) -> None:
    if await work.tx.end_firing(command.epoch):
        work.hints.add(TOPIC)


async def hold_shards(work: Work, commands: Sequence[FireSlots]) -> None:
    """Keep the shards of the plans from being taken, as far as they are the nodes' own."""
    wanted: defaultdict[int, set[int]] = defaultdict(set)
    for command in commands:
        wanted[command.epoch].update(shard_of(plan.before.id) for plan in command.plans)
    for epoch, ids in sorted(wanted.items()):
        held = await work.tx.hold_shards(epoch, ids)
        work.held.update((epoch, shard) for shard in held)


def which_are_held(work: Work, command: FireSlots) -> list[bool]:
    """For each plan whether the node of the command has proved that it may decide its slots."""
    held = {shard for epoch, shard in work.held if epoch == command.epoch}
    return [shard_of(plan.before.id) in held for plan in command.plans]
