"""RunHandle: a run in the hands of whoever started it."""

from __future__ import annotations

from typing import Final

from callboard.domain.json import Json
from callboard.domain.run import Run, StopMode
from callboard.domain.states import RunState
from callboard.errors import RunFailed
from callboard.operations import Operations

PROMISE_POLL_S: Final = 0.05


class RunHandle:
    """A started run, for whoever started it."""

    __slots__ = ("_board", "_is_promised", "started")

    def __init__(self, board: Operations, run: Run, *, is_promised: bool = False) -> None:
        """Args:
        is_promised: it begins its life when its caller's transaction is committed.
        """
        self._board = board
        self._is_promised = is_promised
        self.started = run
        """The run as it was created."""

    @property
    def id(self) -> int:
        return self.started.id

    async def wait(self, timeout_s: float | None = None) -> Run:
        """The run when it has ended or was parked, or as it is when the time is over.

        One that was started in a caller's transaction is waited for, too.

        Raises:
            NotFound: that transaction was not committed in time.
        """
        if self._is_promised:
            timeout_s = await self._arrival(timeout_s)
        return await self._board.wait_run(self.id, timeout_s=timeout_s)

    async def _arrival(self, timeout_s: float | None) -> float | None:
        """Wait until the run is there; the seconds that are left."""
        clock = self._board.clock
        over_at = None if timeout_s is None else clock.monotonic() + timeout_s
        while not await self._board.has_run(self.id):
            now = clock.monotonic()
            if over_at is not None and now >= over_at:
                break
            await clock.sleep_until(now + PROMISE_POLL_S)
        self._is_promised = False
        return None if over_at is None else max(0.0, over_at - clock.monotonic())

    async def result(self, timeout_s: float | None = None) -> Json:
        """What the handler returned.

        Raises:
            RunFailed: it ended in another way, or was parked; retries are runs of their own.
            TimeoutError: it has not ended in time.
        """
        run = await self.wait(timeout_s)
        if run.state is RunState.SUCCEEDED:
            return run.result
        if not run.has_ended and run.state is not RunState.PARKED:
            raise TimeoutError(f"run {run.id} is {run.state} after {timeout_s} s")
        error: dict[str, object] | None = None
        if run.error is not None:
            error = {"type": run.error.type, "message": run.error.message}
        raise RunFailed(run.id, run.state.value, error)

    async def progress(self) -> Json:
        """What it said last: `{"done", "total", "note", "at"}`; None: nothing."""
        return (await self._board.get_run(self.id)).progress

    async def stop(
        self, *, mode: StopMode = StopMode.COOPERATIVE, grace_s: float | None = None
    ) -> Run:
        """Stop it; see Operations.stop_run."""
        return await self._board.stop_run(self.id, mode=mode, grace_s=grace_s)
