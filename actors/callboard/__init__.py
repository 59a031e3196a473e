"""Callboard: the job scheduler in which every promised slot is accounted for."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from callboard.board import Callboard, Health, RunHandle
    from callboard.config import BoardConfig
    from callboard.definition import job
    from callboard.domain.backfill import Backfill, BackfillState, NewBackfill
    from callboard.domain.bookmark import Bookmark
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
    from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState
    from callboard.errors import CallboardError, RunFailed
    from callboard.events import Event
    from callboard.runners.context import RunContext, current_run
    from callboard.runners.contract import Outcome
    from callboard.runners.handlers import HandlerRegistry
    from callboard.runners.secrets import EnvSecrets, FileSecrets, SecretMissing, SecretProvider
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

_MODULES = {
    "Action": "callboard.domain.trigger",
    "Backfill": "callboard.domain.backfill",
    "BackfillState": "callboard.domain.backfill",
    "BoardConfig": "callboard.config",
    "Bookmark": "callboard.domain.bookmark",
    "BookmarkRule": "callboard.domain.bookmark_rule",
    "Calendar": "callboard.domain.calendar",
    "CalendarMode": "callboard.domain.calendar_rule",
    "CalendarRule": "callboard.domain.calendar_rule",
    "Callboard": "callboard.board",
    "CallboardError": "callboard.errors",
    "Cancel": "callboard.domain.wish",
    "Coalesce": "callboard.domain.trigger",
    "Concurrency": "callboard.domain.limits",
    "Condition": "callboard.domain.schedule",
    "EnvSecrets": "callboard.runners.secrets",
    "Event": "callboard.events",
    "EventFilter": "callboard.subscription",
    "Explanation": "callboard.domain.explain",
    "FileSecrets": "callboard.runners.secrets",
    "GivenTerms": "callboard.domain.given_terms",
    "HandlerRegistry": "callboard.runners.handlers",
    "Health": "callboard.board",
    "Job": "callboard.domain.job",
    "MisfirePolicy": "callboard.domain.trigger",
    "MisfirePolicyName": "callboard.domain.trigger",
    "Missed": "callboard.domain.pause",
    "NewBackfill": "callboard.domain.backfill",
    "NewRun": "callboard.domain.run",
    "OnCrash": "callboard.domain.job",
    "OnFull": "callboard.domain.job",
    "Outcome": "callboard.runners.contract",
    "OverlapPolicy": "callboard.domain.trigger",
    "OverlapPolicyName": "callboard.domain.trigger",
    "Queue": "callboard.domain.queue",
    "RateLimit": "callboard.domain.limits",
    "Retry": "callboard.domain.wish",
    "RetryPolicy": "callboard.domain.job",
    "Run": "callboard.domain.run",
    "RunContext": "callboard.runners.context",
    "RunError": "callboard.domain.run",
    "RunFailed": "callboard.errors",
    "RunHandle": "callboard.board",
    "RunState": "callboard.domain.states",
    "SecretMissing": "callboard.runners.secrets",
    "SecretProvider": "callboard.runners.secrets",
    "Shift": "callboard.domain.calendar_rule",
    "Snooze": "callboard.domain.wish",
    "StopMode": "callboard.domain.run",
    "Trigger": "callboard.domain.trigger",
    "TriggerState": "callboard.domain.trigger",
    "Workflow": "callboard.domain.workflow",
    "WorkflowRun": "callboard.domain.workflow",
    "WorkflowState": "callboard.domain.workflow",
    "after": "callboard.domain.schedule",
    "at": "callboard.domain.schedule",
    "calendar_interval": "callboard.domain.schedule",
    "cron": "callboard.domain.schedule",
    "current_run": "callboard.runners.context",
    "every": "callboard.domain.schedule",
    "job": "callboard.definition",
    "on_demand": "callboard.domain.schedule",
    "on_event": "callboard.domain.schedule",
    "when_all": "callboard.domain.schedule",
    "when_any": "callboard.domain.schedule",
}
"""Modules that are loaded when one of their names is asked for: a process that executes a handler
loads what the handler is made with, and no more."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _MODULES.keys())
