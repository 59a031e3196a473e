"""Callboard: the job scheduler in which every promised slot is accounted for."""

import importlib
import typing

from callboard.config import BoardConfig
from callboard.definition import job
from callboard.domain.backfill import Backfill, BackfillState, NewBackfill
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.explain import Explanation
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job, OnCrash, OnFull, RetryPolicy
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.pause import Missed
from callboard.domain.queue import Queue
from callboard.domain.run import NewRun, Run, RunError, StopMode
from callboard.domain.schedule import (
    Condition,
    after,
    at,
    calendar_interval,
    cron,
    every,
    on_demand,
    on_event,
    when_all,
    when_any,
)
from callboard.domain.states import RunState
from callboard.domain.trigger import (
    Action,
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    OverlapPolicy,
    OverlapPolicyName,
    Trigger,
    TriggerState,
)
from callboard.domain.wish import Cancel, Retry, Snooze
from callboard.errors import CallboardError, RunFailed
from callboard.events import Event
from callboard.runners.context import RunContext, current_run
from callboard.runners.contract import Outcome
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.secrets import EnvSecrets, FileSecrets, SecretMissing, SecretProvider

if typing.TYPE_CHECKING:
    from callboard.board import Callboard, Health, RunHandle
    from callboard.domain.bookmark import Bookmark
    from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState
    from callboard.subscription import EventFilter

__all__ = [
    "Action",
    "Backfill",
    "BackfillState",
    "BoardConfig",
    "Bookmark",
    "BookmarkRule",
    "Calendar",
    "CalendarMode",
    "CalendarRule",
    "Callboard",
    "CallboardError",
    "Cancel",
    "Coalesce",
    "Concurrency",
    "Condition",
    "EnvSecrets",
    "Event",
    "EventFilter",
    "Explanation",
    "FileSecrets",
    "GivenTerms",
    "HandlerRegistry",
    "Health",
    "Job",
    "MisfirePolicy",
    "MisfirePolicyName",
    "Missed",
    "NewBackfill",
    "NewRun",
    "OnCrash",
    "OnFull",
    "Outcome",
    "OverlapPolicy",
    "OverlapPolicyName",
    "Queue",
    "RateLimit",
    "Retry",
    "RetryPolicy",
    "Run",
    "RunContext",
    "RunError",
    "RunFailed",
    "RunHandle",
    "RunState",
    "SecretMissing",
    "SecretProvider",
    "Shift",
    "Snooze",
    "StopMode",
    "Trigger",
    "TriggerState",
    "Workflow",
    "WorkflowRun",
    "WorkflowState",
    "after",
    "at",
    "calendar_interval",
    "cron",
    "current_run",
    "every",
    "job",
    "on_demand",
    "on_event",
    "when_all",
    "when_any",
]

_LATE = {
    "Bookmark": "callboard.domain.bookmark",
    "Callboard": "callboard.board",
    "EventFilter": "callboard.subscription",
    "Health": "callboard.board",
    "RunHandle": "callboard.board",
    "Workflow": "callboard.domain.workflow",
    "WorkflowRun": "callboard.domain.workflow",
    "WorkflowState": "callboard.domain.workflow",
}
"""Modules that are loaded when one of their names is asked for: whoever only defines handlers, or
runs them in a process of their own, has no use for them, and they are most of what there is."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_LATE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _LATE.keys())
