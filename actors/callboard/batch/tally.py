"""Tally: what one execution of a step has counted so far."""

from __future__ import annotations

from callboard.domain.batch_step import StepCounts


class Tally:
    """Counters that grow. What belongs to a chunk is added when the chunk has committed."""

    __slots__ = ("committed", "reads", "retries", "rollbacks")

    def __init__(self) -> None:
        self.committed = StepCounts()
        """Of committed chunks: all but the following three."""
        self.reads = 0
        self.rollbacks = 0
        self.retries = 0

    def counts(self) -> StepCounts:
        """All of it."""
        return self.with_chunk(StepCounts())

    def with_chunk(self, chunk: StepCounts, *, commits: int = 0) -> StepCounts:
        """All of it, and what one more chunk adds; its reads, rollbacks and retries are none."""
        done = self.committed
        return StepCounts(
            reads=self.reads,
            writes=done.writes + chunk.writes,
            filters=done.filters + chunk.filters,
            commits=done.commits + commits,
            rollbacks=self.rollbacks,
            read_skips=done.read_skips + chunk.read_skips,
            process_skips=done.process_skips + chunk.process_skips,
            write_skips=done.write_skips + chunk.write_skips,
            retries=self.retries,
        )

    def add(self, counts: StepCounts) -> None:
        """What others have done and committed for the step: its partitions."""
        self.reads += counts.reads
        self.rollbacks += counts.rollbacks
        self.retries += counts.retries
        self.committed = self.committed.plus(counts)
