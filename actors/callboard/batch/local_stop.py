"""LocalStop: the stop flag of a part of a run."""

from __future__ import annotations

from callboard.runners.context import StopFlag


class LocalStop(StopFlag):
    """Set with the run's own flag, or alone by `halt`. Whoever sets it, because a commit has told
    that the run is to stop, sets the run's."""

    __slots__ = ("_whole",)

    def __init__(self, whole: StopFlag) -> None:
        super().__init__()
        self._whole = whole
        whole.call_when_set(self.halt)

    def set(self) -> None:
        self._whole.set()
        self.halt()

    def halt(self) -> None:
        """Stop this part alone."""
        super().set()
