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
from callboard.store.contract_chunks import ChunkLine

logger = logging.getLogger(__name__)


class Mirror:
    """Of one execution of a step."""

    def __init__(self, board: ChunkLine, step: StepExecution, *, epoch: int) -> None:
        self._board = board
        self._step = step
        self._epoch = epoch
        self._late: list[SkippedItem] = []

    async def repeat(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem]) -> RunState:
        """The run's state, as the board has it; running while the board's database is away.

        Raises:
            StepNotHeld: somebody else has the step; the chunk has committed all the same.
        """
        self._late += skipped
        try:
            async with self._board.begin(self._step, epoch=self._epoch) as copy:
                state = await copy.save(checkpoint, self._late)
        except StoreUnavailable as error:
            logger.info("the record of step %d follows later: %s", self._step.id, error)
            return RunState.RUNNING
        self._late = []
        return state
