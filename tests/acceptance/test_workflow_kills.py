"""Workflow runs over nodes in processes of their own, one of which is killed."""

from __future__ import annotations

from datetime import timedelta

from acceptance.boards import real_board
from acceptance.nodes import company, until
from acceptance.places import Place
from callboard import Action, Condition, Trigger, Workflow, WorkflowState, every, when_all
from callboard.domain.schedule import Schedule
from callboard.store.contract import WorkflowRunFilter

JOBS = {"slow": 1, "flaky": 3, "failing": 3, "limited": 1, "quick": 1, "threaded": 1}
"""Jobs of the workflow, with how many attempts each has."""
RUNS = 25


def member(name: str, schedule: Schedule, *jobs: str) -> Trigger:
    actions = tuple(
        Action(job=job, arguments={"seconds": 0.05} if job == "slow" else {}) for job in jobs
    )
    return Trigger(name=name, schedule=schedule, actions=actions, workflow="w")


async def test_each_workflow_run_goes_through_although_a_node_is_killed(postgresql: Place) -> None:
    """An end and what follows from it are one transaction: nothing is done by half, or twice."""
    async with company(postgresql.dsn) as nodes:
        victim, other = [await nodes.engage(name) for name in ("victim", "other")]
        await other.ask("define", trace=str(postgresql.trace), with_triggers=False)
        async with real_board(
            postgresql.dsn, node_name="watcher", executes=False, fires=False
        ) as board:
            await board.create_workflow(Workflow(name="w"))
            failed = Condition(job="failing", states=("failed",))
            for trigger in (
                member("split", when_all("slow"), "flaky", "failing", "limited"),
                member("join", when_all("flaky", failed, "limited"), "quick"),
                member("last", when_all("quick"), "threaded"),
                member("never", when_all("failing"), "talkative"),
            ):
                await board.create_trigger(trigger)
            start = member("start", every(seconds=0.2), "slow")
            await board.create_trigger(start)

            async def begun() -> int:
                return len(await board.list_workflow_runs(WorkflowRunFilter(limit=1000)))

            async def has_some() -> bool:
                return await begun() >= 5

            async def has_many() -> bool:
                return await begun() >= RUNS

            await until(has_some, "some workflow runs have begun")
            await victim.kill()
            await until(has_many, "more have begun without the killed node")
            await board.deactivate_trigger("default", "start")

            async def is_over() -> bool:
                runs = await board.list_workflow_runs(WorkflowRunFilter(limit=1000))
                return all(run.has_ended for run in runs)

            await until(is_over, "every workflow run is over")
            runs = await board.list_workflow_runs(WorkflowRunFilter(limit=1000))
            for run in runs:
                assert run.state is WorkflowState.COMPLETED
                assert {job: len(ids) for job, ids in run.runs.items()} == JOBS
                assert {name: len(ids) for name, ids in run.fired.items()} == {
                    "start": 1,
                    "split": 3,
                    "join": 1,
                    "last": 1,
                }
            known = {run_id for run in runs for ids in run.runs.values() for run_id in ids}
            stored = await postgresql.rows("select id from callboard.run")
            assert {row["id"] for row in stored} == known
            now = board.clock.now()
            slots = await board.read_ledger(
                "default", "start", since=now - timedelta(hours=1), until=now, limit=1000
            )
            assert sorted(slot.run_ids for slot in slots if slot.run_ids) == sorted(
                run.fired["start"] for run in runs
            )
