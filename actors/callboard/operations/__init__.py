"""Operations: all that can be asked of a board once it is open."""

from callboard.commands import Resumed
from callboard.operations.backfills import BackfillOperations
from callboard.operations.calendars import CalendarOperations
from callboard.operations.jobs import JobOperations
from callboard.operations.log_tail import LogTail
from callboard.operations.runs import RunOperations
from callboard.operations.triggers import BulkChange, TriggerOperations
from callboard.operations.upkeep import UpkeepOperations

__all__ = ["BulkChange", "LogTail", "Operations", "Resumed"]


class Operations(
    JobOperations,
    TriggerOperations,
    CalendarOperations,
    BackfillOperations,
    RunOperations,
    UpkeepOperations,
):
    """Every call may raise StoreUnavailable or Overloaded, besides what it names.

    A call that changed something returns when the change is committed.
    """
