"""The end of a run as whoever follows the committed stream gets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.states import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEnd:
    """The end of a run, as the committed stream tells it."""

    seq: int
    commit_seq: int
    """Number of the first event of its commit."""
    at: datetime
    run_id: int
    job_id: int
    job: str
    group: str
    state: RunState
    chain_id: int
    is_final: bool = True
    """Not, when the next attempt was created with it."""
    is_triggered: bool = False
    """Whether a trigger began its chain."""
    workflow_run_id: int | None = None
    """The workflow run that it was a part of."""
