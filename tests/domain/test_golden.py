"""The golden rows, each a test, and together one table: `pytest tests/domain/test_golden.py -q -s`.

croniter and cronsim stand beside Callboard. Where a row does not name them they have to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterError, croniter
from cronsim import CronSim, CronSimError

from callboard.domain.schedule import (
    Cron,
    count_slots,
    cron,
    next_slot,
    slot_local,
    slot_marks,
    slots_between,
)
from callboard.errors import InvalidInput
from domain.golden_rows import DST_ROWS, REFUSALS, TEXT_ROWS, Refusal, Row
from domain.oracle_text import read
from domain.oracle_walk import DAY_S, Oracle

MOST_SHOWN = 5
"""Slots in a cell of the table."""
ROWS = (*DST_ROWS, *TEXT_ROWS)


def row_name(row: Row | Refusal) -> str:
    return f"{row.id}-{row.dialect}-{row.text[:40]}"


def bounds_of(row: Row) -> tuple[datetime, datetime]:
    """[begin, end) as instants."""
    rules = ZoneInfo(row.zone)
    begin, end = (
        datetime.fromisoformat(text).replace(tzinfo=rules) for text in (row.begin, row.end)
    )
    return begin.astimezone(UTC), end.astimezone(UTC)


def schedule_of(row: Row) -> Cron:
    policy: dict[str, Any] = {"gap": row.gap, "fold": row.fold}
    return cron(row.text, dialect=row.dialect, zone=row.zone, **policy)


def callboards_slots(row: Row) -> list[datetime]:
    begin, end = bounds_of(row)
    after, until = begin - timedelta(microseconds=1), end - timedelta(microseconds=1)
    return list(slots_between(schedule_of(row), after=after, until=until, anchor=after))


def croniters_slots(row: Row) -> list[datetime]:
    begin, _ = bounds_of(row)
    start = (begin - timedelta(seconds=1)).astimezone(ZoneInfo(row.zone))
    return _within(row, croniter(row.text, start).all_next(datetime))


def cronsims_slots(row: Row) -> list[datetime]:
    begin, _ = bounds_of(row)
    return _within(
        row, CronSim(row.text, (begin - timedelta(seconds=1)).astimezone(ZoneInfo(row.zone)))
    )


def _within(row: Row, slots: Iterable[datetime]) -> list[datetime]:
    end = bounds_of(row)[1]
    return list(takewhile(lambda slot: slot < end, (slot.astimezone(UTC) for slot in slots)))


def oracles_slots(row: Row) -> list[datetime]:
    meaning = read(row.text, row.dialect)
    oracle = Oracle(meaning, row.zone, row.gap or meaning.gap, row.fold or meaning.fold)
    begin, end = bounds_of(row)
    first, last = int(begin.timestamp()) // DAY_S, int(end.timestamp()) // DAY_S
    slots = (
        datetime.fromtimestamp(slot, UTC)
        for day in range(first, last + 1)
        for slot in oracle.slots(day, 1)
    )
    return [slot for slot in slots if begin <= slot < end]


def shown(row: Row, slots: list[datetime], *, marks: bool) -> list[str]:
    schedule = schedule_of(row)
    return [
        " ".join(
            [
                _short(slot_local(schedule, slot), row.form),
                *(slot_marks(schedule, slot) if marks else ()),
            ]
        )
        for slot in slots
    ]


def _short(local: datetime, form: str) -> str:
    text = local.strftime(form)
    return text.removesuffix("00") if form.endswith("%z") else text


@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_golden_row(row: Row) -> None:
    slots = callboards_slots(row)
    assert shown(row, slots, marks=True) == list(row.expected)
    begin, end = bounds_of(row)
    after, until = begin - timedelta(microseconds=1), end - timedelta(microseconds=1)
    counted = count_slots(schedule_of(row), after=after, until=until, anchor=after)
    ends = (slots[0], slots[-1]) if slots else (None, None)
    assert counted == (len(slots), *ends)


@pytest.mark.parametrize("row", ROWS, ids=row_name)
def test_the_oracle_gives_the_golden_row(row: Row) -> None:
    assert shown(row, oracles_slots(row), marks=False) == [
        text.removesuffix(" dst_gap").removesuffix(" dst_fold") for text in row.expected
    ]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.dialect == "vixie" and len(row.peers) < 2], ids=row_name
)
def test_peers_agree_where_they_are_not_known_to_differ(row: Row) -> None:
    mine = callboards_slots(row)
    if "croniter" not in row.peers:
        assert croniters_slots(row) == mine
    if "cronsim" not in row.peers:
        assert cronsims_slots(row) == mine


@pytest.mark.parametrize("refusal", REFUSALS, ids=row_name)
def test_golden_refusal(refusal: Refusal) -> None:
    with pytest.raises(InvalidInput) as caught:
        cron(refusal.text, dialect=refusal.dialect)
    assert refusal.words in str(caught.value)
    assert {problem.field for problem in caught.value.problems} == {"expression"}


def test_c19_reboot_has_one_slot_at_the_activation() -> None:
    activation = datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC)
    before = activation - timedelta(microseconds=1)
    schedule = cron("@reboot")
    assert next_slot(schedule, after=before, anchor=activation) == activation
    assert next_slot(schedule, after=activation, anchor=activation) is None


@pytest.mark.parametrize(
    ("text", "hours"), [("rate(1 hour)", 1), ("rate(2 hours)", 2), ("rate(1 day)", 24)]
)
def test_c20_d02_a_rate_counts_real_hours_from_the_activation(text: str, hours: int) -> None:
    # The clocks of New York change in between.
    activation = datetime(2026, 3, 7, 12, tzinfo=UTC)
    schedule = cron(text, dialect="aws", zone="America/New_York")
    found = slots_between(
        schedule, after=activation, until=activation + timedelta(days=2), anchor=activation
    )
    steps = range(hours, 49, hours)
    assert list(found) == [activation + timedelta(hours=step) for step in steps]


HEAD = ("row", "dialect", "text", "zone", "Callboard", "croniter", "cronsim", "expected", "ok")


def test_the_golden_table() -> None:
    lines = [HEAD, *(_line(row) for row in ROWS), *(_refusal_line(each) for each in REFUSALS)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    print()
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
    print(f"{len(lines) - 1} rows, {sum(line[-1] == 'yes' for line in lines)} as expected")
    assert {line[-1] for line in lines[1:]} == {"yes"}


def _line(row: Row) -> tuple[str, ...]:
    mine = callboards_slots(row)
    texts = shown(row, mine, marks=True)
    return (
        row.id,
        row.dialect,
        row.text
        + (f" gap={row.gap}" if row.gap else "")
        + (f" fold={row.fold}" if row.fold else ""),
        row.zone,
        _joined(texts),
        _beside(row, mine, croniters_slots),
        _beside(row, mine, cronsims_slots),
        "the same" if texts == list(row.expected) else _joined(list(row.expected)),
        "yes" if texts == list(row.expected) else "NO",
    )


def _beside(row: Row, mine: list[datetime], ask: Callable[[Row], list[datetime]]) -> str:
    """A peer's answer beside Callboard's."""
    if row.dialect != "vixie" or row.gap or row.fold:
        return "-"
    try:
        theirs = ask(row)
    except (CroniterError, CronSimError):
        return "refused"
    return "the same" if theirs == mine else _joined(shown(row, theirs, marks=False))


def _joined(texts: list[str]) -> str:
    """A cell: `*` for a slot that makes up for lost ones, `~` for one whose time comes twice."""
    short = [text.replace(" dst_gap", "*").replace(" dst_fold", "~") for text in texts]
    more = [f"and {len(short) - MOST_SHOWN} more"] if len(short) > MOST_SHOWN else []
    return ", ".join(short[:MOST_SHOWN] + more) or "none"


def _refusal_line(refusal: Refusal) -> tuple[str, ...]:
    try:
        cron(refusal.text, dialect=refusal.dialect)
        answer = "accepted"
    except InvalidInput as error:
        answer = "refused"
        ok = refusal.words in str(error)
    else:
        ok = False
    text = ascii(refusal.text)[1:-1]
    text = text if len(text) < 30 else f"{text[:20]}... ({len(refusal.text)} characters)"
    return (
        refusal.id,
        refusal.dialect,
        text,
        "",
        answer,
        "-",
        "-",
        "refused",
        "yes" if ok else "NO",
    )
