"""When a run lends its place, and when it takes it back."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from callboard.batch.activity import Activity
from callboard.batch.side_by_side import side_by_side


class Run:
    def __init__(self) -> None:
        self.said: list[bool] = []
        self.activity = Activity(self.said.append)

    async def line(self, gate: asyncio.Event) -> None:
        """One that waits for another run until the gate is open."""
        with self.activity.waiting():
            await gate.wait()

    @property
    def is_lent(self) -> bool:
        return bool(self.said) and self.said[-1]


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_line_that_waits_lends_and_takes_back(run: Run) -> None:
    with run.activity.waiting():
        assert run.said == [True]
    assert run.said == [True, False]


def test_a_wait_that_raises_takes_back(run: Run) -> None:
    with pytest.raises(ValueError, match="why"), run.activity.waiting():
        raise ValueError("why")
    assert run.said == [True, False]


async def test_lines_beside_one_another_lend_when_the_last_of_them_waits(run: Run) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    busy = asyncio.Event()
    works = [*(partial(run.line, gate) for gate in gates), lambda: _until(busy)]
    both = asyncio.create_task(side_by_side(works, name="test", activity=run.activity))
    await _turns()
    assert not run.is_lent
    busy.set()
    await _turns()
    assert run.is_lent
    gates[0].set()
    await _turns()
    assert run.is_lent, "the first of them has ended, and the others wait"
    for gate in gates:
        gate.set()
    await both
    assert not run.is_lent


async def test_lines_that_work_until_their_end_lend_nothing(run: Run) -> None:
    works = [partial(_turns, count) for count in (0, 1, 3, 3, 7)]
    await side_by_side(works, name="test", limit=2, activity=run.activity)
    assert run.said == []


@pytest.mark.parametrize("turns", range(5))
async def test_lines_that_are_cancelled_are_not_counted_any_more(run: Run, turns: int) -> None:
    """Also those that have not taken their first step."""
    works = [partial(run.line, asyncio.Event()) for _ in range(3)]
    both = asyncio.create_task(side_by_side(works, name="test", activity=run.activity))
    await _turns(turns)
    both.cancel()
    await asyncio.wait([both])
    await _turns()
    assert not run.is_lent
    with run.activity.waiting():
        assert run.is_lent


async def test_lines_in_lines_are_counted(run: Run) -> None:
    gate, busy = asyncio.Event(), asyncio.Event()
    inner = [partial(run.line, gate), lambda: _until(busy)]
    outer = [
        partial(run.line, gate),
        lambda: side_by_side(inner, name="inner", activity=run.activity),
    ]
    both = asyncio.create_task(_all(outer, run))
    await _turns()
    assert not run.is_lent
    busy.set()
    await _turns()
    assert run.is_lent
    gate.set()
    await both
    assert not run.is_lent


async def _all(works: list[object], run: Run) -> None:
    await side_by_side(works, name="outer", activity=run.activity)  # type: ignore[arg-type]


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
