"""Proof by fire: schedulers and executors on one PostgreSQL, struck again and again by everything
that can happen to them; afterwards a checker holds what was seen from outside against what is
written (H01-H08, H12, H13, T06, T11, T12, M05, M08-M11, D09).

`make test-chaos` has longer ones.
"""

from __future__ import annotations

import pytest

from acceptance.chaos_plan import make_plan
from acceptance.chaos_storm import Options, Storm
from acceptance.places import Place
from acceptance.servers import FragileServer

SHORT = Options(triggers=12, has_poison=False)


async def weather(
    place: Place,
    seed: int,
    *,
    schedulers: int,
    executors: int,
    seconds: float,
    server: FragileServer | None = None,
    lease_s: float = 2.0,
    every_s: float = 1.0,
    options: Options | None = None,
) -> None:
    plan = make_plan(
        seed,
        schedulers=schedulers,
        executors=executors,
        seconds=seconds,
        lease_s=lease_s,
        every_s=every_s,
        has_server=server is not None,
    )
    print(plan)
    outcome = await Storm(plan, place, server, options or Options()).run()
    print("\n".join(outcome.lines))
    assert not outcome.faults, "\n".join(outcome.faults[:20])


async def test_a_storm_over_schedulers_executors_and_their_server_loses_and_doubles_nothing(
    fragile: Place, server: FragileServer, seed: int
) -> None:
    await weather(fragile, seed, schedulers=3, executors=1, seconds=4, server=server, options=SHORT)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_twenty_schedulers_lose_and_double_no_slot(postgresql: Place, seed: int) -> None:
    await weather(postgresql, seed, schedulers=20, executors=2, seconds=60, lease_s=5.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_long_storm_with_deaths_of_the_server(
    fragile: Place, server: FragileServer, seed: int
) -> None:
    await weather(fragile, seed, schedulers=4, executors=2, seconds=90, server=server)
