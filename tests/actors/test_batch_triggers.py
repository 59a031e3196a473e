"""Triggers of batch jobs: what they give is looked at when they are made, not slot by slot."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Callboard, cron, transactional
from callboard.batch import BatchJob
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
        wrong = await refused(board.update_trigger(trigger.group, "good", actions=[
            Action(job="settle", arguments={"operator": 7})
        ]))
        assert wrong == {"actions[0].arguments.operator": "7 is not a text"}
