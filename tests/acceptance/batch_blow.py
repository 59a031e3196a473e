"""One blow: a node is killed while many runs stand at points of their own, and another goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from acceptance.batch_scene import Case, Scene, Seen
from acceptance.nodes import NodeGone, until
from callboard import Run
from support.postgres_store import connected

BLOCKED: Final = """
    select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""
IS_THERE: Final = "select count(*) from pg_stat_activity where pid = any($1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A case, as it was when its node died, when it was over, and when its restart was."""

    dead: Seen
    over: Seen
    again: Seen | None

    @property
    def end(self) -> Seen:
        return self.again or self.over


async def struck(scene: Scene, cases: Sequence[Case]) -> dict[Case, Told]:
    """Each case is held when its node dies; one that is noted as stopping was asked to stop."""
    victim = await scene.nodes.engage("victim")
    runs = {case: await scene.start(case) for case in cases}
    await scene.all_held([case for case in cases if case.trap])
    for case, run in runs.items():
        if not case.trap:
            await scene.over(run.id)
        elif case.note == "stopping":
            await scene.desk.operator.stop(run.id)
    dead = {case: await scene.seen(case, run.id) for case, run in runs.items()}
    await victim.kill()
    await scene.end_lease(victim)
    await scene.nodes.engage("healer")
    over = await seen_over(scene, runs)
    again = await seen_over(scene, await restarted(scene, over))
    return {case: Told(dead=dead[case], over=over[case], again=again.get(case)) for case in cases}


async def restarted(scene: Scene, over: Mapping[Case, Seen]) -> dict[Case, Run]:
    """Those that have not succeeded; parked ones are declared failed first."""
    begun: dict[Case, Run] = {}
    for case, seen in over.items():
        if seen.run.state == "parked":
            await scene.desk.operator.recover(seen.run.id, reason="the node is gone")
        if seen.run.state != "succeeded":
            begun[case] = await scene.desk.operator.restart(seen.run.id)
    return begun


async def seen_over(scene: Scene, runs: Mapping[Case, Run]) -> dict[Case, Seen]:
    """At their ends."""
    await asyncio.gather(*(scene.over(run.id) for run in runs.values()))
    return {case: await scene.seen(case, run.id) for case, run in runs.items()}


async def killed_while_it_creates(scene: Scene, born: Case, unborn: Case) -> list[str]:
    """Books of the instances there are when the process was killed that had created a run for the
    first case, and was about to commit one for the second."""
    creator = await scene.nodes.engage("creator", executes=0)
    await creator.ask("start", job=born.job, arguments=arguments(scene, born))
    async with connected(scene.board_dsn) as connection:
        async with connection.transaction():
            await connection.execute("lock table callboard.batch_run in share mode")
            asked = asyncio.ensure_future(
                creator.ask("start", job=unborn.job, arguments=arguments(scene, unborn))
            )
            pids = [row["pid"] for row in await until(lambda: connection.fetch(BLOCKED), "blocked")]
            await creator.kill()
            with suppress(NodeGone):
                await asked

        async def are_gone() -> bool:
            return bool(await connection.fetchval(IS_THERE, pids) == 0)

        await until(are_gone, "the server has noticed")
    instances = await scene.desk.operator.instances(born.job)
    return sorted(str(instance.parameters["book"]) for instance in instances)


def arguments(scene: Scene, case: Case) -> dict[str, str]:
    return {"book": case.book, "trap": case.trap, "snares": str(scene.snares)}
