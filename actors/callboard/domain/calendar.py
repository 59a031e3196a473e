"""A calendar: a named set of instants that triggers leave out, or keep to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from callboard.domain.calendar_coverage import Coverage
from callboard.domain.calendar_definition import check_definition, coverage_of
from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP, name_problems
from callboard.errors import FieldProblem, InvalidInput

MAX_DESCRIPTION: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A definition, and, once stored, its identity and version.

    What comes from the store (it has an id) was checked once and is not checked again, so that it
    outlives the removal of its zone from the zone data (D05): `coverage` says so then.

    Raises:
        InvalidInput: everything that is wrong, by field (`name`, `definition.hours.mon[0]` ...).
    """

    name: str
    group: str = DEFAULT_GROUP
    description: str = ""
    definition: JsonObject
    """`{"kind": "weekly" | "dates" | "annual" | "ical" | "ranges", ...}`."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.id:
            return
        problems = [*name_problems(name=self.name, group=self.group)]
        if len(self.description) > MAX_DESCRIPTION:
            reason = f"is longer than {MAX_DESCRIPTION} characters"
            problems.append(FieldProblem("description", reason))
        problems += [problem.under("definition") for problem in check_definition(self.definition)]
        if problems:
            raise InvalidInput(*problems)

    @property
    def coverage(self) -> Coverage:
        """The instants that it covers; computed when asked for, and kept for equal definitions.

        Raises:
            InvalidInput: when its zone is gone.
        """
        return coverage_of(self.definition)
