"""Where a board keeps what can be asked about batch jobs."""

from __future__ import annotations

from callboard.operations.batch_operator import BatchOperator
from callboard.operations.runs import RunOperations
from callboard.runners.handlers import HandlerRegistry


class BatchOperations(RunOperations):
    """Starting, restarting, ending and understanding runs of batch jobs."""

    handlers: HandlerRegistry

    @property
    def operator(self) -> BatchOperator:
        """All that can be asked about batch jobs; other calls are for runs of any job."""
        return BatchOperator(self)
