"""What batch jobs are given ahead of their runs is looked at when it is said, not run by run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard import Callboard, cron
from callboard.batch import BatchJob
from callboard.domain.limits import Concurrency
from callboard.domain.trigger import Action
from callboard.errors import InvalidInput
from support.batch_shop import Shop


@pytest.fixture
async def settle() -> BatchJob:
    return Shop().settle()


async def refused(call: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refusal:
        await call
    return {problem.field: problem.reason for problem in refusal.value.problems}


async def test_wrong_parameters_of_a_trigger_are_named_and_missing_ones_are_none(
    settle: BatchJob,
) -> None:
    async with Callboard("memory:") as board:
        await board.define(settle)
        every_night = cron("0 2 * * *")
        wrong = await refused(
            board.schedule("bad", every_night, "settle", {"day": "soon", "sum": 1})
        )
        assert wrong.keys() == {"actions[0].arguments.day", "actions[0].arguments.sum"}
        trigger = await board.schedule("good", every_night, "settle", {"operator": "eva"})
        assert trigger.actions == (Action(job="settle", arguments={"operator": "eva"}),)
        worse = replace(trigger, actions=(Action(job="settle", arguments={"operator": 7}),))
        wrong = await refused(board.replace_trigger(worse))
        assert wrong == {"actions[0].arguments.operator": "7 is not a text"}


async def test_a_workflow_gives_a_batch_job_only_what_it_declares(settle: BatchJob) -> None:
    job = settle.to_job()
    assert (job.takes("operator"), job.takes("workflow_run")) == (True, False)
    assert Shop().plain().to_job().takes("workflow_run")


async def test_what_the_job_itself_gives_is_looked_at_when_it_is_defined(settle: BatchJob) -> None:
    async with Callboard("memory:") as board:
        own = {"arguments": {"sum": 1}, "fixed_arguments": {"day": "soon"}}
        wrong = await refused(board.define(settle, **own))
        assert wrong.keys() == {"arguments.sum", "fixed_arguments.day"}
        key = Concurrency(key=("shop",))
        wrong = await refused(board.define(settle, concurrency=key))
        assert wrong == {"concurrency.key[0]": "'shop' is not one of the parameters"}
        await board.define(settle, arguments={"operator": "eva"})
        run = await board.operator.start("settle", {"day": "2026-01-05"})
        assert run.arguments == {"day": "2026-01-05", "operator": "eva"}
