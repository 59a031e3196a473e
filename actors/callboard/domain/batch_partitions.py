"""Partitions of a step: their plan, and what has become of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

from callboard.domain.batch_step import StepExecution
from callboard.domain.json import Json, JsonObject, check_json_object
from callboard.errors import invalid

MAX_NAME: Final = 255
MAX_PARTITIONS: Final = 10_000


def partition_name(step: str, partition: str) -> str:
    """Of its executions."""
    return f"{step}:{partition}"


def partitions_of(
    steps: Iterable[StepExecution], manager: StepExecution
) -> dict[str, StepExecution]:
    """The last execution of each partition, by the partition's name, of the plan that the manager
    has; those of a plan before it, when the step has run again from the start, are not among them.

    Args:
        steps: of the instance, by id.
    """
    known = list(steps)
    managers = {step.id for step in known if _is_same_work(step, manager)} | {manager.id}
    length = len(manager.name) + 1
    return {step.name[length:]: step for step in known if step.manager_id in managers}


def plan_of(given: object, field: str) -> tuple[JsonObject, ...]:
    """What a planner gave, as it is stored: `{"name", "inputs"}` for each partition.

    Args:
        given: inputs by name, or a list of inputs, which are numbered from 0 then.
    Raises:
        InvalidInput: names and inputs that cannot be kept.
    """
    if isinstance(given, Mapping):
        named = list(given.items())
    elif isinstance(given, list | tuple):
        named = [(str(number), inputs) for number, inputs in enumerate(given)]
    else:
        reason = f"gave a {type(given).__name__}"
        raise invalid(field, reason, "give a mapping of names to inputs, or a list of inputs")
    if len(named) > MAX_PARTITIONS:
        reason = f"gave {len(named)} partitions, more than {MAX_PARTITIONS}"
        raise invalid(field, reason, "make them larger: each one is a row of its own")
    return tuple(_planned(name, inputs, field) for name, inputs in named)


def _planned(name: object, inputs: object, field: str) -> JsonObject:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        reason = f"named a partition {name!r}, which is not 1 to {MAX_NAME} printable characters"
        raise invalid(field, reason)
    check_json_object(inputs, f"{field}.{name}")
    return {"name": name, "inputs": cast("Json", inputs)}


def _is_same_work(step: StepExecution, manager: StepExecution) -> bool:
    return (
        step.name == manager.name
        and step.visit == manager.visit
        and step.manager_id is None
        and step.first_id == manager.first_id
    )
