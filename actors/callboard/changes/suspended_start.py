"""A start that waits, within its transaction, for the decision whether its jobs have room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callboard.domain.job import Job
from callboard.domain.run import NewRun, Run
from callboard.errors import RefusedError, UsageError
from callboard.store.contract import IdempotencyRecord


@dataclass(slots=True, kw_only=True)
class SuspendedStart:
    """Everything but the room is known to be right of it; nothing of it is stored, but its key."""

    runs: Sequence[NewRun]
    jobs: Mapping[tuple[str, str], Job]
    """By group and name, those of the runs among them."""
    record: IdempotencyRecord | None
    """Of its idempotency key; None: it has none."""
    is_first: bool
    """Whether that record was stored for it."""
    answer: tuple[Run, ...] | RefusedError | UsageError | None = None
    """None: it is not decided."""

    def wanted(self) -> list[tuple[NewRun, Job]]:
        return [(new, self.jobs[new.group, new.job]) for new in self.runs]
