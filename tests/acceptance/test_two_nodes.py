"""Nodes in processes of their own that share a database, and what becomes of the runs of one that
is killed, or frozen and woken too late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acceptance.nodes import QUICK, Company, NodeGone, NodeProcess, NodeRefused, company, until
from acceptance.places import Place
from callboard.domain.states import RunState
from support.history import Asked

RESCUE = timedelta(seconds=QUICK["lease_s"] + 5)
HELD = "select id from callboard.live_run where node = $1 and state = 'running'"
LEFT = (
    "select name, epoch, lease_until - now() as lease_left, vitals from callboard.node",
    (
        "select id, job, state, node, epoch, limited, crashes, requeued, now() - due_at as late,"
        " now() - started_at as runs_for from callboard.live_run order by id limit 20"
    ),
    (
        "select state, wait_event_type, wait_event, now() - xact_start as since, query"
        " from pg_stat_activity where datname = current_database()"
    ),
)
"""What says why runs are left."""


async def start_many(
    node: NodeProcess, asked: Asked, job: str, count: int, **given: object
) -> None:
    """Start runs of `job`, each a wish of its own."""
    first = len(asked.jobs) + 1
    for number in range(first, first + count):
        asked.jobs[number] = job
        arguments = {"ask": number, **given}
        asked.acknowledged[number] = await node.ask("start", job=job, arguments=arguments)


async def held_by(place: Place, node: NodeProcess, least: int = 1) -> list[int]:
    """The runs that the node works on, once there are so many."""

    async def held() -> list[int] | None:
        ids = [row["id"] for row in await place.rows(HELD, node.name)]
        return ids if len(ids) >= least else None

    ids: list[int] = await until(held, f"{node.name} runs {least} runs")
    return ids


async def drained(place: Place, node: NodeProcess) -> None:
    """No trigger is active, and every run has ended."""
    left: list[str] = []

    async def is_empty() -> bool:
        try:
            await node.ask("deactivate")
            left[:] = await node.ask("live")
            return not left
        except NodeRefused as refusal:
            # An embedded server goes with the node that ran it, until another one takes over.
            if refusal.kind != "StoreUnavailable":
                raise
            return False

    try:
        await until(is_empty, "every run has ended")
    except AssertionError as error:
        error.add_note(f"left are {left[:10]}")
        for query in LEFT:
            error.add_note("\n".join(str(dict(row)) for row in await place.rows(query)))
        raise


async def close_all(nodes: Company) -> None:
    for node in nodes.members:
        if node.is_alive:
            assert await node.close() == 0


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("place", "size"),
    [
        ("postgresql", 2),
        ("embedded", 3),
        pytest.param("postgresql", 3, marks=slow),
        pytest.param("embedded", 2, marks=slow),
    ],
    indirect=["place"],
)
async def test_runs_of_a_killed_node_are_rescued_within_its_lease_and_five_seconds(
    place: Place, size: int
) -> None:
    asked = Asked()
    async with company(place.dsn) as nodes:
        # The first one runs the embedded server, which dies with it.
        victim, *others = [await nodes.engage(f"node-{n}") for n in range(size)]
        await victim.ask("define", trace=str(place.trace))
        await start_many(others[0], asked, "slow", 8 * size, seconds=2.0)
        await held_by(place, victim, least=2)
        # So that it ends nothing while it is asked what it holds.
        victim.freeze()
        held = await held_by(place, victim)
        killed_at = await place.value("select now()")
        await victim.kill()
        await drained(place, others[0])
        await close_all(nodes)
    history = await place.history()
    assert place.faults(history, asked) == []
    lost_at = {e.run_id: e.at for e in history.events if e.state is RunState.LOST}
    taken_over = [history.runs[run_id] for run_id in held if run_id in lost_at]
    assert taken_over, "the node was not killed in the middle of its runs"
    assert [at - killed_at for at in lost_at.values() if at - killed_at > RESCUE] == []
    assert {run.node for run in taken_over if run.job == "slow"} <= {node.name for node in others}


async def test_a_node_woken_after_its_lease_changes_nothing_of_what_was_taken_over(
    place: Place,
) -> None:
    """H02, H05: neither the runs that it held nor the slots that it would have fired."""
    asked = Asked()
    async with company(place.dsn) as nodes:
        other = await nodes.engage("other")
        sleeper = await nodes.engage("sleeper")
        epoch = await sleeper.ready()
        await other.ask("define", trace=str(place.trace))
        # Long enough for the sleeper to have them still when it is frozen.
        await start_many(sleeper, asked, "slow", 4, seconds=4.0)
        await start_many(sleeper, asked, "patient", 4, seconds=4.0)
        await held_by(place, sleeper, least=2)
        sleeper.freeze()
        # Now, for what it held a moment ago it may have ended itself.
        held = await held_by(place, sleeper)

        async def are_taken_over() -> bool:
            query = "select node from callboard.ended_run where id = any($1)"
            nodes = [row["node"] for row in await place.rows(query, held)]
            return len(nodes) == len(held) and "other" in nodes

        await until(are_taken_over, "the other node has ended the sleeper's runs")
        ended = await ended_runs(place)
        sleeper.thaw()
        await until(lambda: has_new_epoch(sleeper, epoch), "the sleeper is registered anew")
        now = await ended_runs(place)
        assert {run_id: now[run_id] for run_id in ended} == ended
        # It is as good as any other again.
        await start_many(sleeper, asked, "slow", 4, seconds=0.3)
        await until(lambda: has_run_behind(place, sleeper, epoch), "the sleeper works again")
        await drained(place, sleeper)
        await close_all(nodes)
    history = await place.history()
    assert place.faults(history, asked) == []


async def ended_runs(place: Place) -> dict[int, tuple[object, ...]]:
    rows = await place.rows("select * from callboard.ended_run")
    return {row["id"]: tuple(row.values()) for row in rows}


async def has_run_behind(place: Place, node: NodeProcess, old: int) -> bool:
    """Whether the node works, or has worked, under a later epoch."""
    query = "select count(*) from callboard.run where node = $1 and epoch > $2"
    return bool(await place.value(query, node.name, old))


async def has_new_epoch(node: NodeProcess, old: int) -> bool:
    health = await node.ask("health")
    return bool(health["is_ready"]) and health["epoch"] > old


@slow
async def test_a_second_node_of_the_same_name_gives_up_and_the_first_goes_on(
    postgresql: Place,
) -> None:
    """H15."""
    asked = Asked()
    async with company(postgresql.dsn, lease_s=1.0) as nodes:
        first = await nodes.engage("twin")
        await first.ask("define", trace=str(postgresql.trace), with_triggers=False)
        second = await nodes.spawn("twin", log="CRITICAL")
        with pytest.raises(NodeGone):
            await second.ready()
        assert await second.died() != 0
        await start_many(first, asked, "quick", 1)
        await drained(postgresql, first)
        await close_all(nodes)
    history = await postgresql.history()
    assert postgresql.faults(history, asked) == []


@pytest.mark.parametrize(
    "place", ["postgresql", pytest.param("embedded", marks=slow)], indirect=True
)
async def test_a_closing_node_hands_over_in_order(place: Place) -> None:
    """H09: SIGTERM ends what it can, hands back the rest, and burns no attempt."""
    asked = Asked()
    async with company(place.dsn, drain_s=0.5) as nodes:
        leaver = await nodes.engage("leaver")
        stayer = await nodes.engage("stayer")
        await leaver.ask("define", trace=str(place.trace), with_triggers=False)
        await start_many(leaver, asked, "slow", 8, seconds=2.0)
        await held_by(place, leaver)
        assert await leaver.close() == 0
        await drained(place, stayer)
        await close_all(nodes)
    history = await place.history()
    assert {run.crashes for run in history.runs.values()} == {0}
    assert {run.state for run in history.runs.values()} == {RunState.SUCCEEDED}
