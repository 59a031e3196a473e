"""Partitions of a step: their plan, and what has become of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from callboard.domain.batch_rename import SEPARATOR
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.json import Json, JsonObject, check_json_object
from callboard.errors import invalid

MAX_NAME: Final = 255
MAX_PARTITIONS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRecord:
    """The last execution of a partition on a visit of its step, as far as a restart needs it."""

    name: str
    """`step:partition`."""
    manager_id: int
    """The execution of the step that it was a part of."""
    state: StepState
    exit_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsBefore:
    """What earlier executions of a step have made of its partitions on a visit."""

    last: Mapping[str, PartitionRecord]
    """Of the plan that the step has, by the partition's name; of a plan before it, when the step
    has run again from the start, none."""
    former: frozenset[str]
    """Names of all that it has ever had."""


def partition_name(step: str, partition: str) -> str:
    """Of its executions."""
    return f"{step}{SEPARATOR}{partition}"


def partitions_of(
    steps: Iterable[StepExecution], manager: StepExecution
) -> dict[str, StepExecution]:
    """The last execution of each partition, by the partition's name, of the plan that the manager
    has; those of a plan before it, when the step has run again from the start, are not among them.

    Args:
        steps: of the instance, by id.
    """
    known = list(steps)
    managers = managers_of(known, manager)
    length = len(manager.name) + 1
    return {step.name[length:]: step for step in known if step.manager_id in managers}


def partitions_before(
    records: Iterable[PartitionRecord], managers: Collection[int]
) -> PartitionsBefore:
    """Args:
    records: of the step on that visit.
    managers: executions that had the plan which the step has, see `managers_of`.
    """
    known = {record.name.partition(SEPARATOR)[2]: record for record in records}
    last = {name: each for name, each in known.items() if each.manager_id in managers}
    return PartitionsBefore(last=last, former=frozenset(known))


def managers_of(steps: Iterable[StepExecution], manager: StepExecution) -> set[int]:
    """Ids of the executions that had the plan which the manager has, its own among them.

    Args:
        steps: of the instance.
    """
    return {step.id for step in steps if _is_same_work(step, manager)} | {manager.id}


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
