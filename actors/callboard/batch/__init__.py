"""Restartable jobs in steps and chunks; the public names, nothing else."""

from callboard.batch.chunk import Chunk, ChunkNotCommitted
from callboard.batch.chunk_step import ChunkStep
from callboard.batch.context import StepContext
from callboard.batch.file_reading import BadLine, csv_rows, lines
from callboard.batch.files import FileChanged, FileWriter
from callboard.batch.flow import Flow, decider, split
from callboard.batch.job import BatchJob
from callboard.batch.job_step import ChildFailed, ChildParked, JobStep
from callboard.batch.listeners import Listener
from callboard.batch.params import Params, identifying, reference, secret
from callboard.batch.partition import Partition, PartitionFailed
from callboard.batch.promotion import NotPromoted
from callboard.batch.reading import Reader
from callboard.batch.retrying import Retry
from callboard.batch.session import JobContext
from callboard.batch.skipping import Skip, SkipLimitExceeded, Unreadable
from callboard.batch.state import State
from callboard.batch.step import Interrupted, Step
from callboard.batch.tasklet import AGAIN
from callboard.batch.transaction import StepTransaction

__all__ = [
    "AGAIN",
    "BadLine",
    "BatchJob",
    "ChildFailed",
    "ChildParked",
    "Chunk",
    "ChunkNotCommitted",
    "ChunkStep",
    "FileChanged",
    "FileWriter",
    "Flow",
    "Interrupted",
    "JobContext",
    "JobStep",
    "Listener",
    "NotPromoted",
    "Params",
    "Partition",
    "PartitionFailed",
    "Reader",
    "Retry",
    "Skip",
    "SkipLimitExceeded",
    "State",
    "Step",
    "StepContext",
    "StepTransaction",
    "Unreadable",
    "csv_rows",
    "decider",
    "identifying",
    "lines",
    "reference",
    "secret",
    "split",
]
