"""Schedules of triggers: Glue's cron texts and the board's schedules, each as the other."""

from __future__ import annotations

from typing import Final

from callboard.domain.schedule import At, Cron, Interval, Schedule, cron
from callboard.domain.translate import translate
from callboard.errors import InvalidInput
from callboard_service.doors.glue.faults import GlueFault, invalid_input

NEVER: Final = Cron(expression="cron(0 0 1 1 ? 1970)", dialect="aws")
"""Stands for a date that never comes, which the board itself takes for a mistake."""
_MONTH: Final = 3
_FIELDS: Final = 6
_MINUTE_S: Final = 60


def scheduled(text: str) -> Cron:
    """The schedule of a Schedule; of a date that never comes, such as Feb 31, NEVER.

    Raises:
        GlueFault: InvalidInputException, with the text and what is wrong with it.
    """
    body = text.removeprefix(text[:5]) if text[:5].lower() == "cron(" else None
    if body is None:
        raise _bad(text, "it has to be cron(...), with six fields")
    try:
        return cron(f"cron({body}", dialect="aws")
    except InvalidInput as error:
        if _is_right_but_for_its_date(body):
            return NEVER
        raise _bad(text, error.problems[0].reason) from None


def schedule_text(schedule: Schedule) -> str | None:
    """A schedule as Glue's Schedule, or as the nearest text of its kind; None: there is none."""
    match schedule:
        case Cron(dialect="aws"):
            return schedule.expression if schedule.zone == "UTC" else None
        case Cron(zone="UTC"):
            return _translated(schedule)
        case Interval(every_s=every_s) if every_s % _MINUTE_S == 0:
            minutes = round(every_s / _MINUTE_S)
            return f"rate({minutes} minute{'s' if minutes != 1 else ''})"
        case At(at=at) if not at.microsecond:
            return f"at({at:%Y-%m-%dT%H:%M:%S})"
        case _:
            return None


def _translated(schedule: Cron) -> str | None:
    try:
        return translate(schedule.expression, schedule.dialect, "aws", hash_key=schedule.hash_key)
    except InvalidInput:
        return None


def _is_right_but_for_its_date(body: str) -> bool:
    """Whether only its days are none of its months: in all months together they are right."""
    fields = body.removesuffix(")").split()
    if len(fields) != _FIELDS or not body.endswith(")"):
        return False
    any_month = [*fields[:_MONTH], "*", *fields[_MONTH + 1 :]]
    any_day = [*fields[: _MONTH - 1], "1", *fields[_MONTH:]]
    return _is_cron(any_month) and _is_cron(any_day)


def _is_cron(fields: list[str]) -> bool:
    try:
        cron(f"cron({' '.join(fields)})", dialect="aws")
    except InvalidInput:
        return False
    return True


def _bad(text: str, reason: str) -> GlueFault:
    return invalid_input(f"The schedule {text[:300]} is invalid. Reason: {reason}")
