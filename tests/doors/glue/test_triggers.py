"""The operations of Glue's triggers: what the board makes of them, and what they refuse."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from callboard import Action, Job, Trigger, every
from callboard.domain.slot import SlotView
from callboard.domain.trigger import TriggerState
from support.glue import REGION, pages, plain, refused

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]
GlueJob = Callable[..., dict[str, Any]]

NOON = "cron(0 12 * * ? *)"
ACTIONS = [{"JobName": "nobody"}]
TIMED = {"Type": "SCHEDULED", "Schedule": NOON, "Actions": ACTIONS}


def watching(job: str) -> dict[str, Any]:
    condition = {"LogicalOperator": "EQUALS", "JobName": job, "State": "SUCCEEDED"}
    return {"Type": "CONDITIONAL", "Predicate": {"Conditions": [condition]}, "Actions": ACTIONS}


def token_of(*told: Any) -> str:
    """A NextToken that nobody has given."""
    text = orjson.dumps(told)
    digest = hashlib.blake2b(text, digest_size=6, person=b"glue token").digest()
    return base64.urlsafe_b64encode(digest + text).decode()


def state(glue: Any, name: str = "t") -> str:
    return str(glue.get_trigger(Name=name)["Trigger"]["State"])


# names


def test_a_name_is_taken_once(glue: Any) -> None:
    glue.create_trigger(Name="t", Type="ON_DEMAND", Actions=ACTIONS)
    text = refused("AlreadyExistsException", glue.create_trigger, Name="t", **TIMED)
    assert "t" in text
    assert glue.get_trigger(Name="t")["Trigger"]["Type"] == "ON_DEMAND"


def test_of_many_that_create_one_name_one_wins(glue: Any) -> None:
    def create(minute: int) -> str | None:
        schedule = f"cron({minute} 1 * * ? *)"
        try:
            glue.create_trigger(Name="t", **{**TIMED, "Schedule": schedule})
        except glue.exceptions.AlreadyExistsException:
            return None
        return schedule

    with ThreadPoolExecutor(10) as threads:
        won = [text for text in threads.map(create, range(10)) if text]
    assert len(won) == 1
    assert glue.get_trigger(Name="t")["Trigger"]["Schedule"] == won[0]


@pytest.mark.parametrize("name", ["a b/c", "žluťoučký\tkůň", "x" * 255, ".", "..", "ab%2Fc"])
def test_names_are_what_glue_lets_them_be(glue: Any, name: str) -> None:
    glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=[{"JobName": name}])
    assert glue.get_trigger(Name=name)["Trigger"]["Actions"] == [{"JobName": name}]
    assert glue.list_triggers()["TriggerNames"] == [name]
    glue.delete_trigger(Name=name)


# states


def test_a_conditional_trigger_has_the_states_of_a_scheduled_one(glue: Any) -> None:
    glue.create_trigger(Name="t", **watching("a"))
    assert state(glue) == "CREATED"
    glue.start_trigger(Name="t")
    glue.start_trigger(Name="t")
    assert state(glue) == "ACTIVATED"
    glue.stop_trigger(Name="t")
    glue.stop_trigger(Name="t")
    assert state(glue) == "DEACTIVATED"


@pytest.mark.parametrize("members", [TIMED, watching("a"), {"Type": "ON_DEMAND"}])
def test_nothing_that_is_new_can_be_stopped(glue: Any, members: dict[str, Any]) -> None:
    glue.create_trigger(Name="t", **{"Actions": ACTIONS, **members})
    text = refused("InvalidInputException", glue.stop_trigger, Name="t")
    assert text == "The operation is not allowed when trigger is in state: CREATED"


@pytest.mark.parametrize(
    "schedule", ["cron(0 0 31 2 ? *)", "cron(0 0 1 1 ? 1999)", "CRON(0 12 * * ? *)"]
)
def test_unusual_schedules_are_accepted_and_shown(glue: Any, schedule: str) -> None:
    glue.create_trigger(Name="t", **{**TIMED, "Schedule": schedule}, StartOnCreation=True)
    found = glue.get_trigger(Name="t")["Trigger"]
    assert (found["Schedule"], found["State"]) == (schedule, "ACTIVATED")
    glue.stop_trigger(Name="t")
    assert state(glue) == "DEACTIVATED"
    glue.start_trigger(Name="t")
    assert state(glue) == "ACTIVATED"


def test_a_bad_schedule_stores_nothing(glue: Any) -> None:
    text = refused(
        "InvalidInputException",
        glue.create_trigger,
        Name="t",
        **{**TIMED, "Schedule": "cron(0 10 1 * MON *)"},
    )
    assert text.startswith("The schedule cron(0 10 1 * MON *) is invalid.")
    assert glue.list_triggers()["TriggerNames"] == []


def test_an_on_demand_trigger_names_what_its_job_lacks(glue: Any) -> None:
    glue.create_job(Name="ray", Role="x", Command={"Name": "glueray", "ScriptLocation": "s3://x/y"})
    glue.create_trigger(Name="t", Type="ON_DEMAND", Actions=[{"JobName": "ray"}])
    text = refused("InvalidInputException", glue.start_trigger, Name="t")
    assert text.startswith("Job ray cannot run here: Command.Name 'glueray'")


# updates


@pytest.mark.parametrize(
    ("update", "text"),
    [
        ({"Schedule": NOON}, "Actions cannot be null or empty"),
        ({"Actions": ACTIONS}, "Schedule cannot be null or empty"),
        (
            {"Schedule": "rate(5 minutes)", "Actions": ACTIONS},
            "The schedule rate(5 minutes) is invalid.",
        ),
    ],
)
def test_an_update_is_checked_as_a_creation(glue: Any, update: dict[str, Any], text: str) -> None:
    glue.create_trigger(Name="t", Description="as it was", **TIMED)
    before = glue.get_trigger(Name="t")["Trigger"]
    refusal = refused("InvalidInputException", glue.update_trigger, Name="t", TriggerUpdate=update)
    assert refusal.startswith(text)
    assert glue.get_trigger(Name="t")["Trigger"] == before


def test_an_update_changes_neither_name_nor_type_nor_state(glue: Any) -> None:
    glue.create_trigger(Name="t", **watching("a"), StartOnCreation=True)
    update = {"Name": "other", "Predicate": watching("b")["Predicate"], "Actions": ACTIONS}
    answer = glue.update_trigger(Name="t", TriggerUpdate={**update, "Schedule": NOON})["Trigger"]
    assert answer["Name"] == "t"
    assert (answer["Type"], answer["State"]) == ("CONDITIONAL", "ACTIVATED")
    assert answer["Predicate"] == update["Predicate"]
    assert glue.list_triggers()["TriggerNames"] == ["t"]


def test_an_update_of_one_that_was_stopped_leaves_it_so(glue: Any) -> None:
    glue.create_trigger(Name="t", **TIMED, StartOnCreation=True)
    glue.stop_trigger(Name="t")
    update = {"Schedule": "cron(1 1 * * ? *)", "Actions": ACTIONS}
    assert glue.update_trigger(Name="t", TriggerUpdate=update)["Trigger"]["State"] == "DEACTIVATED"


def test_many_updates_at_once_leave_one_whole_definition(glue: Any) -> None:
    glue.create_trigger(Name="t", **TIMED)

    def update(number: int) -> None:
        definition = {
            "Schedule": f"cron({number} 1 * * ? *)",
            "Actions": [{"JobName": f"job{number}"}],
        }
        glue.update_trigger(Name="t", TriggerUpdate=definition)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(update, range(6)))
    found = glue.get_trigger(Name="t")["Trigger"]
    number = found["Actions"][0]["JobName"].removeprefix("job")
    assert found["Schedule"] == f"cron({number} 1 * * ? *)"


# lists


def test_pages_of_triggers(glue: Any) -> None:
    names = [f"t{number}" for number in range(7)]
    for name in names:
        job = "a" if name in ("t1", "t3", "t5") else "b"
        glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=[{"JobName": job}])
    assert pages(glue, "list_triggers", "TriggerNames", 2) == names
    assert [each["Name"] for each in pages(glue, "get_triggers", "Triggers", 3)] == names
    dependent = pages(glue, "list_triggers", "TriggerNames", 1, DependentJobName="a")
    assert dependent == ["t1", "t3", "t5"]
    everything = pages(glue, "list_triggers", "TriggerNames", 2, DependentJobName="nobody")
    assert everything == names


@pytest.mark.parametrize(
    "token",
    [
        "x",
        token_of("ListTriggers", 5),
        token_of("ListTriggers", "t"),
        token_of("ListTriggers", ["t"]),
        token_of("ListTriggers", ["t", 5]),
        token_of("ListTriggers", ["a\nb", None]),
        token_of("ListTriggers", ["t", "\x00"]),
        token_of("GetTriggers", ["t", None]),
    ],
)
def test_a_token_of_nobody_is_refused(glue: Any, token: str) -> None:
    refused("InvalidInputException", glue.list_triggers, NextToken=token)


def test_a_batch_may_have_more_names_than_there_are_triggers(glue: Any) -> None:
    for name in ("a", "b"):
        glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=ACTIONS)
    names = [f"nobody{number}" for number in range(200)]
    answer = glue.batch_get_triggers(TriggerNames=["b", *names, "a", "b"])
    assert [each["Name"] for each in answer["Triggers"]] == ["b", "a"]
    assert answer["TriggersNotFound"] == names


def test_tags_are_apart_from_the_definition(glue: Any) -> None:
    glue.create_trigger(Name="t", **TIMED, Tags={"team": "data", "empty": ""})
    at = f"arn:aws:glue:{REGION}:123456789012:trigger/t"
    assert glue.get_tags(ResourceArn=at)["Tags"] == {"team": "data", "empty": ""}
    assert "Tags" not in glue.get_trigger(Name="t")["Trigger"]
    refused("InvalidInputException", glue.create_trigger, Name="u", **TIMED, Tags={"aws:x": "y"})


# workflows


def test_a_workflow_has_to_be_there(glue: Any) -> None:
    text = refused(
        "EntityNotFoundException", glue.create_trigger, Name="t", WorkflowName="flow", **TIMED
    )
    assert text == "Entity not found"
    assert glue.list_triggers()["TriggerNames"] == []


def test_an_event_trigger_is_neither_started_nor_stopped(glue: Any) -> None:
    glue.create_workflow(Name="flow")
    batching = {"BatchSize": 5, "BatchWindow": 60}
    glue.create_trigger(
        Name="t",
        Type="EVENT",
        WorkflowName="flow",
        Actions=ACTIONS,
        EventBatchingCondition=batching,
    )
    found = glue.get_trigger(Name="t")["Trigger"]
    assert (found["State"], found["EventBatchingCondition"]) == ("CREATED", batching)
    assert found["WorkflowName"] == "flow"
    text = refused("InvalidInputException", glue.start_trigger, Name="t")
    assert text == "Trigger Type EVENT cannot be started"
    refused("InvalidInputException", glue.stop_trigger, Name="t")
    update = {"Actions": ACTIONS, "EventBatchingCondition": {"BatchSize": 6}}
    answer = glue.update_trigger(Name="t", TriggerUpdate=update)["Trigger"]
    assert answer["EventBatchingCondition"] == {"BatchSize": 6}
    assert answer["WorkflowName"] == "flow"


async def test_a_batch_of_events_starts_a_run_of_the_workflow(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    await virtual_glue("create_job", **glue_job("load"))
    await virtual_glue("create_workflow", Name="flow")
    await virtual_glue(
        "create_trigger",
        Name="t",
        Type="EVENT",
        WorkflowName="flow",
        Actions=[{"JobName": "load"}],
        EventBatchingCondition={"BatchSize": 3, "BatchWindow": 60},
    )

    async def batches() -> list[Any]:
        runs = (await virtual_glue("get_workflow_runs", Name="flow"))["Runs"]
        return [run["StartingEventBatchCondition"] for run in runs][::-1]

    board, group = virtual_glue.board, virtual_glue.group
    await board.tell_event(group, "t", count=2)
    await virtual_glue.clock.advance(30)
    assert await batches() == []
    await board.tell_event(group, "t")
    await virtual_glue.clock.advance(1)
    assert [each["BatchSize"] for each in await batches()] == [3]
    await board.tell_event(group, "t")
    await virtual_glue.clock.advance(61)
    assert [each["BatchSize"] for each in await batches()] == [3, 1]
    runs = (await virtual_glue("get_job_runs", JobName="load"))["JobRuns"]
    assert [run["TriggerName"] for run in runs] == ["t", "t"]


# beside the native API


async def test_native_triggers_of_the_group_are_shown_and_stopped(virtual_glue: Any) -> None:
    board, group = virtual_glue.board, virtual_glue.group

    async def work(n: int) -> None:
        pass

    board.handlers.register("work", work)
    await board.create_job(Job(name="j", group=group, kind="python", spec={"handler": "work"}))
    action = Action(job="j", arguments={"n": 5})
    await board.create_trigger(
        Trigger(name="t", group=group, schedule=every(minutes=5), actions=(action,))
    )
    found = (await virtual_glue("get_trigger", Name="t"))["Trigger"]
    assert (found["Type"], found["State"]) == ("SCHEDULED", "ACTIVATED")
    assert found["Schedule"] == "rate(5 minutes)"
    assert found["Actions"] == [{"JobName": "j", "Arguments": {"n": "5"}}]
    await virtual_glue("stop_trigger", Name="t")
    assert (await board.get_trigger(group, "t")).state is TriggerState.INACTIVE


async def test_what_a_deleted_job_was_to_do_is_in_the_ledger(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    await virtual_glue("create_job", **glue_job("load"))
    await virtual_glue(
        "create_trigger",
        Name="t",
        Type="SCHEDULED",
        Schedule="cron(0 * * * ? *)",
        Actions=[{"JobName": "load"}],
        StartOnCreation=True,
    )
    await virtual_glue("delete_job", JobName="load")
    since = virtual_glue.clock.now()
    await virtual_glue.clock.advance(3700)
    slots: list[SlotView] = await virtual_glue.board.read_ledger(
        virtual_glue.group, "t", since=since, until=virtual_glue.clock.now()
    )
    assert [str(slot.reason) for slot in slots] == ["no_job"]
    assert plain(await virtual_glue("start_trigger", Name="t")) == {"Name": "t"}
