"""What is wrong in a cron text, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFault:
    """One thing that is wrong in a cron text."""

    column: int
    """1-based, in the text as it was given."""
    field: str
    """Name of the field: `minute`, `day of month`; empty where it is the whole text."""
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"column {self.column}" + (f", {self.field}" if self.field else "")
        return f"{where}: {self.reason}"


class CronTextError(ValueError):
    """A cron text cannot be read; `faults` says why, at most one a field, in their order."""

    def __init__(self, *faults: CronFault) -> None:
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


def text_fault(column: int, reason: str, fix: str = "") -> CronTextError:
    """The error of a text as a whole."""
    return CronTextError(CronFault(column=column, field="", reason=reason, fix=fix))
