"""What the job store is asked: one command a message, each naming its reply.

Refusals come back as the exceptions of `callboard.errors` that each docstring names; any command
may be refused with StoreUnavailable, after which nothing of it was done. `Change` commands are
written in a transaction, `Read` commands are answered beside it.
"""

from typing import TypeAlias

from callboard.commands.backfills import (
    AdvanceBackfill,
    CancelBackfill,
    CreateBackfill,
    PauseBackfill,
    ResumeBackfill,
)
from callboard.commands.calendars import (
    CreateCalendar,
    DeleteCalendar,
    ReplaceCalendar,
)
from callboard.commands.jobs import (
    CreateJob,
    DeleteJob,
    ReplaceJob,
)
from callboard.commands.nodes import (
    DeregisterNode,
    RecordClockJump,
    RegisterNode,
    RenewLease,
    RescueRuns,
)
from callboard.commands.reads import (
    CountLiveRuns,
    CountTriggers,
    DueTriggers,
    EventRange,
    GetBackfill,
    GetCalendar,
    GetJob,
    GetJobsById,
    GetRun,
    GetRuns,
    GetTrigger,
    ListBackfills,
    ListCalendars,
    ListJobs,
    ListNodes,
    ListRuns,
    ListTriggers,
    MakeRoom,
    NextDueAt,
    NextSlotAfter,
    OpenBackfills,
    Prune,
    ReadBackfilledSlots,
    ReadClock,
    ReadEvents,
    ReadLedger,
    ReadLog,
    TakeSnapshot,
)
from callboard.commands.requests import (
    AbortRequest,
    BeginRequest,
    FinishRequest,
)
from callboard.commands.runs import (
    AbandonRun,
    AppendLog,
    ClaimedRun,
    ClaimRuns,
    EndedRun,
    EndRuns,
    HandBack,
    ParkRun,
    RetryRun,
    StartRuns,
    StopRun,
)
from callboard.commands.shards import (
    EndFiring,
    Share,
    ShareShards,
)
from callboard.commands.slots import (
    FireSlots,
    ReleaseHeld,
)
from callboard.commands.triggers import (
    ActivateTrigger,
    BulkStep,
    CreateTrigger,
    CreateTriggers,
    DeactivateTrigger,
    DeleteTrigger,
    FireTrigger,
    ParkTrigger,
    PauseTrigger,
    PauseTriggers,
    ReplaceTrigger,
    Resumed,
    ResumeTrigger,
    ResumeTriggers,
)

__all__ = [
    "AbandonRun",
    "AbortRequest",
    "ActivateTrigger",
    "AdvanceBackfill",
    "AppendLog",
    "BeginRequest",
    "BulkStep",
    "CancelBackfill",
    "Change",
    "ClaimRuns",
    "ClaimedRun",
    "CountLiveRuns",
    "CountTriggers",
    "CreateBackfill",
    "CreateCalendar",
    "CreateJob",
    "CreateTrigger",
    "CreateTriggers",
    "DeactivateTrigger",
    "DeleteCalendar",
    "DeleteJob",
    "DeleteTrigger",
    "DeregisterNode",
    "DueTriggers",
    "EndFiring",
    "EndRuns",
    "EndedRun",
    "EventRange",
    "FinishRequest",
    "FireSlots",
    "FireTrigger",
    "GetBackfill",
    "GetCalendar",
    "GetJob",
    "GetJobsById",
    "GetRun",
    "GetRuns",
    "GetTrigger",
    "HandBack",
    "ListBackfills",
    "ListCalendars",
    "ListJobs",
    "ListNodes",
    "ListRuns",
    "ListTriggers",
    "MakeRoom",
    "NextDueAt",
    "NextSlotAfter",
    "OpenBackfills",
    "ParkRun",
    "ParkTrigger",
    "PauseBackfill",
    "PauseTrigger",
    "PauseTriggers",
    "Prune",
    "Read",
    "ReadBackfilledSlots",
    "ReadClock",
    "ReadEvents",
    "ReadLedger",
    "ReadLog",
    "RecordClockJump",
    "RegisterNode",
    "ReleaseHeld",
    "RenewLease",
    "ReplaceCalendar",
    "ReplaceJob",
    "ReplaceTrigger",
    "RescueRuns",
    "ResumeBackfill",
    "ResumeTrigger",
    "ResumeTriggers",
    "Resumed",
    "RetryRun",
    "Share",
    "ShareShards",
    "StartRuns",
    "StopRun",
    "TakeSnapshot",
]

Change: TypeAlias = (
    CreateJob
    | ReplaceJob
    | DeleteJob
    | CreateTrigger
    | CreateTriggers
    | ReplaceTrigger
    | DeleteTrigger
    | ActivateTrigger
    | DeactivateTrigger
    | PauseTrigger
    | ResumeTrigger
    | PauseTriggers
    | ResumeTriggers
    | CreateCalendar
    | ReplaceCalendar
    | DeleteCalendar
    | FireTrigger
    | ParkTrigger
    | FireSlots
    | StartRuns
    | ClaimRuns
    | EndRuns
    | ParkRun
    | HandBack
    | StopRun
    | RetryRun
    | AbandonRun
    | AppendLog
    | CreateBackfill
    | PauseBackfill
    | ResumeBackfill
    | CancelBackfill
    | AdvanceBackfill
    | RegisterNode
    | RenewLease
    | DeregisterNode
    | RecordClockJump
    | RescueRuns
    | ShareShards
    | EndFiring
    | ReleaseHeld
    | BeginRequest
    | FinishRequest
    | AbortRequest
)
Read: TypeAlias = (
    Prune
    | ReadClock
    | GetJob
    | GetJobsById
    | ListJobs
    | GetTrigger
    | ListTriggers
    | MakeRoom
    | CountTriggers
    | GetCalendar
    | ListCalendars
    | DueTriggers
    | NextSlotAfter
    | GetRun
    | GetRuns
    | ListRuns
    | CountLiveRuns
    | NextDueAt
    | ReadLedger
    | GetBackfill
    | ListBackfills
    | OpenBackfills
    | ReadBackfilledSlots
    | ReadLog
    | ReadEvents
    | EventRange
    | TakeSnapshot
    | ListNodes
)
