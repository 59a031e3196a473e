"""Triggers of Glue and of the board, each as the other.

| Glue | board |
| --- | --- |
| SCHEDULED, Schedule | cron, aws dialect, UTC |
| CONDITIONAL, Predicate | conditional, only_triggered: ends of runs that triggers started |
| ON_DEMAND | on_demand, always active |
| EVENT, EventBatchingCondition | event, always active |
| Actions: JobName, Arguments, Timeout | actions, with terms.timeout_s |
| Actions: SecurityConfiguration, NotificationProperty | terms.annotations["glue"] |
| CrawlerName, CrawlState | a job named `crawler:<name>` |
| WorkflowName, Tags | workflow, labels |
| CREATED | inactive and never activated; ON_DEMAND and EVENT for life |
| ACTIVATED | active, and completed: no slot is left |
| DEACTIVATED | inactive, paused, parked |

Jobs need not exist (on_missing: skip). What this table would not give back as it was given is kept
in annotations["glue"], and shown for as long as the rest is as it was then. Triggers that were made
by the native API are shown as well as Glue's words can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import orjson

from callboard.domain.given_terms import GivenTerms
from callboard.domain.schedule import (
    Condition,
    Conditional,
    Event,
    OnDemand,
    Schedule,
    on_demand,
)
from callboard.domain.schedule_kind import WatchedState
from callboard.domain.trigger import Action, OnMissing, Trigger, TriggerState
from callboard_service.doors.glue.annotations import GLUE, kept
from callboard_service.doors.glue.job_document import as_texts, minutes_of
from callboard_service.doors.glue.trigger_checks import CONDITIONAL, EVENT, ON_DEMAND, SCHEDULED
from callboard_service.doors.glue.trigger_schedule import schedule_text, scheduled

CRAWLER: Final = "crawler:"
"""What the names of the jobs begin with that stand for crawlers."""
MOST_KEPT: Final = 48 * 1024
"""Bytes: annotations have a limit, and what does not fit is shown as the board says it."""
_SHOWN: Final = ("Description", "Schedule", "Actions", "Predicate", "EventBatchingCondition")
_OF_ACTION: Final = ("SecurityConfiguration", "NotificationProperty")
_STATE: Final[Mapping[str, WatchedState]] = MappingProxyType(
    {"SUCCEEDED": "succeeded", "STOPPED": "stopped", "FAILED": "failed", "TIMEOUT": "timed_out"}
)
_CRAWL_STATE: Final[Mapping[str, WatchedState]] = MappingProxyType(
    {"SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELLED": "stopped"}
)
_TYPES: Final[Mapping[type, str]] = MappingProxyType(
    {OnDemand: ON_DEMAND, Event: EVENT, Conditional: CONDITIONAL}
)


def new_trigger(group: str, request: Mapping[str, Any]) -> Trigger:
    """The trigger that a checked CreateTrigger says.

    Raises:
        GlueFault: InvalidInputException, for its schedule.
        InvalidInput: the board has no such triggers.
    """
    bare = Trigger(
        name=request["Name"],
        group=group,
        schedule=on_demand(),
        actions=(Action(job="x"),),
        on_missing=OnMissing.SKIP,
        workflow=request.get("WorkflowName"),
        labels=request.get("Tags", {}),
    )
    return _defined(bare, request["Type"], request)


def updated_trigger(present: Trigger, update: Mapping[str, Any]) -> Trigger:
    """The present trigger with another definition; what Glue cannot say stays.

    Raises:
        GlueFault, InvalidInput: as `new_trigger`.
    """
    return _defined(present, type_of(present), update)


def glue_trigger(trigger: Trigger) -> dict[str, Any]:
    """Glue's Trigger."""
    shown = {
        "Name": trigger.name,
        "WorkflowName": trigger.workflow,
        "Type": type_of(trigger),
        "State": state_of(trigger),
        **_derived(trigger),
    }
    for member, (given, derived) in _pairs(trigger).items():
        if shown.get(member) == derived:
            shown[member] = given
    return shown


def type_of(trigger: Trigger) -> str:
    """The TriggerType; everything that has slots by the clock is SCHEDULED."""
    return _TYPES.get(type(trigger.schedule), SCHEDULED)


def state_of(trigger: Trigger) -> str:
    """The TriggerState."""
    if type_of(trigger) in (ON_DEMAND, EVENT):
        return "CREATED"
    if trigger.state in (TriggerState.ACTIVE, TriggerState.COMPLETED):
        return "ACTIVATED"
    is_new = trigger.state is TriggerState.INACTIVE and trigger.anchor_at is None
    return "CREATED" if is_new else "DEACTIVATED"


def starts_active(request: Mapping[str, Any]) -> bool:
    """Whether a new trigger is active on the board."""
    return request["Type"] in (ON_DEMAND, EVENT) or bool(request.get("StartOnCreation"))


def _defined(trigger: Trigger, kind: str, definition: Mapping[str, Any]) -> Trigger:
    defined = replace(
        trigger,
        schedule=_schedule(kind, definition),
        actions=tuple(_action(each) for each in definition["Actions"]),
        description=definition.get("Description", ""),
    )
    pairs = _to_keep(definition, _derived(defined))
    return replace(defined, annotations={**trigger.annotations, GLUE: pairs})


def _to_keep(definition: Mapping[str, Any], derived: Mapping[str, Any]) -> dict[str, Any]:
    """Members that would be shown otherwise than they were given: both, as far as there is room."""
    pairs: dict[str, Any] = {}
    room = MOST_KEPT
    for member in _SHOWN:
        given, shown = definition.get(member), derived.get(member)
        if given == shown:
            continue
        room -= len(orjson.dumps([given, shown]))
        if room < 0:
            break
        pairs[member] = [given, shown]
    return pairs


def _pairs(trigger: Trigger) -> Mapping[str, Sequence[Any]]:
    """What `_to_keep` made; anybody may write annotations, so all else there is passed over."""
    return {
        member: pair
        for member, pair in kept(trigger.annotations).items()
        if member in _SHOWN and isinstance(pair, Sequence) and len(pair) == 2
    }


def _derived(trigger: Trigger) -> dict[str, Any]:
    """What the board's own fields say."""
    schedule = trigger.schedule
    is_timed = type_of(trigger) == SCHEDULED
    return {
        "Description": trigger.description or None,
        "Schedule": schedule_text(schedule) if is_timed else None,
        "Actions": [_shown_action(each) for each in trigger.actions],
        "Predicate": _predicate(schedule) if isinstance(schedule, Conditional) else None,
        "EventBatchingCondition": _batching(schedule) if isinstance(schedule, Event) else None,
    }


# schedules


def _schedule(kind: str, definition: Mapping[str, Any]) -> Schedule:
    match kind:
        case "SCHEDULED":
            return scheduled(definition["Schedule"])
        case "CONDITIONAL":
            return _conditional(definition["Predicate"])
        case "EVENT":
            return _event(definition.get("EventBatchingCondition", {}))
        case _:
            return on_demand()


def _event(batching: Mapping[str, Any]) -> Event:
    usual = Event()
    return Event(
        batch_size=batching.get("BatchSize", usual.batch_size),
        window_s=batching.get("BatchWindow", usual.window_s),
    )


def _batching(schedule: Event) -> dict[str, Any]:
    return {"BatchSize": schedule.batch_size, "BatchWindow": int(schedule.window_s)}


# predicates


def _conditional(predicate: Mapping[str, Any]) -> Conditional:
    states: dict[str, dict[WatchedState, None]] = {}
    for condition in predicate["Conditions"]:
        job, state = _watched(condition)
        states.setdefault(job, {})[state] = None
    return Conditional(
        logical="any" if predicate.get("Logical") == "ANY" else "and",
        conditions=tuple(Condition(job=job, states=tuple(each)) for job, each in states.items()),
        only_triggered=True,
    )


def _watched(condition: Mapping[str, Any]) -> tuple[str, WatchedState]:
    if condition.get("JobName"):
        return condition["JobName"], _STATE[condition["State"]]
    return f"{CRAWLER}{condition['CrawlerName']}", _CRAWL_STATE[condition["CrawlState"]]


def _predicate(schedule: Conditional) -> dict[str, Any]:
    return {
        "Logical": "ANY" if schedule.logical == "any" else "AND",
        "Conditions": [
            shown for condition in schedule.conditions for shown in _shown_conditions(condition)
        ],
    }


def _shown_conditions(condition: Condition) -> Iterator[dict[str, str]]:
    is_crawler = condition.job.startswith(CRAWLER)
    states = _CRAWL_STATE if is_crawler else _STATE
    words = {state: word for word, state in states.items()}
    for state in condition.states:
        if is_crawler and state in words:
            name = condition.job.removeprefix(CRAWLER)
            yield {
                "LogicalOperator": "EQUALS",
                "CrawlerName": name,
                "CrawlState": words[state],
            }
        elif state in words:
            yield {"LogicalOperator": "EQUALS", "JobName": condition.job, "State": words[state]}


# actions


def _action(action: Mapping[str, Any]) -> Action:
    job = action.get("JobName") or f"{CRAWLER}{action['CrawlerName']}"
    extras = {member: action[member] for member in _OF_ACTION if member in action}
    timeout = action.get("Timeout")
    terms = None
    if timeout is not None or extras:
        terms = GivenTerms(
            timeout_s=None if timeout is None else 60.0 * timeout,
            annotations={GLUE: extras} if extras else {},
        )
    return Action(job=job, arguments=action.get("Arguments", {}), terms=terms)


def _shown_action(action: Action) -> dict[str, Any]:
    terms = action.terms or GivenTerms()
    extras = kept(terms.annotations)
    shown: dict[str, Any] = {"JobName": action.job}
    if action.job.startswith(CRAWLER):
        shown = {"CrawlerName": action.job.removeprefix(CRAWLER)}
    if action.arguments:
        shown["Arguments"] = as_texts(action.arguments)
    if terms.timeout_s is not None:
        shown["Timeout"] = minutes_of(terms.timeout_s)
    return shown | {member: extras[member] for member in _OF_ACTION if member in extras}
