"""Callboard: the job scheduler in which every promised slot is accounted for."""

from callboard.board import Callboard, Health, RunHandle
from callboard.config import BoardConfig
from callboard.definition import job
from callboard.domain.job import Job, OnCrash, RetryPolicy
from callboard.domain.run import NewRun, Run, RunError, StopMode
from callboard.domain.schedule import at, cron, every, on_demand
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, MisfirePolicy, OverlapPolicy, Trigger, TriggerState
from callboard.errors import CallboardError, RunFailed
from callboard.events import Event
from callboard.runners.context import RunContext, current_run
from callboard.runners.handlers import HandlerRegistry
from callboard.subscription import EventFilter

__all__ = [
    "Action",
    "BoardConfig",
    "Callboard",
    "CallboardError",
    "Event",
    "EventFilter",
    "HandlerRegistry",
    "Health",
    "Job",
    "MisfirePolicy",
    "NewRun",
    "OnCrash",
    "OverlapPolicy",
    "RetryPolicy",
    "Run",
    "RunContext",
    "RunError",
    "RunFailed",
    "RunHandle",
    "RunState",
    "StopMode",
    "Trigger",
    "TriggerState",
    "at",
    "cron",
    "current_run",
    "every",
    "job",
    "on_demand",
]
