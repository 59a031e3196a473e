"""Triggers on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.deadlines import Deadlines
from callboard.domain.given_terms import NO_TERMS, GivenTerms
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.schedule import (
    OnDemand,
    Schedule,
    patched_schedule,
    schedule_from_json,
    schedule_to_json,
)
from callboard.domain.trigger import (
    MAX_ACTIONS,
    Action,
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    OnMissing,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
)
from callboard.errors import InvalidInput, NotSupportedYet
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.jobs import Annotations, Labels
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.schedules import ScheduleDocument
from callboard_service.wire.shapes import (
    Instant,
    JsonMap,
    KnownName,
    Moment,
    Name,
    check_new_names,
    instant,
)

_STAND_IN: Final = {"name": "x", "schedule": {"kind": "on_demand"}, "actions": [{"job": "x"}]}


class ActionDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One job that a trigger starts, and the arguments it gives it."""

    job: KnownName
    arguments: JsonMap = {}
    timeout_s: (
        Annotated[float, msgspec.Meta(gt=0, description="of its runs; default: the job's")]
        | msgspec.UnsetType
        | None
    ) = msgspec.UNSET
    annotations: Annotations | msgspec.UnsetType = msgspec.UNSET


class Misfire(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to slots that are late by more than the grace."""

    policy: MisfirePolicyName = MisfirePolicyName.FIRE_ONCE
    coalesce: Coalesce = Coalesce.LATEST
    grace_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    window_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    cap: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None


class Overlap(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to a slot that comes while runs of the trigger are live."""

    policy: OverlapPolicyName = OverlapPolicyName.ALLOW
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None


class CalendarRuleDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a trigger obeys a calendar."""

    calendar: Annotated[Name, msgspec.Meta(description="a calendar of the trigger's group")]
    mode: Annotated[
        CalendarMode,
        msgspec.Meta(description="slots in it are left out, or only they are slots"),
    ] = CalendarMode.EXCLUDE
    shift: Annotated[
        Shift,
        msgspec.Meta(description="what is left out is skipped, or moves to the nearest day left"),
    ] = Shift.SKIP


class DeadlinesForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """By when the runs of a slot have to begin and to have succeeded: webhooks tell who is late."""

    start_within_s: (
        Annotated[
            float, msgspec.Meta(gt=0, description="seconds from the slot on; all runs have begun")
        ]
        | None
    ) = None
    finish_within_s: (
        Annotated[
            float,
            msgspec.Meta(gt=0, description="seconds from the slot on; all runs have succeeded"),
        ]
        | None
    ) = None


class TriggerInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a trigger."""

    name: Name
    group: Name | None = None
    schedule: ScheduleDocument
    actions: Annotated[list[ActionDocument], msgspec.Meta(min_length=1, max_length=MAX_ACTIONS)]
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    misfire: Misfire = msgspec.field(default_factory=Misfire)
    overlap: Overlap = msgspec.field(default_factory=Overlap)
    start_at: Instant | None = None
    end_at: Instant | None = None
    max_firings: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    jitter_s: Annotated[
        float,
        msgspec.Meta(ge=0, description="runs start up to so much later, by a slot's own amount"),
    ] = 0.0
    flexible_window_s: Annotated[
        float,
        msgspec.Meta(ge=0, description="runs start up to so much later, by the trigger's amount"),
    ] = 0.0
    calendars: list[CalendarRuleDocument] = []
    deadlines: Annotated[
        DeadlinesForm | None,
        msgspec.Meta(description="missing one is told to webhooks, and changes nothing else"),
    ] = None
    on_missing: Annotated[
        OnMissing,
        msgspec.Meta(
            description="refuse: its jobs exist, and stay while it does; skip: what it would start "
            "of those that do not is skipped"
        ),
    ] = OnMissing.REFUSE
    workflow: Annotated[
        KnownName | None,
        msgspec.Meta(description="the workflow of its group that it is a part of, for good"),
    ] = None
    labels: Labels = {}
    annotations: Annotations = {}
    start_on_create: Annotated[
        bool, msgspec.Meta(description="false: stored, not activated; counts at creation only")
    ] = True


class TriggerResource(msgspec.Struct, kw_only=True):
    """A stored trigger."""

    name: str
    group: str
    schedule: ScheduleDocument
    actions: list[ActionDocument]
    description: str
    state: TriggerState
    reason: Annotated[str | None, msgspec.Meta(description="why it is parked")]
    misfire: Misfire
    overlap: Overlap
    start_at: Moment | None
    end_at: Moment | None
    max_firings: int | None
    jitter_s: float
    flexible_window_s: float
    calendars: list[CalendarRuleDocument]
    deadlines: DeadlinesForm | None
    on_missing: OnMissing
    workflow: str | None
    labels: Labels
    annotations: JsonMap
    resume_at: Annotated[Moment | None, msgspec.Meta(description="end of a timed pause")]
    next_slot: Moment | None
    last_slot: Moment | None
    events: Annotated[
        int | None,
        msgspec.Meta(description="told since the last slot; null: it is no event trigger"),
    ]
    firings: int
    generation: Annotated[int, msgspec.Meta(description="counts the changes of the timing")]
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


def read_trigger(
    raw: object, check: Callable[[TriggerInput], None] | None = None, *, is_new: bool = True
) -> tuple[Trigger, bool]:
    """The trigger that a request describes, and whether it is to be active once created.

    Args:
        check: raises InvalidInput for more that is wrong with it.
        is_new: there is none of its name yet.
    Raises:
        InvalidInput, NotSupportedYet
    """

    def build(given: TriggerInput) -> tuple[Trigger, bool]:
        if check is not None:
            check(given)
        return _trigger_of(given, is_new=is_new), given.start_on_create

    return read_value(raw, TriggerInput, build, stand_in=_STAND_IN)


def patched_trigger(trigger: Trigger, patch: object) -> object:
    """The request that `trigger` would be after a merge patch; to be read and checked as one."""
    if not isinstance(patch, dict):
        return patch
    rest = {name: value for name, value in patch.items() if name != "schedule"}
    document = merge_patch(trigger_document(trigger), rest)
    if "schedule" in patch:
        document["schedule"] = _patched_schedule(trigger.schedule, patch["schedule"])
    return document


def trigger_document(trigger: Trigger) -> dict[str, Any]:
    """The part of a trigger that clients write, as a request would have it."""
    document = msgspec.to_builtins(trigger_resource(trigger), enc_hook=dict)
    written = (name for name in TriggerInput.__struct_fields__ if name != "start_on_create")
    return {name: document[name] for name in written}


def trigger_resource(trigger: Trigger) -> TriggerResource:
    """The wire form of a stored trigger."""
    return TriggerResource(
        name=trigger.name,
        group=trigger.group,
        schedule=schedule_to_json(trigger.schedule),
        actions=[action_document(action) for action in trigger.actions],
        description=trigger.description,
        state=trigger.state,
        reason=trigger.reason,
        misfire=Misfire(
            policy=trigger.misfire.policy,
            coalesce=trigger.misfire.coalesce,
            grace_s=trigger.misfire.grace_s,
            window_s=trigger.misfire.window_s,
            cap=trigger.misfire.cap,
        ),
        overlap=Overlap(policy=trigger.overlap.policy, limit=trigger.overlap.limit),
        start_at=trigger.start_at,
        end_at=trigger.end_at,
        max_firings=trigger.max_firings,
        jitter_s=trigger.jitter_s,
        flexible_window_s=trigger.flexible_window_s,
        calendars=[
            CalendarRuleDocument(calendar=rule.calendar, mode=rule.mode, shift=rule.shift)
            for rule in trigger.calendars
        ],
        deadlines=None
        if trigger.deadlines is None
        else DeadlinesForm(
            start_within_s=trigger.deadlines.start_within_s,
            finish_within_s=trigger.deadlines.finish_within_s,
        ),
        on_missing=trigger.on_missing,
        workflow=trigger.workflow,
        labels=dict(trigger.labels),
        annotations=dict(trigger.annotations),
        resume_at=trigger.resume_at,
        next_slot=trigger.next_slot,
        last_slot=trigger.last_slot,
        events=_events(trigger),
        firings=trigger.firings,
        generation=trigger.generation,
        version=trigger.version,
        created_at=trigger.created_at,
        updated_at=trigger.updated_at,
    )


def _events(trigger: Trigger) -> int | None:
    if trigger.schedule.kind != "event":
        return None
    return 0 if trigger.gathered is None else trigger.gathered.events


def _trigger_of(given: TriggerInput, *, is_new: bool) -> Trigger:
    faults = Faults()
    if is_new:
        faults.attempt(partial(check_new_names, name=given.name, group=given.group), None)
    instead: Schedule = OnDemand()
    schedule = faults.attempt(lambda: schedule_from_json(given.schedule), instead, under="schedule")
    start_at = faults.attempt(lambda: instant(given.start_at, "start_at"), None)
    end_at = faults.attempt(lambda: instant(given.end_at, "end_at"), None)
    trigger = faults.attempt(lambda: _made(given, schedule, start_at, end_at), _NOTHING)
    faults.raise_any()
    return trigger


def _made(
    given: TriggerInput, schedule: Schedule, start_at: datetime | None, end_at: datetime | None
) -> Trigger:
    return Trigger(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        schedule=schedule,
        actions=tuple(
            _action(each, f"actions[{place}]") for place, each in enumerate(given.actions)
        ),
        description=given.description,
        misfire=MisfirePolicy(
            policy=given.misfire.policy,
            coalesce=given.misfire.coalesce,
            grace_s=given.misfire.grace_s,
            window_s=given.misfire.window_s,
            cap=given.misfire.cap,
        ),
        overlap=OverlapPolicy(policy=given.overlap.policy, limit=given.overlap.limit),
        start_at=start_at,
        end_at=end_at,
        max_firings=given.max_firings,
        jitter_s=given.jitter_s,
        flexible_window_s=given.flexible_window_s,
        calendars=tuple(
            CalendarRule(calendar=each.calendar, mode=each.mode, shift=each.shift)
            for each in given.calendars
        ),
        deadlines=None
        if given.deadlines is None
        else Deadlines(
            start_within_s=given.deadlines.start_within_s,
            finish_within_s=given.deadlines.finish_within_s,
        ),
        on_missing=given.on_missing,
        workflow=given.workflow,
        labels=given.labels,
        annotations=given.annotations,
    )


def action_document(action: Action) -> ActionDocument:
    terms = action.terms or NO_TERMS
    return ActionDocument(
        job=action.job,
        arguments=dict(action.arguments),
        timeout_s=msgspec.UNSET if terms.timeout_s is None else terms.timeout_s,
        annotations=dict(terms.annotations) if terms.annotations else msgspec.UNSET,
    )


def _action(given: ActionDocument, where: str) -> Action:
    timeout_s, annotations = given.timeout_s or None, given.annotations or {}
    terms = None
    if timeout_s is not None or annotations:
        try:
            terms = GivenTerms(timeout_s=timeout_s, annotations=annotations)
        except InvalidInput as error:
            raise error.under(where) from None
    return Action(job=given.job, arguments=given.arguments, terms=terms)


def _patched_schedule(schedule: Schedule, patch: object) -> object:
    """The patched schedule's document; a patch that makes no schedule as it is, to be refused."""
    try:
        return schedule_to_json(patched_schedule(schedule, patch))
    except (InvalidInput, NotSupportedYet):
        return merge_patch(schedule_to_json(schedule), patch)


_NOTHING: Final = Trigger(name="x", schedule=OnDemand(), actions=(Action(job="x"),))
