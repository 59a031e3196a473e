"""The log of a run as it grows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self

from callboard.domain.log import EVERYTHING, LogFilter, LogLine

if TYPE_CHECKING:
    from callboard.operations.runs import RunOperations

LOG_POLL_S: Final = 0.25
LOG_PAGE: Final = 1000


class LogTail:
    """The lines of a run's log as they come: `async for`, which may raise NotFound.

    Cancelling a wait for the next line loses nothing.
    """

    def __init__(
        self, board: RunOperations, run_id: int, after: int, filter: LogFilter = EVERYTHING
    ) -> None:
        self._board = board
        self._run_id = run_id
        self._filter = filter
        self._looked_at = after
        self.after = after
        """Number up to which every line that is wanted was given."""
        self._lines: deque[LogLine] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LogLine:
        while not self._lines:
            await self._fetch()
        line = self._lines.popleft()
        self.after = line.seq if self._lines else self._looked_at
        return line

    async def _fetch(self) -> None:
        has_ended = (await self._board.get_run(self._run_id)).has_ended
        # Looked up before the lines: those of an ended run are all stored.
        page = await self._board.search_log(
            self._run_id, self._filter, after=self._looked_at, limit=LOG_PAGE
        )
        self._lines.extend(page.lines)
        self._looked_at = page.after
        if not self._lines:
            self.after = page.after
            if has_ended:
                raise StopAsyncIteration
            clock = self._board.clock
            await clock.sleep_until(clock.monotonic() + LOG_POLL_S)
