"""Conditional triggers over nodes in processes of their own, one of which is killed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from acceptance.boards import real_board
from acceptance.nodes import NodeProcess, company, until
from acceptance.places import Place
from callboard import Callboard, when_any
from callboard.domain.ledger import LedgerEntry

COMMITS = """
    select count(distinct batch.first_seq)
    from callboard.event_batch as batch
    where exists (
        select
        from callboard.ended_run as run
        where run.job = 'slow'
            and (
                run.id = any(batch.ended)
                or batch.records @> jsonb_build_array(jsonb_build_array('run.ended', run.id))
            )
    )
"""
"""In how many of them runs ended that are watched."""
SECOND = timedelta(seconds=1)


async def busy(node: NodeProcess, rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.gather(
            *(node.ask("start", job="slow", arguments={"seconds": 0.05 * n}) for n in range(4))
        )


async def entries(board: Callboard) -> list[LedgerEntry]:
    now = board.clock.now()
    span = 1000 * SECOND
    return await board.read_ledger("default", "t", since=now - span, until=now + span, limit=10_000)


async def test_each_commit_of_ends_fires_once_although_a_node_is_killed(
    postgresql: Place,
) -> None:
    """G45: what the one had begun is rolled back, what it had not is done by the other."""
    async with company(postgresql.dsn) as nodes:
        victim, other = [await nodes.engage(name) for name in ("victim", "other")]
        await other.ask("define", trace=str(postgresql.trace), with_triggers=False)
        async with real_board(
            postgresql.dsn, node_name="watcher", executes=False, fires=False
        ) as board:
            await board.schedule("t", when_any("slow"), "quick")
            work = asyncio.gather(busy(other, 15), return_exceptions=True)
            await asyncio.gather(busy(victim, 6), return_exceptions=True)
            await victim.kill()
            assert await work == [None]

            async def has_all() -> bool:
                live = await postgresql.value("select count(*) from callboard.live_run")
                commits = await postgresql.value(COMMITS)
                return live == 0 and len(await entries(board)) >= commits

            await until(has_all, "every end is fired")
            found = await entries(board)
            assert len(found) == await postgresql.value(COMMITS)
            causes = [run_id for entry in found for run_id in entry.caused_by]
            assert len(causes) == len(set(causes)) == len(found)
            started = await postgresql.value(
                "select count(*) from callboard.run where trigger = 't' and attempt = 1"
            )
            assert started == len(found)
