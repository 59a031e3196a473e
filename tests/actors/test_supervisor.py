"""What the supervisor tells: hints may be missed, runs that were assigned may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pykka
import pytest

from callboard.events import Hinted, RunsAssigned
from callboard.runtime import AsyncioActor, RestartPolicy, stop
from callboard.supervisor import Supervisor
from callboard.testing import VirtualClock


class Narrow(AsyncioActor):
    """Takes one message at a time."""

    mailbox_limit = 1

    def __init__(self, heard: list[Any], clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self._heard = heard

    def on_receive(self, message: Any) -> None:
        self._heard.append(message)


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
async def supervisor(clock: VirtualClock, heard: list[Any]) -> AsyncIterator[Supervisor]:
    made: list[Supervisor] = []

    def make(supervisor: Supervisor) -> AsyncioActor:
        made.append(supervisor)
        return Narrow(heard, clock)

    ref: pykka.ActorRef[Any] = Supervisor.start(
        factories={"executor": make},
        policy=RestartPolicy(),
        observe=lambda _: None,
        on_failure=lambda _: None,
        clock=clock,
    )
    await clock.settle()
    yield made[0]
    await stop(made[0].child("executor"))
    await stop(ref)


def assigned(total: int) -> RunsAssigned:
    return RunsAssigned(claimed=(), life=1, total=total)


async def test_runs_that_were_assigned_are_told_until_they_are_heard(
    supervisor: Supervisor, clock: VirtualClock, heard: list[Any]
):
    facts = [assigned(total) for total in (1, 2, 3)]
    for fact in facts:
        supervisor.publish(fact)
    await clock.settle()
    assert heard == facts[:1]
    await clock.advance(1)
    assert sorted(fact.total for fact in heard) == [1, 2, 3]


async def test_a_hint_that_finds_the_mailbox_full_is_missed(
    supervisor: Supervisor, clock: VirtualClock, heard: list[Any]
):
    for topic in ("runs", "events", "logs"):
        supervisor.publish(Hinted(topic=topic))
    await clock.advance(1)
    assert [fact.topic for fact in heard] == ["runs"]
