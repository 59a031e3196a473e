"""The log of a run as it grows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self

from callboard.store.contract import LogLine

if TYPE_CHECKING:
    from callboard.operations.runs import RunOperations

LOG_POLL_S: Final = 0.25
LOG_PAGE: Final = 1000


class LogTail:
    """The lines of a run's log as they come: `async for`, which may raise NotFound.

    Cancelling a wait for the next line loses nothing.
    """

    def __init__(self, board: RunOperations, run_id: int, after: int) -> None:
        self._board = board
        self._run_id = run_id
        self._after = after
        self._lines: deque[LogLine] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LogLine:
        while not self._lines:
            await self._fetch()
        line = self._lines.popleft()
        self._after = line.seq
        return line

    async def _fetch(self) -> None:
        has_ended = (await self._board.get_run(self._run_id)).has_ended
        # Looked up before the lines: those of an ended run are all stored.
        self._lines.extend(
            await self._board.read_log(self._run_id, after=self._after, limit=LOG_PAGE)
        )
        if not self._lines:
            if has_ended:
                raise StopAsyncIteration
            clock = self._board.clock
            await clock.sleep_until(clock.monotonic() + LOG_POLL_S)
