"""Somebody who pauses, resumes, edits, fires and backfills without pause, by a board of his own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from acceptance.timed_work import OVERLAPS, TURNED, blackout, trigger_of
from callboard import Callboard, TriggerState
from callboard.domain.backfill import BackfillState, NewBackfill
from callboard.domain.pause import Missed
from callboard.errors import Conflict, InvalidInput, StaleVersion, StoreUnavailable
from callboard.store.contract import BackfillFilter, TriggerFilter

GROUP = "default"
LENGTH_OF_PAUSE_S = 2.5


class Meddler:
    """Counts what he did, and what he was refused."""

    def __init__(self, board: Callboard, random: Random, names: Sequence[str]) -> None:
        self._board = board
        self._random = random
        self._names = names
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    async def work(self, stop: asyncio.Event, pause_s: float) -> None:
        """One thing after the other until `stop` is set."""
        verbs = (
            *(self._edit, self._edit_if_unchanged, self._pause, self._pause, self._resume) * 2,
            self._pause_all,
            self._resume_all,
            self._edit_calendar,
            self._edit_calendar,
            self._fire,
            self._turn_backfill,
            self._turn,
        )
        while not stop.is_set():
            verb = self._random.choice(verbs)
            try:
                await verb(self._random.choice(self._names))
                self.done[verb.__name__] += 1
            except (Conflict, StaleVersion, StoreUnavailable):
                self.refused[verb.__name__] += 1
            except InvalidInput as error:  # the end of the pause had come before the answer
                if [problem.field for problem in error.problems] != ["until"]:
                    raise
                self.refused[verb.__name__] += 1
            await asyncio.sleep(self._random.uniform(0, 2 * pause_s))

    async def _edit(self, name: str) -> None:
        await self._board.replace_trigger(trigger_of(name, self._random))

    async def _edit_if_unchanged(self, name: str) -> None:
        seen = await self._board.get_trigger(GROUP, name)
        await self._board.replace_trigger(
            trigger_of(name, self._random), expected_version=seen.version
        )

    async def _pause(self, name: str) -> None:
        until = None
        if self._random.random() < 0.7:
            length_s = self._random.uniform(0.2, LENGTH_OF_PAUSE_S)
            until = self._board.present() + timedelta(seconds=length_s)
        await self._board.pause_trigger(GROUP, name, until=until)

    async def _resume(self, name: str) -> None:
        """One that waits for nobody else, if there is one."""
        paused = await self._board.list_triggers(TriggerFilter(state=TriggerState.PAUSED.value))
        chosen = self._random.choice([each.name for each in paused] or [name])
        missed = self._random.choice(list(Missed))
        await self._board.resume_trigger(GROUP, chosen, missed=missed)

    async def _pause_all(self, name: str) -> None:
        until = self._board.present() + timedelta(seconds=self._random.uniform(0.5, 1.5))
        await self._board.pause_triggers(TriggerFilter(), until=until)

    async def _resume_all(self, name: str) -> None:
        missed = self._random.choice(list(Missed))
        await self._board.resume_triggers(TriggerFilter(), missed=missed)

    async def _edit_calendar(self, name: str) -> None:
        await self._board.replace_calendar(blackout(self._board.present(), self._random))

    async def _fire(self, name: str) -> None:
        await self._board.fire_trigger(GROUP, self._random.choice([*OVERLAPS]))

    async def _turn(self, name: str) -> None:
        """Off, or on again."""
        seen = await self._board.get_trigger(GROUP, TURNED)
        if seen.state is TriggerState.INACTIVE:
            await self._board.activate_trigger(GROUP, TURNED)
        else:
            await self._board.deactivate_trigger(GROUP, TURNED)

    async def _turn_backfill(self, name: str) -> None:
        """Pause one that runs, or let a paused one go on."""
        for backfill in await self._board.list_backfills(BackfillFilter(limit=10)):
            if backfill.state is BackfillState.RUNNING:
                await self._board.pause_backfill(backfill.id)
                return
            if backfill.state is BackfillState.PAUSED:
                await self._board.resume_backfill(backfill.id)
                return


async def begin_backfills(board: Callboard, names: Sequence[str]) -> int:
    """Two for each of the triggers, over ranges that share a part; how many slots there are."""
    now = board.present().replace(second=0, microsecond=0)
    for name in names:
        for first, last in ((40, 15), (25, 0)):
            await board.create_backfill(
                NewBackfill(
                    trigger=name,
                    from_at=now - timedelta(minutes=first),
                    until_at=now - timedelta(minutes=last),
                    max_concurrent=3,
                )
            )
    return 40 * len(names)
