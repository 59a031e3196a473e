"""The contract at the top of each actor's file is what the actor receives."""

from __future__ import annotations

import typing

import pytest

from callboard import (
    adopter,
    backfiller,
    evaluator,
    events,
    executor,
    job_store,
    leader,
    notifier,
    pruner,
    registrar,
    rescuer,
    scheduler,
    stream,
    supervisor,
    timekeeper,
)
from support.contract import assert_contract

ACTORS = [
    adopter,
    backfiller,
    evaluator,
    executor,
    job_store,
    leader,
    notifier,
    pruner,
    registrar,
    rescuer,
    scheduler,
    stream,
    supervisor,
    timekeeper,
]


@pytest.mark.parametrize("module", ACTORS, ids=lambda module: module.__name__)
def test_the_receives_block_is_the_inbox(module):
    assert_contract(module)


@pytest.mark.parametrize("module", ACTORS, ids=lambda module: module.__name__)
def test_every_part_of_the_contract_is_there(module):
    for part in ("Receives", "Sends", "Owns", "States", "Fails"):
        assert f"\n{part}\n" in (module.__doc__ or "")


def test_the_supervisor_knows_who_listens_to_each_fact():
    assert set(supervisor.LISTENERS) == set(typing.get_args(events.Fact))
