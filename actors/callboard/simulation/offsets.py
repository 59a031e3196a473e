"""Changes of a few minutes that spread runs which begin in the same minute.

Only times of one's own choosing are changed: the plain minute of a cron text, the start of a step
(`*/5`), the anchor of an interval. The hour stays, and so does the number of slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.dialect import DIALECTS
from callboard.domain.instant import instant_to_text
from callboard.domain.schedule import Cron, Interval, slots_between
from callboard.domain.trigger import Trigger
from callboard.errors import InvalidInput
from callboard.simulation.findings import Offset, Offsets
from callboard.simulation.profile import DAY

HOUR: Final = 60
A_DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
SHORT: Final = timedelta(days=9)
SEASONS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One way to move a trigger."""

    minutes: int
    field: str = ""
    value: str = ""


def offsets(
    piles: Sequence[tuple[datetime, Sequence[Trigger]]],
    busiest_day: Sequence[int],
    *,
    since: datetime,
    until: datetime,
) -> Offsets:
    """Which triggers of the piles to move, and by how much, one after the other.

    Each goes where the busiest minute that it touches is the lowest, to the nearest of several.

    Args:
        piles: a minute each, and the triggers whose runs begin in it.
        since, until: the bounds of the simulation.
        busiest_day: for each minute of the day, in UTC, the most runs that begin in it on a day.
    """
    heights = list(busiest_day)
    days: dict[tuple[str, str], tuple[Trigger, list[datetime]]] = {}
    for first, triggers in piles:
        alike = list(_days_like(first, since, until))
        for trigger in triggers:
            days.setdefault((trigger.group, trigger.name), (trigger, []))[1].extend(alike)
    moves = (_moved(trigger, firsts, heights) for trigger, firsts in days.values())
    changes = tuple(move for move in moves if move is not None)
    return Offsets(changes=changes, before=max(busiest_day), after=max(heights))


def _moved(trigger: Trigger, days: Sequence[datetime], heights: list[int]) -> Offset | None:
    """The best move, already made in `heights`; None where no move makes it better."""
    places = sorted(set().union(*(_places(trigger, day) for day in days)))
    runs = len(trigger.actions)
    _add(heights, places, -runs)
    stay = _Choice(minutes=0)
    best = min(
        (stay, *_choices(trigger)),
        key=lambda choice: (
            max((heights[(place + choice.minutes) % DAY] for place in places), default=0),
            abs(choice.minutes),
            choice.minutes,
        ),
    )
    _add(heights, [(place + best.minutes) % DAY for place in places], runs)
    if not best.minutes:
        return None
    return Offset(
        group=trigger.group,
        name=trigger.name,
        minutes=best.minutes,
        field=best.field,
        value=best.value,
    )


def _add(heights: list[int], places: Sequence[int], runs: int) -> None:
    for place in places:
        heights[place] += runs


def _days_like(day: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """Days that stand for all on which the same comes: every one of a short time, of a long one
    some of the same weekday, for slots move with the season in a zone that has summer time."""
    length = until - since
    step = A_DAY if length <= SHORT else max(WEEK, length / SEASONS // WEEK * WEEK)
    at = day - (day - since) // step * step
    while at < until:
        yield at
        at += step


def _places(trigger: Trigger, day: datetime) -> set[int]:
    """The minutes of the day in which it has slots on that day."""
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    slots = slots_between(
        trigger.schedule,
        after=start - timedelta(microseconds=1),
        until=start + A_DAY - timedelta(microseconds=1),
        anchor=trigger.anchor_at or start,
    )
    return {slot.hour * HOUR + slot.minute for slot in slots}


def _choices(trigger: Trigger) -> Iterator[_Choice]:
    schedule = trigger.schedule
    if isinstance(schedule, Cron):
        yield from _cron_choices(schedule)
    elif isinstance(schedule, Interval) and schedule.anchor_at is not None:
        for minutes in range(1, min(HOUR, int(schedule.every_s // 60))):
            anchor = schedule.anchor_at + timedelta(minutes=minutes)
            yield _Choice(minutes=minutes, field="anchor_at", value=instant_to_text(anchor))


def _cron_choices(schedule: Cron) -> Iterator[_Choice]:
    dialect = DIALECTS[schedule.dialect]
    text = dialect.macros.get(schedule.expression.lower(), schedule.expression)
    words = text.removeprefix("cron(").removesuffix(")").split()
    place = next(n for n, spec in enumerate(dialect.fields) if spec.name == "minute")
    if len(words) <= place:
        return
    for minutes, word in _minute_words(words[place]):
        expression = " ".join([*words[:place], word, *words[place + 1 :]])
        if text.startswith("cron("):
            expression = f"cron({expression})"
        try:
            replace(schedule, expression=expression)
        except InvalidInput:
            continue
        yield _Choice(minutes=minutes, field="expression", value=expression)


def _minute_words(word: str) -> Iterator[tuple[int, str]]:
    """(minutes later, what to write) for the other values that a minute field may have."""
    if word.isascii() and word.isdigit():
        minute = int(word)
        for other in range(HOUR):
            if other != minute:
                yield other - minute, str(other)
        return
    start, _, step = word.partition("/")
    if start not in ("*", "0") or not (step.isascii() and step.isdigit()):
        return
    if 1 < int(step) < HOUR and HOUR % int(step) == 0:
        for other in range(1, int(step)):
            yield other, f"{other}-59/{step}"
