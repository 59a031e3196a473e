"""A workflow: triggers and the jobs between them as one whole, and one passage through it.

    running -> stopping -> stopped
    running -> completed

A workflow run works on a snapshot of the workflow's triggers, as they were when it began. Its start
trigger's actions begin it; each conditional trigger of the snapshot that was active fires at most
once in it. The rules are in workflow_advance.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.annotations import check_annotations, label_problems
from callboard.domain.json import JsonObject, check_json
from callboard.domain.names import DEFAULT_GROUP, wide_name_problems
from callboard.domain.schedule import Conditional
from callboard.domain.trigger import Trigger
from callboard.errors import FieldProblem, InvalidInput

MAX_DESCRIPTION: Final = 120_000
MAX_RUNS: Final = 1_000_000
MAX_PROPERTIES: Final = 1000
MAX_PROPERTY_KEY: Final = 255
MAX_TEXTS: Final = 2**19
"""Characters of the keys and values of such a mapping together."""
_OF_SLOTS: Final = (
    "overlap",
    "start_at",
    "end_at",
    "max_firings",
    "jitter_s",
    "flexible_window_s",
    "deadlines",
)


class WorkflowState(StrEnum):
    """What a workflow run is doing."""

    RUNNING = "running"
    STOPPING = "stopping"
    """Its live runs are being stopped, and nothing more is started."""
    COMPLETED = "completed"
    """No run of it is live, and nothing more fires; whether its runs succeeded or not."""
    STOPPED = "stopped"


ENDED: Final = frozenset({WorkflowState.COMPLETED, WorkflowState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A definition, and, once stored, its identity and version.

    The triggers that name it (`Trigger.workflow`) are its content.

    Raises:
        InvalidInput: everything that is wrong, by field.
    """

    name: str
    group: str = DEFAULT_GROUP
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """What each run of it begins with; laid under those of its start."""
    max_concurrent_runs: int | None = None
    """Runs of it that may be live (running, stopping) at once; None: any number."""
    run_arguments: Mapping[str, str] = field(default_factory=dict)
    """Arguments that each job run in it gets besides, if its job takes them. In the values
    `{workflow}` stands for its name, `{run_id}` for the number of the workflow run and
    `{run_id_hex64}` for that number in 64 hexadecimal digits."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: JsonObject = field(default_factory=dict)
    """What a client keeps with it; the board does not read it."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)
        check_annotations(self.annotations)

    def _problems(self) -> Iterator[FieldProblem]:
        yield from wide_name_problems(name=self.name, group=self.group)
        if len(self.description) > MAX_DESCRIPTION:
            yield FieldProblem("description", f"is longer than {MAX_DESCRIPTION} characters")
        most = self.max_concurrent_runs
        if most is not None and not 1 <= most <= MAX_RUNS:
            fix = "null: no limit"
            yield FieldProblem("max_concurrent_runs", f"{most} is outside 1 to {MAX_RUNS}", fix)
        yield from text_map_problems(self.properties, "properties")
        yield from text_map_problems(self.run_arguments, "run_arguments")
        yield from label_problems(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """One passage through a workflow."""

    id: int = 0
    workflow: str
    group: str = DEFAULT_GROUP
    workflow_id: int
    state: WorkflowState = WorkflowState.RUNNING
    trigger: str | None = None
    """The start trigger of its snapshot; None: there was none."""
    previous_run_id: int | None = None
    """The workflow run that it resumes."""
    properties: Mapping[str, str] = field(default_factory=dict)
    run_arguments: Mapping[str, str] = field(default_factory=dict)
    """Of its job runs, the placeholders filled in."""
    triggers: tuple[Trigger, ...] = ()
    """Those of the workflow when it began, by name, as `snapshot_of` keeps them."""
    fired: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By trigger that has fired in it: the runs that it started. Of one that resumes another also
    those of the triggers that have not to fire again."""
    met: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By conditional trigger: for each job whose condition is met, the run that met it."""
    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By job: its runs in it, ascending, all attempts."""
    live: tuple[int, ...] = ()
    """Those of them that have not ended, ascending."""
    missing: tuple[str, ...] = ()
    """Jobs that a trigger wanted to start and that were not there, or disabled."""
    event: JsonObject | None = None
    """Of one that a batch of events began: `batch_size` and `window_s` of the batch."""
    created_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def start_trigger(self) -> Trigger | None:
        """The trigger of the snapshot whose actions begin it."""
        return start_trigger_of(self.triggers)


def start_trigger_of(triggers: Iterable[Trigger]) -> Trigger | None:
    """The one that is not conditional: a workflow has at most one."""
    return next((each for each in triggers if not is_inner(each)), None)


def is_inner(trigger: Trigger) -> bool:
    """Whether a trigger of a workflow waits for ends within its runs."""
    return isinstance(trigger.schedule, Conditional)


def snapshot_of(triggers: Iterable[Trigger]) -> tuple[Trigger, ...]:
    """The triggers as a workflow run keeps them, by name: without their slots and policies."""
    bare = (
        Trigger(
            name=each.name,
            group=each.group,
            schedule=each.schedule,
            actions=each.actions,
            description=each.description,
            on_missing=each.on_missing,
            workflow=each.workflow,
            labels=each.labels,
            annotations=each.annotations,
            state=each.state,
            generation=each.generation,
            anchor_at=each.anchor_at,
            id=each.id,
            version=each.version,
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        for each in triggers
    )
    return tuple(sorted(bare, key=lambda each: each.name))


def inner_problems(trigger: Trigger) -> Iterator[FieldProblem]:
    """What a conditional trigger of a workflow cannot have: it fires at most once a run of it."""
    if trigger.workflow is None or not is_inner(trigger):
        return
    usual = Trigger(
        name=trigger.name, schedule=trigger.schedule, actions=trigger.actions, group=trigger.group
    )
    for name in _OF_SLOTS:
        if getattr(trigger, name) != getattr(usual, name):
            reason = "conditional triggers of workflows have no slots"
            yield FieldProblem(name, reason, "leave it out")


def filled_in(templates: Mapping[str, str], workflow: str, run_id: int) -> dict[str, str]:
    """The run arguments of one workflow run."""
    return {
        name: template.replace("{run_id_hex64}", f"{run_id:064x}")
        .replace("{run_id}", str(run_id))
        .replace("{workflow}", workflow)
        for name, template in templates.items()
    }


def text_map_problems(given: object, field: str) -> Iterator[FieldProblem]:
    """What is wrong with a mapping of texts to texts."""
    if not isinstance(given, Mapping):
        yield FieldProblem(field, f"is a {type(given).__name__}, not a mapping")
        return
    problems = [*_entry_problems(given, field)]
    if len(given) > MAX_PROPERTIES:
        problems.append(FieldProblem(field, f"has more than {MAX_PROPERTIES} entries"))
    yield from problems or _text_problems(given, field)


def _entry_problems(given: Mapping[object, object], field: str) -> Iterator[FieldProblem]:
    for key, value in given.items():
        if not isinstance(key, str) or not 1 <= len(key) <= MAX_PROPERTY_KEY:
            reason = f"has the key {key!r:.80}, which is not a text of 1 to {MAX_PROPERTY_KEY}"
            yield FieldProblem(field, f"{reason} characters")
        elif not isinstance(value, str):
            yield FieldProblem(f"{field}.{key}", f"is a {type(value).__name__}, not a text")


def _text_problems(given: Mapping[str, str], field: str) -> Iterator[FieldProblem]:
    size = sum(len(key) + len(value) for key, value in given.items())
    if size > MAX_TEXTS:
        reason = f"has {size} characters, more than {MAX_TEXTS}"
        yield FieldProblem(field, reason, "keep it elsewhere")
    try:
        check_json(given, field)
    except InvalidInput as error:
        yield from error.problems
