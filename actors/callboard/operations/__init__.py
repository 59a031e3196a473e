"""Operations: all that can be asked of a board once it is open."""

from callboard.commands import Resumed
from callboard.operations.backfills import BackfillOperations
from callboard.operations.batch import BatchOperations
from callboard.operations.bookmarks import BookmarkOperations
from callboard.operations.bulk_runs import BulkRunOperations, BulkRuns
from callboard.operations.calendars import CalendarOperations
from callboard.operations.log_tail import LogTail
from callboard.operations.queues import QueueOperations
from callboard.operations.triggers import BulkChange, TriggerOperations
from callboard.operations.upkeep import UpkeepOperations
from callboard.operations.webhooks import WebhookOperations
from callboard.operations.workflows import WorkflowOperations

__all__ = ["BulkChange", "BulkRuns", "LogTail", "Operations", "Resumed"]


class Operations(
    BookmarkOperations,
    TriggerOperations,
    CalendarOperations,
    QueueOperations,
    BackfillOperations,
    BatchOperations,
    BulkRunOperations,
    WebhookOperations,
    WorkflowOperations,
    UpkeepOperations,
):
    """Every call may raise StoreUnavailable or Overloaded, besides what it names.

    A call that changed something returns when the change is committed.
    """
