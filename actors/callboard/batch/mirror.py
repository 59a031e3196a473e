"""Mirror: the board's record of a step whose chunks commit in an application's database.

The application's counts: the copy is made behind it, and one that is missing comes with the next.
By the copy the board shows how far the step is, fences it off, and tells it to stop.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from callboard.domain.batch_step import Checkpoint, SkippedItem, StepExecution
from callboard.domain.states import RunState
from callboard.errors import StoreUnavailable
from callboard.store.contract_chunks import ChunkLine, StepNotHeld

logger = logging.getLogger(__name__)


class Mirror:
    """Of one execution of a step."""

    def __init__(self, board: ChunkLine, step: StepExecution, *, epoch: int) -> None:
        self._board = board
        self._step = step
        self._epoch = epoch
        self._behind: Checkpoint | None = None
        """What the board has not heard of yet, as far as is known."""
        self._late: list[SkippedItem] = []
        """The items that go with it."""
        self._in_doubt: tuple[int, int] | None = None
        """Commits that a copy tells of, and items of `_late` in it; whether it came through is not
        known."""

    async def repeat(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem]) -> RunState:
        """The run's state, as the board has it; running while the board's database is away.

        Raises:
            StepNotHeld: somebody else has the step; the chunk has committed all the same.
        """
        self._behind = checkpoint
        self._late += skipped
        try:
            return await self.catch_up()
        except StoreUnavailable as error:
            logger.info("the record of step %d follows later: %s", self._step.id, error)
            return RunState.RUNNING

    async def catch_up(self) -> RunState:
        """Tell the board what it has missed; safe to ask again.

        Raises:
            StepNotHeld, StoreUnavailable
        """
        if self._in_doubt is not None:
            await self._settle_doubt(*self._in_doubt)
        if self._behind is None:
            return RunState.RUNNING
        self._in_doubt = self._behind.counts.commits, len(self._late)
        async with self._board.begin(self._step, epoch=self._epoch) as copy:
            state = await copy.save(self._behind, self._late)
        self._behind, self._late, self._in_doubt = None, [], None
        return state

    async def _settle_doubt(self, commits: int, items: int) -> None:
        found = await self._board.find(self._step)
        if found is None:
            raise StepNotHeld(self._step.id)
        if found.counts.commits == commits:
            del self._late[:items]
            if self._behind is not None and self._behind.counts.commits == commits:
                self._behind = None
        self._in_doubt = None
