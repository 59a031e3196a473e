"""A service that executes nothing is killed: batch runs, which other processes execute, go on.

Neither service can import the job's code: what they need of it is in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from acceptance.batch_blow import arguments
from acceptance.batch_scene import Case, Scene, scene
from acceptance.batch_work import ITEMS, SIZE
from service.cli.processes import ServiceProcess

GOING_ON, STOPPED = (Case(job="retried", trap="load:write", note=word) for word in ("on", "off"))
ENV: Final = {"CALLBOARD_EXECUTES": "false", "CALLBOARD_FIRES": "false"}


@asynccontextmanager
async def front_doors(directory: Path, dsn: str) -> AsyncIterator[list[ServiceProcess]]:
    """Two of them."""
    opening = [
        asyncio.to_thread(ServiceProcess, directory / name, dsn, env=ENV)
        for name in ("first", "second")
    ]
    doors = await asyncio.gather(*opening)
    try:
        yield doors
    finally:
        for door in doors:
            await asyncio.to_thread(door.close)


async def post(door: ServiceProcess, path: str, body: dict[str, Any] | None = None) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{door.url}/v1/{path}", json=body) as answer,
    ):
        assert answer.status in (200, 201, 202), await answer.text()
        return await answer.json()


async def asked(scene: Scene, door: ServiceProcess, case: Case) -> int:
    """A run that is asked for at the door, and held."""
    scene.set_snare(case)
    run = await post(door, f"jobs/{case.job}/runs", {"parameters": arguments(scene, case)})
    return int(run["id"])


async def test_38_runs_outlive_their_front_door_and_another_one_stops_them(
    postgres_servers: dict[str, str], tmp_path: Path
) -> None:
    newest = postgres_servers[max(postgres_servers, key=int)]
    async with scene(newest, tmp_path) as here:
        await here.nodes.engage("worker")
        async with front_doors(tmp_path, here.board_dsn) as (first, second):
            runs = {case: await asked(here, first, case) for case in (GOING_ON, STOPPED)}
            await here.all_held([GOING_ON, STOPPED])
            await asyncio.to_thread(first.kill)
            stopping = await post(second, f"runs/{runs[STOPPED]}/stop")
            assert stopping["state"] == "stopping"
            for case in runs:
                here.let_go(case)
            assert (await here.over(runs[GOING_ON])).state == "succeeded"
            assert (await here.over(runs[STOPPED])).state == "stopped"
            assert (await here.output(STOPPED)).lines == tuple(range(1, 2 * SIZE + 1))
            again = await post(second, f"runs/{runs[STOPPED]}/restart")
            assert (await here.over(again["id"])).state == "succeeded"
        for case in runs:
            output = await here.output(case)
            assert output.lines == tuple(range(1, ITEMS + 1))
            assert len(output.postings) == ITEMS
