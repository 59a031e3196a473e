"""Triggers of Glue as the board's, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard import after, at, calendar_interval, cron, every, on_demand, on_event, when_all
from callboard.domain.given_terms import GivenTerms
from callboard.domain.schedule import Condition, Conditional, Cron, Event, Schedule
from callboard.domain.trigger import Action, OnMissing, Trigger, TriggerState, activated
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.trigger_checks import check_definition, check_new
from callboard_service.doors.glue.trigger_document import (
    glue_trigger,
    new_trigger,
    starts_active,
    state_of,
    type_of,
    updated_trigger,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOON = "cron(0 12 * * ? *)"
ACTIONS = [{"JobName": "load"}]


def request(**members: Any) -> dict[str, Any]:
    return {"Name": "t", "Type": "ON_DEMAND", "Actions": ACTIONS, **members}


def when(*conditions: dict[str, Any], **members: Any) -> dict[str, Any]:
    predicate = {"Conditions": [{"LogicalOperator": "EQUALS", **each} for each in conditions]}
    return request(Type="CONDITIONAL", Predicate={**predicate, **members})


def made(**members: Any) -> Trigger:
    wanted = request(**members)
    check_new(wanted)
    return new_trigger("g", wanted)


def native(schedule: Schedule, **fields: Any) -> Trigger:
    return Trigger(name="t", schedule=schedule, actions=(Action(job="load"),), **fields)


def refusal(**members: Any) -> tuple[str, str]:
    with pytest.raises(GlueFault) as caught:
        made(**members)
    return caught.value.code, str(caught.value)


def shown(trigger: Trigger) -> dict[str, Any]:
    return {name: value for name, value in glue_trigger(trigger).items() if value is not None}


EVERYTHING: list[dict[str, Any]] = [
    request(),
    request(Description="", WorkflowName="flow"),
    request(Type="SCHEDULED", Schedule=NOON, Description="at noon"),
    request(Type="SCHEDULED", Schedule="CRON(0 12 * * ? *)"),
    request(Type="SCHEDULED", Schedule="cron(0 0 31 2 ? *)"),
    request(Type="SCHEDULED", Schedule="cron(0 0 1 1 ? 1999)"),
    request(Schedule="whenever it likes"),
    request(Type="EVENT", WorkflowName="flow"),
    request(Type="EVENT", WorkflowName="flow", EventBatchingCondition={"BatchSize": 5}),
    request(
        Type="EVENT",
        WorkflowName="flow",
        EventBatchingCondition={"BatchSize": 5, "BatchWindow": 60},
    ),
    when({"JobName": "a", "State": "SUCCEEDED"}),
    when({"JobName": "a", "State": "SUCCEEDED"}, Logical="ANY"),
    when(
        {"JobName": "a", "State": "FAILED"},
        {"JobName": "b", "State": "STOPPED"},
        {"JobName": "a", "State": "TIMEOUT"},
        Logical="ANY",
    ),
    when(
        {"JobName": "a", "State": "SUCCEEDED"},
        {"CrawlerName": "shelves", "CrawlState": "CANCELLED"},
        Logical="AND",
    ),
    when({"JobName": "a", "CrawlerName": "b", "State": "FAILED"}),
    when({"JobName": "crawler:a", "State": "FAILED"}),
    request(Actions=[{"CrawlerName": "cellar"}, {"JobName": "crawler:cellar"}]),
    request(
        Actions=[
            {
                "JobName": "load",
                "Arguments": {"--day": "friday"},
                "Timeout": 7,
                "SecurityConfiguration": "encrypted",
                "NotificationProperty": {"NotifyDelayAfter": 3},
            },
            {"JobName": "load", "Arguments": {}},
            {"JobName": "load", "SecurityConfiguration": "x"},
        ]
    ),
]


@pytest.mark.parametrize("given_members", EVERYTHING, ids=lambda each: repr(each)[-60:])
def test_a_trigger_is_shown_as_it_was_given(given_members: dict[str, Any]) -> None:
    found = shown(replace(made(**given_members), state=TriggerState.INACTIVE))
    assert found.pop("State") == "CREATED"
    assert found == given_members


NAMES = st.sampled_from(["a", "b", "c", "crawler:a"])
CONDITIONS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "JobName": NAMES,
                "State": st.sampled_from(["SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT"]),
            }
        ),
        st.fixed_dictionaries(
            {
                "CrawlerName": NAMES,
                "CrawlState": st.sampled_from(["SUCCEEDED", "FAILED", "CANCELLED"]),
            }
        ),
    ),
    min_size=1,
    max_size=8,
)


@given(CONDITIONS)
def test_any_predicate_is_shown_as_it_was_given(conditions: list[dict[str, Any]]) -> None:
    members = when(*conditions, Logical="ANY")
    assert shown(made(**members))["Predicate"] == members["Predicate"]


def test_a_condition_counts_only_what_triggers_started() -> None:
    schedule = made(
        **when(
            {"JobName": "a", "State": "SUCCEEDED"},
            {"JobName": "a", "State": "TIMEOUT"},
            {"CrawlerName": "b", "CrawlState": "CANCELLED"},
            Logical="ANY",
        )
    ).schedule
    assert schedule == Conditional(
        logical="any",
        only_triggered=True,
        conditions=(
            Condition(job="a", states=("succeeded", "timed_out")),
            Condition(job="crawler:b", states=("stopped",)),
        ),
    )


def test_a_condition_that_comes_twice_is_one() -> None:
    twice = {"JobName": "a", "State": "SUCCEEDED"}
    schedule = made(**when(twice, twice, Logical="AND")).schedule
    assert isinstance(schedule, Conditional)
    assert schedule.conditions == (Condition(job="a"),)


def test_actions_have_terms_where_they_say_something() -> None:
    more = {"SecurityConfiguration": "encrypted"}
    trigger = made(Actions=[{"JobName": "a"}, {"JobName": "b", "Timeout": 2, **more}])
    assert trigger.actions[0].terms is None
    assert trigger.actions[1].terms == GivenTerms(timeout_s=120.0, annotations={"glue": more})


def test_a_trigger_of_glue_may_name_jobs_that_are_not_there() -> None:
    trigger = made(Tags={"team": "data"}, WorkflowName="flow")
    assert trigger.on_missing is OnMissing.SKIP
    assert (trigger.labels, trigger.workflow) == ({"team": "data"}, "flow")


def test_events_are_batched_as_glue_batches_them() -> None:
    assert made(Type="EVENT", WorkflowName="f").schedule == Event(batch_size=1, window_s=900)
    batching = {"BatchSize": 5, "BatchWindow": 60}
    trigger = made(Type="EVENT", WorkflowName="f", EventBatchingCondition=batching)
    assert trigger.schedule == on_event(batch_size=5, window_s=60)


@pytest.mark.parametrize(
    ("schedule", "kind", "text"),
    [
        (on_demand(), "ON_DEMAND", None),
        (on_event(), "EVENT", None),
        (when_all("a"), "CONDITIONAL", None),
        (every(minutes=5), "SCHEDULED", "rate(5 minutes)"),
        (every(minutes=1), "SCHEDULED", "rate(1 minute)"),
        (every(seconds=5), "SCHEDULED", None),
        (after(minutes=5), "SCHEDULED", None),
        (calendar_interval("09:00", months=1), "SCHEDULED", None),
        (at(NOW), "SCHEDULED", "at(2026-01-01T00:00:00)"),
        (cron("0 12 * * *"), "SCHEDULED", "cron(0 12 * * ? *)"),
        (cron("0 12 * * *", zone="Europe/Prague"), "SCHEDULED", None),
        (cron("0 12 1 * 1"), "SCHEDULED", None),
        (cron(NOON, dialect="aws", zone="Asia/Tokyo"), "SCHEDULED", None),
        (cron("rate(2 days)", dialect="aws"), "SCHEDULED", "rate(2 days)"),
    ],
)
def test_native_triggers_are_shown_as_well_as_can_be(
    schedule: Schedule, kind: str, text: str | None
) -> None:
    found = glue_trigger(native(schedule))
    assert (found["Type"], found["Schedule"]) == (kind, text)


def test_native_arguments_are_texts() -> None:
    trigger = Trigger(
        name="t",
        schedule=on_demand(),
        actions=(Action(job="a", arguments={"n": 5, "names": ["x"]}),),
    )
    (action,) = glue_trigger(trigger)["Actions"]
    assert action["Arguments"] == {"n": "5", "names": '["x"]'}


def test_states() -> None:
    trigger = made(Type="SCHEDULED", Schedule=NOON)
    new = replace(trigger, state=TriggerState.INACTIVE)
    assert state_of(new) == "CREATED"
    active = activated(new, NOW)
    assert state_of(active) == "ACTIVATED"
    for state in (TriggerState.INACTIVE, TriggerState.PAUSED, TriggerState.PARKED):
        assert state_of(replace(active, state=state)) == "DEACTIVATED"
    assert state_of(replace(active, state=TriggerState.COMPLETED)) == "ACTIVATED"


@pytest.mark.parametrize("members", [{}, {"Type": "EVENT", "WorkflowName": "f"}])
def test_some_types_are_created_for_life(members: dict[str, Any]) -> None:
    wanted = request(**members)
    assert starts_active(wanted)
    assert state_of(activated(new_trigger("g", wanted), NOW)) == "CREATED"


def test_a_date_that_never_comes_is_a_schedule_that_never_fires() -> None:
    trigger = activated(made(Type="SCHEDULED", Schedule="cron(0 0 31 2 ? *)"), NOW)
    assert (trigger.state, trigger.next_slot) == (TriggerState.COMPLETED, None)
    assert shown(trigger)["Schedule"] == "cron(0 0 31 2 ? *)"


def test_an_edit_by_the_native_api_is_shown_as_it_is() -> None:
    trigger = made(Type="SCHEDULED", Schedule="cron(0 0 31 2 ? *)", Description="")
    edited = replace(trigger, schedule=Cron(expression=NOON, dialect="aws"), description="new")
    assert shown(edited)["Schedule"] == NOON
    assert shown(edited)["Description"] == "new"


@pytest.mark.parametrize(
    "annotation", [5, "x", [], {"Schedule": 5}, {"Schedule": [NOON]}, {"State": ["x", None]}]
)
def test_what_others_write_into_the_annotation_does_no_harm(annotation: Any) -> None:
    terms = GivenTerms(annotations={"glue": {"JobName": 5}})
    trigger = native(every(minutes=5), annotations={"glue": annotation})
    trigger = replace(trigger, actions=(Action(job="load", terms=terms),))
    found = glue_trigger(trigger)
    assert (found["Schedule"], found["State"]) == ("rate(5 minutes)", "ACTIVATED")
    assert found["Actions"] == [{"JobName": "load"}]


def test_an_update_replaces_all_that_glue_has_words_for() -> None:
    present = made(Type="SCHEDULED", Schedule=NOON, Description="old", Tags={"a": "b"})
    present = replace(activated(present, NOW), jitter_s=5.0)
    update = {"Schedule": "cron(0 13 * * ? *)", "Actions": [{"JobName": "other"}], "Name": "x"}
    check_definition(type_of(present), update)
    after_it = updated_trigger(present, update)
    assert (after_it.name, after_it.description, after_it.jitter_s) == ("t", "", 5.0)
    assert (after_it.labels, after_it.state) == ({"a": "b"}, TriggerState.ACTIVE)
    assert shown(after_it)["Actions"] == [{"JobName": "other"}]
    assert shown(after_it)["Schedule"] == "cron(0 13 * * ? *)"


def test_what_does_not_fit_into_the_annotations_is_shown_as_the_board_says_it() -> None:
    given_actions = [{"JobName": "a", "Arguments": {}}] + [
        {"JobName": "a", "Arguments": {"--text": "x" * 20_000}} for _ in range(5)
    ]
    found = shown(made(Actions=given_actions))
    assert found["Actions"] == [{"JobName": "a"}, *given_actions[1:]]


EQUALS = {"LogicalOperator": "EQUALS"}
OK = {**EQUALS, "JobName": "a", "State": "SUCCEEDED"}
BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"StartOnCreation": True},
        "Starting trigger on create is not supported for ON_DEMAND trigger type.",
    ),
    ({"Type": "EVENT"}, "Workflow name cannot be null or empty"),
    ({"Type": "SCHEDULED"}, "Schedule cannot be null or empty"),
    ({"Type": "SCHEDULED", "Schedule": ""}, "Schedule cannot be null or empty"),
    ({"Type": "CONDITIONAL"}, "Predicate cannot be null or empty"),
    ({"Type": "CONDITIONAL", "Predicate": {}}, "Predicate cannot be null or empty"),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": []}},
        "Predicate cannot be null or empty",
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [OK, {**OK, "JobName": "b"}]}},
        "Logical operator cannot be null or empty when more than one condition is present.",
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{"JobName": "a"}]}},
        (
            "State cannot be null or empty, choose from one of the following job state: "
            "[SUCCEEDED, STOPPED, FAILED, TIMEOUT]"
        ),
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{**EQUALS, "JobName": "load"}]}},
        (
            "State cannot be null or empty, choose from one of the following job state: "
            "[SUCCEEDED, STOPPED, FAILED, TIMEOUT]"
        ),
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{"CrawlerName": "a"}]}},
        (
            "State cannot be null or empty, choose from one of the following crawler state: "
            "[SUCCEEDED, FAILED, CANCELLED]"
        ),
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [EQUALS]}},
        "JobName or CrawlerName in condition cannot be null or empty",
    ),
    (
        {
            "Type": "CONDITIONAL",
            "Predicate": {"Conditions": [{"JobName": "a", "State": "SUCCEEDED"}]},
        },
        "Logical operator cannot be null or empty",
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{**OK, "State": "RUNNING"}]}},
        "JobRunState should be any of: [SUCCEEDED, STOPPED, FAILED, TIMEOUT]",
    ),
    (
        {
            "Type": "CONDITIONAL",
            "Predicate": {"Conditions": [{**EQUALS, "CrawlerName": "a", "CrawlState": "ERROR"}]},
        },
        "CrawlerState should be any of: [SUCCEEDED, FAILED, CANCELLED]",
    ),
    (
        {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{**OK, "JobName": "load"}]}},
        "Job cannot be a Predicate and Action for Conditional Trigger.",
    ),
    (
        {"Actions": [{"JobName": "a", "CrawlerName": "b"}]},
        "Both JobName and CrawlerName cannot be set together in an action",
    ),
    ({"Actions": [{}]}, "JobName or CrawlerName in action cannot be null or empty"),
    ({"Actions": []}, "Actions cannot be null or empty"),
    (
        {"Actions": [{"JobName": "a", "Timeout": 10081}]},
        "Timeout should be less than or equal to 10080 minutes.",
    ),
]


@pytest.mark.parametrize(("members", "text"), BAD, ids=lambda each: repr(each)[-70:])
def test_what_glue_refuses_is_refused_in_its_words(members: dict[str, Any], text: str) -> None:
    assert refusal(**members) == ("InvalidInputException", text)


@pytest.mark.parametrize(
    "schedule",
    [
        "rate(5 minutes)",
        "at(2030-01-01T00:00:00)",
        "cron(0 10 1 * MON *)",
        "cron(0 10 * * * *)",
        "cron(0 10 * * ?)",
        " cron(0 10 * * ? *)",
        "0 10 * * ? *",
        "cron()",
        "cron(0 0 32 2 ? *)",
        "cron(0 25 31 2 ? *)",
        "cron(0 0 31 2 ? *) ",
        "cron(0 0 31 FEV ? *)",
        "whenever",
        "cron(\x00)",
    ],
)
def test_a_bad_schedule_is_refused_and_named(schedule: str) -> None:
    code, text = refusal(Type="SCHEDULED", Schedule=schedule)
    assert code == "InvalidInputException"
    assert text.startswith(f"The schedule {schedule} is invalid.")


def test_two_states_of_one_job_are_never_met_together() -> None:
    code, text = refusal(
        **when(
            {"JobName": "a", "State": "SUCCEEDED"},
            {"JobName": "a", "State": "FAILED"},
            Logical="AND",
        )
    )
    assert code == "InvalidInputException"
    assert "a cannot be SUCCEEDED and FAILED at once" in text


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Actions": [{"JobName": f"j{n}"} for n in range(51)]}, "starts 51 jobs"),
        ({"Actions": [{"CrawlerName": f"c{n}"} for n in range(3)]}, "starts 3 crawlers"),
    ],
)
def test_a_trigger_has_limits(members: dict[str, Any], words: str) -> None:
    code, text = refusal(**members)
    assert code == "ResourceNumberLimitExceededException"
    assert words in text
