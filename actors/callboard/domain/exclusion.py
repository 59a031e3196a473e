"""What a trigger's calendars leave out, all of its rules together.

A slot stays when every rule leaves it: it lies in no excluded calendar, and in each included one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from callboard.domain.calendar_coverage import Coverage
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.errors import InvalidInput, invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """One rule with what its calendar covers."""

    calendar: str
    mode: CalendarMode
    shift: Shift
    coverage: Coverage

    def excludes(self, instant: datetime) -> bool:
        return self.coverage.covers(instant) is (self.mode is CalendarMode.EXCLUDE)

    def stretch(self, instant: datetime) -> tuple[bool, datetime | None]:
        covered, until = self.coverage.stretch(instant)
        return covered is (self.mode is CalendarMode.EXCLUDE), until


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The instants at which a trigger has no slot to fire.

    It is hashable: what is computed from it can be kept. Equal definitions have one coverage.
    """

    restrictions: tuple[Restriction, ...]

    @property
    def shifts(self) -> bool:
        """Whether any of its slots can move to another day."""
        return any(each.shift is not Shift.SKIP for each in self.restrictions)

    def excludes(self, instant: datetime) -> bool:
        return any(each.excludes(instant) for each in self.restrictions)

    def stretch(self, instant: datetime) -> tuple[bool, datetime | None]:
        """(whether the instant is left out, the first later instant that may be otherwise).

        None: it stays so for as long as anybody has looked.
        """
        found = [each.stretch(instant) for each in self.restrictions]
        ends = [until for excluded, until in found if excluded]
        if ends:
            return True, _latest(ends)
        return False, min((until for _, until in found if until is not None), default=None)

    def culprits(self, instant: datetime) -> Iterator[Restriction]:
        """The rules that leave the instant out."""
        return (each for each in self.restrictions if each.excludes(instant))

    def shift_of(self, instant: datetime) -> Shift:
        """Where an excluded slot moves: as the first rule says that leaves it out and moves it."""
        moves = (each.shift for each in self.culprits(instant) if each.shift is not Shift.SKIP)
        return next(moves, Shift.SKIP)


def exclusion_of(rules: Sequence[CalendarRule]) -> Exclusion | None:
    """The exclusion that the rules make; None without any.

    Raises:
        InvalidInput: on `calendars[i]...`: a calendar that is not known, or whose zone is gone.
    """
    if not rules:
        return None
    return Exclusion(tuple(_restriction(index, rule) for index, rule in enumerate(rules)))


def _restriction(index: int, rule: CalendarRule) -> Restriction:
    if rule.definition is None:
        reason = f"there is no calendar {rule.calendar!r}"
        raise invalid(f"calendars[{index}].calendar", reason, "create it first")
    try:
        coverage = rule.definition.coverage
    except InvalidInput as error:
        prefix = f"calendars[{index}]"
        raise InvalidInput(*(problem.under(prefix) for problem in error.problems)) from None
    return Restriction(calendar=rule.calendar, mode=rule.mode, shift=rule.shift, coverage=coverage)


def _latest(ends: Sequence[datetime | None]) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None
