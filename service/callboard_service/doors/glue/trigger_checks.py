"""Glue's own checks of a trigger's definition, in the order in which it makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from callboard_service.doors.glue.faults import GlueFault, invalid_input, limit_exceeded
from callboard_service.doors.glue.job_checks import MAX_TIMEOUT_MIN

SCHEDULED: Final = "SCHEDULED"
CONDITIONAL: Final = "CONDITIONAL"
ON_DEMAND: Final = "ON_DEMAND"
EVENT: Final = "EVENT"
MAX_JOBS: Final = 50
"""That one trigger starts; a quota of AWS accounts."""
MAX_CRAWLERS: Final = 2
JOB_STATES: Final = ("SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT")
CRAWL_STATES: Final = ("SUCCEEDED", "FAILED", "CANCELLED")

Definition = Mapping[str, Any]
"""Members of CreateTrigger, or of a TriggerUpdate."""


def check_new(request: Definition) -> None:
    """Raise InvalidInputException for a CreateTrigger that Glue refuses."""
    kind = request["Type"]
    if kind == ON_DEMAND and request.get("StartOnCreation"):
        text = "Starting trigger on create is not supported for ON_DEMAND trigger type."
        raise invalid_input(text)
    if kind == EVENT and not request.get("WorkflowName"):
        raise invalid_input("Workflow name cannot be null or empty")
    check_definition(kind, request)


def check_definition(kind: str, definition: Definition) -> None:
    """Raise InvalidInputException for what Glue refuses of a new trigger and of an update alike.

    Raises:
        GlueFault: also ResourceNumberLimitExceededException.
    """
    if kind == SCHEDULED and not definition.get("Schedule"):
        raise invalid_input("Schedule cannot be null or empty")
    conditions = _conditions(definition) if kind == CONDITIONAL else ()
    actions = definition.get("Actions", ())
    if not actions:
        raise invalid_input("Actions cannot be null or empty")
    for action in actions:
        _check_action(action)
    _check_loop(conditions, actions)
    _check_quotas(actions)


def _conditions(definition: Definition) -> Sequence[Definition]:
    predicate = definition.get("Predicate") or {}
    conditions: Sequence[Definition] = predicate.get("Conditions") or ()
    if not conditions:
        raise invalid_input("Predicate cannot be null or empty")
    for condition in conditions:
        _check_condition(condition)
    logical = predicate.get("Logical")
    if len(conditions) > 1 and not logical:
        raise invalid_input(
            "Logical operator cannot be null or empty when more than one condition is present."
        )
    if logical != "ANY":
        _check_and(conditions)
    return conditions


def _check_condition(condition: Definition) -> None:
    # A condition on both is one on the job.
    if condition.get("JobName"):
        _check_state("job", "JobRunState", condition.get("State"), JOB_STATES)
    elif condition.get("CrawlerName"):
        _check_state("crawler", "CrawlerState", condition.get("CrawlState"), CRAWL_STATES)
    else:
        raise invalid_input("JobName or CrawlerName in condition cannot be null or empty")
    if not condition.get("LogicalOperator"):
        raise invalid_input("Logical operator cannot be null or empty")


def _check_state(word: str, member: str, state: str | None, allowed: Sequence[str]) -> None:
    listed = f"[{', '.join(allowed)}]"
    if not state:
        raise invalid_input(
            "State cannot be null or empty, choose from one of the following "
            f"{word} state: {listed}"
        )
    if state not in allowed:
        raise invalid_input(f"{member} should be any of: {listed}")


def _check_and(conditions: Sequence[Definition]) -> None:
    """One end has one state, so two of them are never met together: it could never fire."""
    states: dict[tuple[bool, str], str] = {}
    for condition in conditions:
        is_job = bool(condition.get("JobName"))
        name = condition["JobName" if is_job else "CrawlerName"]
        state = condition["State" if is_job else "CrawlState"]
        other = states.setdefault((is_job, name), state)
        if other != state:
            raise invalid_input(
                f"{name} cannot be {other} and {state} at once, so all conditions can never be met "
                "together: use Logical ANY."
            )


def _check_action(action: Definition) -> None:
    job, crawler = action.get("JobName"), action.get("CrawlerName")
    if job and crawler:
        raise invalid_input("Both JobName and CrawlerName cannot be set together in an action")
    if not job and not crawler:
        raise invalid_input("JobName or CrawlerName in action cannot be null or empty")
    if action.get("Timeout", 0) > MAX_TIMEOUT_MIN:
        text = f"Timeout should be less than or equal to {MAX_TIMEOUT_MIN} minutes."
        raise invalid_input(text)


def _check_loop(conditions: Sequence[Definition], actions: Sequence[Definition]) -> None:
    if not set(_names(conditions, "JobName")).isdisjoint(_names(actions, "JobName")):
        raise invalid_input("Job cannot be a Predicate and Action for Conditional Trigger.")


def _check_quotas(actions: Sequence[Definition]) -> None:
    started = sum(1 for _ in _names(actions, "JobName"))
    if started > MAX_JOBS:
        raise _too_many(f"starts {started} jobs", MAX_JOBS)
    crawlers = len(actions) - started
    if crawlers > MAX_CRAWLERS:
        raise _too_many(f"starts {crawlers} crawlers", MAX_CRAWLERS)


def _too_many(what: str, limit: int) -> GlueFault:
    return limit_exceeded(f"The trigger {what}, more than {limit}.")


def _names(members: Sequence[Definition], key: str) -> Iterator[str]:
    return (each[key] for each in members if each.get(key))
