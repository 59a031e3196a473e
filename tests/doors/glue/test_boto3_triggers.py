"""Triggers by boto3: all types and states, and what they start when their time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from support.glue import REGION, plain, refused, wait_for, wait_run

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]
GlueJob = Callable[..., dict[str, Any]]

NOON = "cron(0 12 * * ? *)"
MINUTELY = "cron(* * * * ? *)"


def runs_of(glue: Any, job: str) -> list[Any]:
    found: list[Any] = glue.get_job_runs(JobName=job)["JobRuns"]
    return found


def all_ended(glue: Any, job: str, count: int) -> list[Any]:
    """The job's runs once there are so many and all have ended."""

    def probe() -> list[Any]:
        runs = runs_of(glue, job)
        return runs if len(runs) >= count and all("CompletedOn" in run for run in runs) else []

    return wait_for(probe, f"{count} ended runs of {job}")


def watching(*jobs: str, logical: str | None = None, state: str = "SUCCEEDED") -> dict[str, Any]:
    conditions = [{"LogicalOperator": "EQUALS", "JobName": job, "State": state} for job in jobs]
    return {"Conditions": conditions, **({"Logical": logical} if logical else {})}


def test_a_scheduled_trigger_is_shown_as_it_was_made(glue: Any, make_job: MakeJob) -> None:
    first, second = make_job(), make_job()
    members: dict[str, Any] = {
        "Type": "SCHEDULED",
        "Schedule": "cron(15 2 ? * MON-FRI *)",
        "Description": "on working days",
        "Actions": [
            {
                "JobName": first,
                "Arguments": {"--day": "yesterday"},
                "Timeout": 30,
                "SecurityConfiguration": "encrypted",
                "NotificationProperty": {"NotifyDelayAfter": 5},
            },
            {"JobName": second},
        ],
    }
    assert plain(glue.create_trigger(Name="nightly", **members)) == {"Name": "nightly"}
    trigger = glue.get_trigger(Name="nightly")["Trigger"]
    assert {key: trigger.get(key) for key in members} == members
    assert (trigger["Name"], trigger["State"]) == ("nightly", "CREATED")
    assert not {"StartOnCreation", "Predicate", "WorkflowName"} & set(trigger)


def test_states_of_a_scheduled_trigger(glue: Any, make_job: MakeJob) -> None:
    actions = [{"JobName": make_job()}]

    def state() -> str:
        return str(glue.get_trigger(Name="t")["Trigger"]["State"])

    glue.create_trigger(Name="t", Type="SCHEDULED", Schedule=NOON, Actions=actions)
    assert state() == "CREATED"
    refused("InvalidInputException", glue.stop_trigger, Name="t")
    assert plain(glue.start_trigger(Name="t")) == {"Name": "t"}
    assert state() == "ACTIVATED"
    assert plain(glue.stop_trigger(Name="t")) == {"Name": "t"}
    assert state() == "DEACTIVATED"
    glue.start_trigger(Name="t")
    assert state() == "ACTIVATED"
    assert plain(glue.delete_trigger(Name="t")) == {"Name": "t"}
    assert plain(glue.delete_trigger(Name="t")) == {"Name": "t"}
    refused("EntityNotFoundException", glue.get_trigger, Name="t")


def test_a_trigger_that_is_not_there(glue: Any) -> None:
    update = {"Schedule": NOON, "Actions": [{"JobName": "x"}]}
    for call, members in (
        (glue.get_trigger, {}),
        (glue.start_trigger, {}),
        (glue.stop_trigger, {}),
        (glue.update_trigger, {"TriggerUpdate": update}),
    ):
        text = refused("EntityNotFoundException", call, Name="nobody", **members)
        assert "nobody" in text


def test_an_update_replaces_and_keeps_the_state(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    glue.create_trigger(
        Name="t",
        Type="SCHEDULED",
        Schedule=NOON,
        Actions=[{"JobName": job, "Timeout": 5}],
        Description="first",
        Tags={"team": "data"},
        StartOnCreation=True,
    )
    update = {"Schedule": "cron(0 13 * * ? *)", "Actions": [{"JobName": job}]}
    answer = glue.update_trigger(Name="t", TriggerUpdate=update)["Trigger"]
    assert answer == glue.get_trigger(Name="t")["Trigger"]
    assert (answer["Schedule"], answer["Actions"]) == (update["Schedule"], update["Actions"])
    assert (answer["State"], answer["Type"]) == ("ACTIVATED", "SCHEDULED")
    assert not answer.get("Description")
    at = f"arn:aws:glue:{REGION}:123456789012:trigger/t"
    assert glue.get_tags(ResourceArn=at)["Tags"] == {"team": "data"}


def test_an_on_demand_trigger_fires_when_it_is_started(glue: Any, make_job: MakeJob) -> None:
    first = make_job(DefaultArguments={"--day": "monday", "--source": "orders"})
    second = make_job(NonOverridableArguments={"--stage": "production"})
    actions = [
        {"JobName": first, "Arguments": {"--day": "friday", "--more": "1"}, "Timeout": 9},
        {"JobName": second, "Arguments": {"--stage": "mine"}},
    ]
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=actions)
    for count in (1, 2):
        glue.start_trigger(Name="go")
        run = all_ended(glue, first, count)[0]
        assert (run["TriggerName"], run["JobRunState"]) == ("go", "SUCCEEDED")
        assert run["Arguments"] == {"--day": "friday", "--source": "orders", "--more": "1"}
        assert run["Timeout"] == 9
        run = all_ended(glue, second, count)[0]
        assert run["Arguments"] == {"--stage": "production"}
        assert glue.get_trigger(Name="go")["Trigger"]["State"] == "CREATED"
    refused("InvalidInputException", glue.stop_trigger, Name="go")


def test_jobs_of_a_trigger_may_come_later(glue: Any, make_job: MakeJob, fresh: Fresh) -> None:
    job = fresh("later")
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": job}])
    assert job in refused("EntityNotFoundException", glue.start_trigger, Name="go")
    make_job(name=job)
    glue.start_trigger(Name="go")
    assert all_ended(glue, job, 1)[0]["TriggerName"] == "go"


def test_an_action_that_finds_no_slot_leaves_a_failed_run(glue: Any, make_job: MakeJob) -> None:
    job = make_job("import time; time.sleep(600)")
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": job}])
    glue.start_trigger(Name="go")
    newest = runs_of(glue, job)[0]
    assert (newest["JobRunState"], newest["TriggerName"]) == ("FAILED", "go")
    assert newest["ErrorMessage"]
    glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    wait_run(glue, job, run_id, ["STOPPED"])


def test_a_chain_runs_one_job_after_the_other(glue: Any, make_job: MakeJob) -> None:
    first, second, third = make_job(), make_job(), make_job()
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": first}])
    for name, watched, job in (("then", first, second), ("last", second, third)):
        glue.create_trigger(
            Name=name,
            Type="CONDITIONAL",
            Predicate=watching(watched),
            Actions=[{"JobName": job}],
            StartOnCreation=True,
        )
    glue.start_trigger(Name="go")
    run = all_ended(glue, third, 1)[0]
    assert (run["TriggerName"], run["JobRunState"]) == ("last", "SUCCEEDED")
    before = runs_of(glue, second)[0]
    got = glue.get_job_run(JobName=third, RunId=run["Id"], PredecessorsIncluded=True)["JobRun"]
    assert got["PredecessorRuns"] == [{"JobName": second, "RunId": before["Id"]}]
    assert not glue.get_job_run(JobName=third, RunId=run["Id"])["JobRun"].get("PredecessorRuns")


def test_all_conditions_have_to_be_met_for_and(glue: Any, make_job: MakeJob) -> None:
    good, bad, joined, alarm = make_job(), make_job("raise SystemExit(1)"), make_job(), make_job()
    for name, state, job in (("join", "SUCCEEDED", joined), ("alarm", "FAILED", alarm)):
        logical = "AND" if state == "SUCCEEDED" else "ANY"
        glue.create_trigger(
            Name=name,
            Type="CONDITIONAL",
            Predicate=watching(good, bad, logical=logical, state=state),
            Actions=[{"JobName": job}],
            StartOnCreation=True,
        )
    both = [{"JobName": good}, {"JobName": bad}]
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=both)
    glue.start_trigger(Name="go")
    all_ended(glue, good, 1)
    assert all_ended(glue, bad, 1)[0]["JobRunState"] == "FAILED"
    assert all_ended(glue, alarm, 1)[0]["TriggerName"] == "alarm"
    assert runs_of(glue, joined) == []


def test_a_start_by_hand_fires_no_condition(glue: Any, make_job: MakeJob) -> None:
    """The dependency rule: only ends of runs that a trigger started count."""
    first, second = make_job(ExecutionProperty={"MaxConcurrentRuns": 5}), make_job()
    glue.create_trigger(
        Name="then",
        Type="CONDITIONAL",
        Predicate=watching(first),
        Actions=[{"JobName": second}],
        StartOnCreation=True,
    )
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": first}])
    by_hand = glue.start_job_run(JobName=first)["JobRunId"]
    wait_run(glue, first, by_hand, ["SUCCEEDED"])
    glue.start_trigger(Name="go")
    # The end of the triggered run comes behind that of the other one: both were seen.
    assert len(all_ended(glue, second, 1)) == 1


@pytest.mark.parametrize("operation", ["get_triggers", "list_triggers"])
def test_triggers_by_the_job_that_they_start(glue: Any, make_job: MakeJob, operation: str) -> None:
    one, two = make_job(), make_job()
    glue.create_trigger(Name="a", Type="ON_DEMAND", Actions=[{"JobName": one}])
    glue.create_trigger(Name="b", Type="ON_DEMAND", Actions=[{"JobName": two}])
    glue.create_trigger(
        Name="c", Type="CONDITIONAL", Predicate=watching(one), Actions=[{"JobName": two}]
    )

    def names(job: str) -> list[str]:
        answer = getattr(glue, operation)(DependentJobName=job)
        found = answer.get("TriggerNames") or [each["Name"] for each in answer["Triggers"]]
        return sorted(found)

    assert names(one) == ["a"]
    assert names(two) == ["b", "c"]
    # "If there is no such trigger, all triggers are returned."
    assert names("nobody") == ["a", "b", "c"]


def test_triggers_are_got_by_the_list_and_by_tags(glue: Any, make_job: MakeJob) -> None:
    actions = [{"JobName": make_job()}]
    for name, tags in (("a", {"team": "data"}), ("b", {"team": "web"}), ("c", {})):
        glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=actions, Tags=tags)
    answer = glue.batch_get_triggers(TriggerNames=["c", "nobody", "a"])
    assert sorted(each["Name"] for each in answer["Triggers"]) == ["a", "c"]
    assert answer["TriggersNotFound"] == ["nobody"]
    assert glue.list_triggers(Tags={"team": "data"})["TriggerNames"] == ["a"]


def test_crawlers_are_kept_as_they_were_given(glue: Any, make_job: MakeJob) -> None:
    watched = {"LogicalOperator": "EQUALS", "CrawlerName": "shelves", "CrawlState": "SUCCEEDED"}
    glue.create_trigger(
        Name="t",
        Type="CONDITIONAL",
        Predicate={"Conditions": [watched]},
        Actions=[{"JobName": make_job()}, {"CrawlerName": "cellar"}],
    )
    trigger = glue.get_trigger(Name="t")["Trigger"]
    assert trigger["Predicate"]["Conditions"] == [watched]
    assert trigger["Actions"][1] == {"CrawlerName": "cellar"}


async def test_a_schedule_fires_in_its_minutes_and_only_while_it_is_active(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    """G: SCHEDULED fires by cron while ACTIVATED; what it missed meanwhile is not made up for."""
    await virtual_glue("create_job", **glue_job("a"))
    await virtual_glue("create_job", **glue_job("b"))
    await virtual_glue(
        "create_trigger",
        Name="t",
        Type="SCHEDULED",
        Schedule="cron(0/20 * * * ? *)",
        Actions=[{"JobName": "a", "Arguments": {"--day": "friday"}}, {"JobName": "b"}],
    )

    async def starts(job: str) -> list[str]:
        runs = (await virtual_glue("get_job_runs", JobName=job))["JobRuns"]
        assert all(run["TriggerName"] == "t" for run in runs)
        return sorted(run["StartedOn"].astimezone(UTC).strftime("%M") for run in runs)

    await virtual_glue.clock.advance(3600)
    assert await starts("a") == []
    await virtual_glue("start_trigger", Name="t")
    await virtual_glue.clock.advance(1800)
    assert await starts("a") == ["20"]
    await virtual_glue("stop_trigger", Name="t")
    await virtual_glue.clock.advance(1800)
    await virtual_glue("start_trigger", Name="t")
    assert await starts("a") == ["20"]
    await virtual_glue.clock.advance(1800)
    assert await starts("a") == ["20", "20"]
    assert await starts("b") == ["20", "20"]
    last = (await virtual_glue("get_job_runs", JobName="a"))["JobRuns"][0]
    assert last["Arguments"] == {"--day": "friday"}
    assert last["JobRunState"] == "SUCCEEDED"


async def test_start_on_creation_decides_whether_it_is_scheduled(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    await virtual_glue("create_job", **glue_job("a"))
    common = {"Type": "SCHEDULED", "Schedule": MINUTELY, "Actions": [{"JobName": "a"}]}
    await virtual_glue("create_trigger", Name="stored", StartOnCreation=False, **common)
    await virtual_glue("create_trigger", Name="running", StartOnCreation=True, **common)
    await virtual_glue.clock.advance(130)
    runs = (await virtual_glue("get_job_runs", JobName="a"))["JobRuns"]
    assert [run["TriggerName"] for run in runs] == ["running", "running"]
    states = {
        name: (await virtual_glue("get_trigger", Name=name))["Trigger"]["State"]
        for name in ("stored", "running")
    }
    assert states == {"stored": "CREATED", "running": "ACTIVATED"}


async def test_a_deleted_job_is_left_out_of_what_its_trigger_starts(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    for name in ("a", "b"):
        await virtual_glue("create_job", **glue_job(name))
    both = [{"JobName": "a"}, {"JobName": "b"}]
    await virtual_glue(
        "create_trigger",
        Name="t",
        Type="SCHEDULED",
        Schedule=MINUTELY,
        Actions=both,
        StartOnCreation=True,
    )
    await virtual_glue("delete_job", JobName="a")
    await virtual_glue.clock.advance(70)
    assert len((await virtual_glue("get_job_runs", JobName="b"))["JobRuns"]) == 1
    await virtual_glue("create_job", **glue_job("a"))
    await virtual_glue.clock.advance(60)
    assert len((await virtual_glue("get_job_runs", JobName="a"))["JobRuns"]) == 1
    assert (await virtual_glue("get_trigger", Name="t"))["Trigger"]["Actions"] == both
