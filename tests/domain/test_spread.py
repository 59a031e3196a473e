"""Jitter and flexible windows: runs start behind their slot, the slot stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.schedule import every
from callboard.domain.spread import offset_of, starts_at
from callboard.domain.trigger import Action, Trigger

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def trigger(name: str = "t", **fields: Any) -> Trigger:
    return Trigger(name=name, schedule=every(hours=1), actions=(Action(job="j"),), **fields)


def test_without_jitter_a_run_starts_at_its_slot_or_when_it_is_decided():
    assert starts_at(trigger(), START, START) == START
    assert starts_at(trigger(), START, START + HOUR) == START + HOUR


def test_jitter_is_the_slots_own_and_always_the_same():
    one = trigger(jitter_s=600.0)
    offsets = [offset_of(one, START + n * HOUR) for n in range(20)]
    assert offsets == [offset_of(one, START + n * HOUR) for n in range(20)]
    assert len(set(offsets)) == 20


def test_a_flexible_window_is_the_triggers_own():
    one, other = trigger(flexible_window_s=600.0), trigger("u", flexible_window_s=600.0)
    assert len({offset_of(one, START + n * HOUR) for n in range(20)}) == 1
    assert offset_of(one, START) != offset_of(other, START)


def test_a_known_offset_stays_what_it_is_on_every_node_and_version():
    one = trigger("nightly", jitter_s=600.0, flexible_window_s=3600.0)
    assert offset_of(one, START) == timedelta(seconds=312.656032)


@given(jitter_s=st.floats(0, 86_400), window_s=st.floats(0, 86_400), hours=st.integers(0, 100_000))
def test_an_offset_never_reaches_the_end(jitter_s: float, window_s: float, hours: int):
    one = trigger(jitter_s=jitter_s, flexible_window_s=window_s)
    offset = offset_of(one, START + hours * HOUR)
    limit = timedelta(microseconds=round(jitter_s * 1e6) + round(window_s * 1e6))
    assert timedelta() <= offset
    assert offset < limit or offset == limit == timedelta()


def test_a_late_slot_starts_at_once_when_its_offset_has_passed():
    one = trigger(jitter_s=600.0)
    assert starts_at(one, START, START + HOUR) == START + HOUR
    assert starts_at(one, START, START) == START + offset_of(one, START)


def test_offsets_are_spread_evenly():
    one = trigger(jitter_s=100.0)
    offsets = [offset_of(one, START + n * HOUR).total_seconds() for n in range(1000)]
    assert all(
        60 < sum(low <= each < low + 10 for each in offsets) < 140 for low in range(0, 100, 10)
    )
