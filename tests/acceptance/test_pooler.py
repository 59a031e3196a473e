"""H12: through a pooler that gives each transaction another session everything is exact as well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acceptance.places import Place
from acceptance.pooler import PROGRAM, found_pooler, pooled
from acceptance.servers import FragileServer
from acceptance.test_chaos import weather


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_h12_a_storm_over_nodes_behind_a_pooler_loses_and_doubles_nothing(
    fragile: Place, server: FragileServer, seed: int
) -> None:
    program = found_pooler()
    if program is None:
        pytest.skip(f"pgbouncer is not installed, and {PROGRAM} names none")
    async with pooled(program, fragile.dsn) as dsn:
        place = replace(fragile, dsn=dsn, direct_dsn=fragile.dsn)
        await weather(place, seed, schedulers=3, executors=2, seconds=15, server=server)
