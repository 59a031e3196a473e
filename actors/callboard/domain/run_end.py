"""The end of a run: what the node that held it tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.amend import amended
from callboard.domain.json import Json
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """The end of a run."""

    run_id: int
    epoch: int | None
    """The epoch that the run must still have; None: it must be held by nobody."""
    started_at: datetime | None = None
    """The claim that it ends: the run must still have begun at this instant. A node may claim a run
    again under one epoch, and an end of the earlier claim may come late. None: of whichever claim,
    for who has locked the run and looked at it."""
    state: RunState
    result: Json = None
    error: RunError | None = None
    ended_at: datetime


def ended(run: Run, end: RunEnd) -> Run:
    """The run as it is with this end."""
    return amended(run, state=end.state, result=end.result, error=end.error, ended_at=end.ended_at)
