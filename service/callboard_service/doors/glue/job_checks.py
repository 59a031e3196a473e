"""What Glue itself refuses in the definition of a job, in its own words.

The service model's limits are checked before; what is looked at here is how members go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from callboard.domain.annotations import MAX_BYTES
from callboard.domain.json import check_json
from callboard.domain.limits import MAX_RUNS
from callboard_service.doors.glue.faults import invalid_input
from callboard_service.doors.glue.tag_checks import check_tags

PYTHON_SHELL: Final = "pythonshell"
ETL: Final = "glueetl"
RAY: Final = "glueray"
MAX_TIMEOUT_MIN: Final = 10_080
MAX_RETRIES: Final = 999
GONE_VERSIONS: Final = ("0.9", "1.0", "2.0")
SHELL_CAPACITIES: Final = (0.0625, 1.0)

Definition = Mapping[str, Any]
"""Members of CreateJob, or of UpdateJob's JobUpdate."""


def check_definition(definition: Definition) -> None:
    """Raise InvalidInputException for the first thing that is wrong.

    Raises:
        InvalidInput: a text that cannot be stored: it has a NUL, say.
    """
    for member, value in definition.items():
        check_json(value, member)
    for check in _CHECKS:
        problem = check(definition)
        if problem is not None:
            raise invalid_input(problem)
    check_tags(definition.get("Tags", {}))


def check_update(update: Definition) -> None:
    """As check_definition, and what an update must have."""
    for member in ("Role", "Command"):
        if member not in update:
            raise invalid_input(f"{member} cannot be null or empty")
    check_definition(update)


def check_run_sizes(request: Definition) -> None:
    """Raise InvalidInputException for sizes that a start of a run cannot have."""
    for check in (_timeout_problem, _capacity_problem, _capacity_of_workers_problem):
        problem = check(request)
        if problem is not None:
            raise invalid_input(problem)


def _timeout_problem(definition: Definition) -> str | None:
    timeout = definition.get("Timeout")
    if timeout is None:
        return None
    if _command(definition) == RAY:
        return "Timeout not supported for Ray jobs"
    if timeout > MAX_TIMEOUT_MIN:
        return f"Timeout should be less than or equal to {MAX_TIMEOUT_MIN} minutes."
    return None


def _version_problem(definition: Definition) -> str | None:
    if definition.get("GlueVersion") not in GONE_VERSIONS:
        return None
    return (
        "The Glue version selected for the job is no longer available. Select a newer Glue version."
    )


def _capacity_problem(definition: Definition) -> str | None:
    if definition.get("AllocatedCapacity") and definition.get("MaxCapacity"):
        return "Please set only Allocated Capacity or Max Capacity"
    return None


def _shell_problem(definition: Definition) -> str | None:
    if _command(definition) != PYTHON_SHELL:
        return None
    if "WorkerType" in definition:
        return "Worker Type is not supported for Job Command pythonshell"
    capacity = definition.get("MaxCapacity") or SHELL_CAPACITIES[0]
    if not 0.0 <= capacity <= 1.0:
        return "Max Capacity should be between 0.0 and 1.0 if present for pythonshell."
    if capacity not in SHELL_CAPACITIES:
        return "Max Capacity values with precision supported for pythonshell are [0.0625]."
    return None


def _workers_problem(definition: Definition) -> str | None:
    if ("WorkerType" in definition) != ("NumberOfWorkers" in definition):
        return "Please set both Worker Type and Number of Workers."
    return None


def _capacity_of_workers_problem(definition: Definition) -> str | None:
    has_workers = "WorkerType" in definition or "NumberOfWorkers" in definition
    if has_workers and definition.get("MaxCapacity"):
        return "Please do not set Max Capacity if using Worker Type and Number of Workers."
    return None


def _class_problem(definition: Definition) -> str | None:
    if definition.get("ExecutionClass") == "FLEX" and _command(definition) != ETL:
        return "Flex job is supported for ETL jobs only"
    return None


def _retries_problem(definition: Definition) -> str | None:
    if not 0 <= definition.get("MaxRetries", 0) <= MAX_RETRIES:
        return f"MaxRetries should be between 0 and {MAX_RETRIES} if present."
    return None


def _concurrency_problem(definition: Definition) -> str | None:
    runs = definition.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
    if runs < 1:
        return "MaxConcurrentRuns should be greater than or equal to 1 if present."
    if runs > MAX_RUNS:
        return f"MaxConcurrentRuns should be less than or equal to {MAX_RUNS} if present."
    return None


def _size_problem(definition: Definition) -> str | None:
    """What is told before the store would, which knows it by another name."""
    told = {member: value for member, value in definition.items() if "Arguments" not in member}
    size = len(orjson.dumps(told))
    if size > MAX_BYTES:
        return f"The definition without its arguments is {size} bytes, more than {MAX_BYTES}."
    return None


def _command(definition: Definition) -> str | None:
    name: str | None = definition.get("Command", {}).get("Name")
    return name


_CHECKS: Final[tuple[Callable[[Definition], str | None], ...]] = (
    _timeout_problem,
    _version_problem,
    _capacity_problem,
    _shell_problem,
    _workers_problem,
    _capacity_of_workers_problem,
    _class_problem,
    _retries_problem,
    _concurrency_problem,
    _size_problem,
)
