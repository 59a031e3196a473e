"""Bookmarks of jobs whose runs two boards on one database execute."""

from __future__ import annotations

import asyncio

from callboard import BoardConfig, Callboard, HandlerRegistry, NewRun
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Job

RUNS = 60


class Gate:
    """A job whose runs end together: none before all have begun."""

    def __init__(self) -> None:
        self._waiting = RUNS
        self._all_there = asyncio.Event()

    async def load(self, day: int, mode: str = "on") -> int:
        self._waiting -= 1
        if self._waiting == 0:
            self._all_there.set()
        await self._all_there.wait()
        if day % 4 == 0:
            raise ValueError("a bad day")
        return day


def board_on(dsn: str, name: str, gate: Gate) -> Callboard:
    """With room for half of the runs."""
    handlers = HandlerRegistry(modules=())
    handlers.register("load", gate.load)
    config = BoardConfig(node_name=name, drain_s=0, capacity=RUNS // 2)
    return Callboard(dsn, config=config, handlers=handlers)


async def test_no_end_is_lost_whichever_board_has_the_run(postgres_dsn: str) -> None:
    gate = Gate()
    async with (
        board_on(postgres_dsn, "one", gate) as one,
        board_on(postgres_dsn, "two", gate) as two,
    ):
        await one.create_job(
            Job(
                name="load",
                kind="python",
                spec={"handler": "load"},
                arguments={"mode": "on"},
                bookmark=BookmarkRule(argument="mode", equals="on"),
            )
        )
        started = [
            await board.start_runs(
                [NewRun(job="load", arguments={"day": day}) for day in range(at, at + 10)]
            )
            for at in range(0, RUNS, 20)
            for board, at in ((one, at), (two, at + 10))
        ]
        runs = await asyncio.gather(*(one.wait_run(run.id) for each in started for run in each))
        assert {run.node for run in runs} == {"one", "two"}
        bookmark = await two.get_bookmark("default", "load")
        assert bookmark is not None
        assert (bookmark.run, bookmark.attempt) == (RUNS * 3 // 4, RUNS // 4)
        assert bookmark.version == RUNS
        stands_at = await two.get_run(bookmark.run_id or 0)
        assert (stands_at.state, stands_at.result) == ("succeeded", bookmark.value)
