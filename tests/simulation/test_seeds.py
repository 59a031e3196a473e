"""Nodes, leases and epochs under random trouble, in virtual time: every promise is kept.

Each seed is a cluster of its own: three boards and more on one store, clients, triggers of several
policies, handlers that take their time; requests that are refused, lost, slow or unanswered (H08),
hints that never come, clocks that are wrong; nodes that are killed (H01, H03), frozen past their
lease and thawed (H02), cut off (H07), closed, and whose actors crash. Then the checker looks at
what is there from the outside (`promises`).
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import pytest

from simulation.conftest import SEED, SeedsFactory
from simulation.story import Outcome, tell_story

FEW: Final = 12
MANY: Final = 2000


def told(outcome: Outcome) -> str:
    again = f"{SEED}={outcome.seed} python -m pytest {os.path.relpath(__file__)} -k a_few"
    return "\n".join([f"{again}  repeats it:", *outcome.faults[:20]])


def test_a_few_seeds_keep_every_promise(seeds: SeedsFactory) -> None:
    for seed in seeds(FEW, first=1):
        outcome = tell_story(seed)
        assert not outcome.faults, told(outcome)
        assert outcome.runs
        assert outcome.executions


def test_a_late_end_does_not_end_a_later_claim_by_the_same_node() -> None:
    """An executor sends an end and crashes; its next life hands the run back and claims it again,
    under the same epoch; then the end arrives."""
    outcome = tell_story(4187027405)
    assert not outcome.faults, told(outcome)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_seeds_keep_every_promise(seeds: SeedsFactory) -> None:
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as workers:
        for outcome in workers.map(tell_story, seeds(MANY), chunksize=10):
            assert not outcome.faults, told(outcome)


def test_a_seed_tells_the_same_story_twice() -> None:
    assert tell_story(7) == tell_story(7)


def test_another_seed_tells_another_story() -> None:
    assert tell_story(7).digest != tell_story(8).digest
