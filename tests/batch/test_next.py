"""The next instance of a job whose own code says how a parameter goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from callboard import Callboard
from callboard.batch import BatchJob, Params, identifying, reference
from callboard.errors import Conflict


class Doubling(Params):
    number: int = identifying(next=lambda number: number * 2)
    note: str = reference(default="")


def doubling() -> BatchJob:
    return BatchJob("doubling", Doubling)


async def test_the_code_is_asked_about_the_last_instance():
    async with Callboard("memory:") as board:
        await board.define(doubling())
        runs = [await board.operator.start_next("doubling", {"note": str(n)}) for n in range(3)]
    assert [run.arguments for run in runs] == [
        {"number": 1, "note": "0"},
        {"number": 2, "note": "1"},
        {"number": 4, "note": "2"},
    ]


async def test_parallel_calls_get_different_values():
    """R67: ten calls at once are ten instances."""
    async with Callboard("memory:") as board:
        await board.define(doubling())
        calls = (board.operator.start_next("doubling") for _ in range(10))
        runs = await asyncio.gather(*calls)
    assert sorted(run.arguments["number"] for run in runs) == [2**n for n in range(10)]


async def test_a_failing_function_is_a_refusal_with_its_words():
    class Failing(Params):
        number: int = identifying(next=lambda number: number // 0)

    async with Callboard("memory:") as board:
        await board.define(BatchJob("failing", Failing))
        await board.operator.start_next("failing")
        with pytest.raises(Conflict, match="ZeroDivisionError") as refusal:
            await board.operator.start_next("failing")
    assert refusal.value.code == "no_incrementer"


async def test_a_node_without_the_code_says_so():
    job = doubling()
    async with Callboard("memory:") as board:
        stored = await board.define(job)
        await board.operator.start_next("doubling")
        spec = {**stored.spec, "handler": "nowhere_at_all:job"}
        await board.replace_job(replace(stored, spec=spec))
        with pytest.raises(Conflict, match="not at hand here") as refusal:
            await board.operator.start_next("doubling")
    assert refusal.value.code == "no_incrementer"
