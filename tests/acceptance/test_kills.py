"""`kill -9` of the service, its server or both, at random instants under load (H01, H08).

After the last restart the checker reads all there is, by the API and from the tables: nothing that
was acknowledged is lost, nothing is invented, and the ledger has every slot.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from acceptance.places import Place
from acceptance.storm import storm
from acceptance.workload import ENDS
from support.history import History

TARGETS = ("node", "server", "both")


async def weather(embedded: Place, seed: int, *, kills: int, size: int) -> None:
    rng = Random(seed)
    targets = [*TARGETS * (kills // 3 + 1)][:kills]
    rng.shuffle(targets)
    async with storm(embedded, seed=seed, size=size) as over:
        for target in targets:
            await over.strike(target)
    history = await embedded.history()
    asked = over.client.asked
    print(f"{len(asked.jobs)} asked, {len(asked.acknowledged)} acknowledged; {census(history)}")
    assert embedded.faults(history, asked) == []
    assert_right_ends(history)
    assert len(asked.acknowledged) > 5 * kills, "there was no load"


def assert_right_ends(history: History) -> None:
    wrong = [run for run in history.runs.values() if run.state not in ENDS[run.job]]
    assert wrong == []


def census(history: History) -> str:
    states = Counter(run.state.value for run in history.runs.values())
    decisions = Counter(slot.reason or slot.decision for slot in history.slots)
    crashes = sum(run.crashes for run in history.runs.values())
    return f"{dict(states)}, {dict(decisions)}, {crashes} crashes, {len(history.events)} events"


@pytest.mark.slow  # the storm of test_chaos.py does as much in every run
async def test_a_node_loses_and_invents_nothing_when_it_is_killed_at_random(
    embedded: Place, seed: int
) -> None:
    await weather(embedded, seed, kills=6, size=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [1, 3])
async def test_twenty_four_kills_at_random_lose_and_invent_nothing(
    embedded: Place, seed: int, size: int
) -> None:
    await weather(embedded, seed, kills=24, size=size)
