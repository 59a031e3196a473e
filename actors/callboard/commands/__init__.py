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
from callboard.commands.batch import (
    BeginBatchRun,
    BeginStep,
    CountsBefore,
    DeleteInstance,
    EndStep,
    GetBatchHistory,
    GetBatchRuns,
    GetInstance,
    GetStep,
    KeepExpected,
    KeepPlan,
    ListBatchRuns,
    ListInstances,
    ListInstanceSteps,
    ListMoves,
    ListPartitions,
    ListSkippedItems,
    ListSteps,
    RecordMoves,
    RecoverRun,
    RestartRun,
    StartNextInstance,
)
from callboard.commands.bookmarks import (
    GetBookmark,
    ResetBookmark,
)
from callboard.commands.calendars import (
    CreateCalendar,
    DeleteCalendar,
    ReplaceCalendar,
)
from callboard.commands.conditions import (
    EvaluateConditions,
    Evaluated,
    WatchedJobs,
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
from callboard.commands.queues import (
    CreateQueue,
    DeleteQueue,
    PauseQueue,
    ReplaceQueue,
    ResumeQueue,
)
from callboard.commands.reads import (
    CountLiveRuns,
    CountQueue,
    CountTriggers,
    DueTriggers,
    EventRange,
    GetBackfill,
    GetCalendar,
    GetJob,
    GetJobsById,
    GetQueue,
    GetRun,
    GetRuns,
    GetTrigger,
    ListBackfills,
    ListCalendars,
    ListJobs,
    ListNodes,
    ListQueues,
    ListRuns,
    ListStoppingRuns,
    ListTriggers,
    MakeRoom,
    NextDueAt,
    NextOverdue,
    NextSlotAfter,
    OpenBackfills,
    Prune,
    ReadBackfilledSlots,
    ReadClock,
    ReadEvents,
    ReadLedger,
    ReadLog,
    SearchLog,
    TakeSnapshot,
)
from callboard.commands.requests import (
    AbortRequest,
    BeginRequest,
    FinishRequest,
)
from callboard.commands.runs import (
    AbandonRun,
    AdoptStarts,
    AppendLog,
    ClaimedRun,
    ClaimRuns,
    EndedRun,
    EndRuns,
    HandBack,
    HasStartRequests,
    ParkRun,
    ReportProgress,
    RetryRun,
    RetryRuns,
    SnoozeRun,
    StartRuns,
    StopRun,
    TimeOutRuns,
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
    TellEvent,
)
from callboard.commands.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    GetWebhook,
    ListDeliveries,
    ListWatchedSlots,
    ListWebhooks,
    NextDeliveryAt,
    Noted,
    NoteDeadlines,
    NoteEnds,
    Outbound,
    PingWebhook,
    Redeliver,
    ReplaceWebhook,
    TakeDeliveries,
    UpdateDelivery,
)
from callboard.commands.workflows import (
    CreateWorkflow,
    DeleteWorkflow,
    GetWorkflow,
    GetWorkflowRun,
    ListWorkflowRuns,
    ListWorkflows,
    ReplaceWorkflow,
    ResumeWorkflowRun,
    SetWorkflowProperties,
    StartWorkflow,
    StopWorkflowRun,
)

__all__ = [
    "AbandonRun",
    "AbortRequest",
    "ActivateTrigger",
    "AdoptStarts",
    "AdvanceBackfill",
    "AppendLog",
    "BeginBatchRun",
    "BeginRequest",
    "BeginStep",
    "BulkStep",
    "CancelBackfill",
    "Change",
    "ClaimRuns",
    "ClaimedRun",
    "CountLiveRuns",
    "CountQueue",
    "CountTriggers",
    "CountsBefore",
    "CreateBackfill",
    "CreateCalendar",
    "CreateJob",
    "CreateQueue",
    "CreateTrigger",
    "CreateTriggers",
    "CreateWebhook",
    "CreateWorkflow",
    "DeactivateTrigger",
    "DeleteCalendar",
    "DeleteInstance",
    "DeleteJob",
    "DeleteQueue",
    "DeleteTrigger",
    "DeleteWebhook",
    "DeleteWorkflow",
    "DeregisterNode",
    "DueTriggers",
    "EndFiring",
    "EndRuns",
    "EndStep",
    "EndedRun",
    "EvaluateConditions",
    "Evaluated",
    "EventRange",
    "FinishRequest",
    "FireSlots",
    "FireTrigger",
    "GetBackfill",
    "GetBatchHistory",
    "GetBatchRuns",
    "GetBookmark",
    "GetCalendar",
    "GetInstance",
    "GetJob",
    "GetJobsById",
    "GetQueue",
    "GetRun",
    "GetRuns",
    "GetStep",
    "GetTrigger",
    "GetWebhook",
    "GetWorkflow",
    "GetWorkflowRun",
    "HandBack",
    "HasStartRequests",
    "KeepExpected",
    "KeepPlan",
    "ListBackfills",
    "ListBatchRuns",
    "ListCalendars",
    "ListDeliveries",
    "ListInstanceSteps",
    "ListInstances",
    "ListJobs",
    "ListMoves",
    "ListNodes",
    "ListPartitions",
    "ListQueues",
    "ListRuns",
    "ListSkippedItems",
    "ListSteps",
    "ListStoppingRuns",
    "ListTriggers",
    "ListWatchedSlots",
    "ListWebhooks",
    "ListWorkflowRuns",
    "ListWorkflows",
    "MakeRoom",
    "NextDeliveryAt",
    "NextDueAt",
    "NextOverdue",
    "NextSlotAfter",
    "NoteDeadlines",
    "NoteEnds",
    "Noted",
    "OpenBackfills",
    "Outbound",
    "ParkRun",
    "ParkTrigger",
    "PauseBackfill",
    "PauseQueue",
    "PauseTrigger",
    "PauseTriggers",
    "PingWebhook",
    "Prune",
    "Read",
    "ReadBackfilledSlots",
    "ReadClock",
    "ReadEvents",
    "ReadLedger",
    "ReadLog",
    "RecordClockJump",
    "RecordMoves",
    "RecoverRun",
    "Redeliver",
    "RegisterNode",
    "ReleaseHeld",
    "RenewLease",
    "ReplaceCalendar",
    "ReplaceJob",
    "ReplaceQueue",
    "ReplaceTrigger",
    "ReplaceWebhook",
    "ReplaceWorkflow",
    "ReportProgress",
    "RescueRuns",
    "ResetBookmark",
    "RestartRun",
    "ResumeBackfill",
    "ResumeQueue",
    "ResumeTrigger",
    "ResumeTriggers",
    "ResumeWorkflowRun",
    "Resumed",
    "RetryRun",
    "RetryRuns",
    "SearchLog",
    "SetWorkflowProperties",
    "Share",
    "ShareShards",
    "SnoozeRun",
    "StartNextInstance",
    "StartRuns",
    "StartWorkflow",
    "StopRun",
    "StopWorkflowRun",
    "TakeDeliveries",
    "TakeSnapshot",
    "TellEvent",
    "TimeOutRuns",
    "UpdateDelivery",
    "WatchedJobs",
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
    | CreateQueue
    | ReplaceQueue
    | PauseQueue
    | ResumeQueue
    | DeleteQueue
    | CreateWorkflow
    | ReplaceWorkflow
    | DeleteWorkflow
    | StartWorkflow
    | StopWorkflowRun
    | ResumeWorkflowRun
    | SetWorkflowProperties
    | FireTrigger
    | ParkTrigger
    | TellEvent
    | FireSlots
    | StartRuns
    | ClaimRuns
    | EndRuns
    | ParkRun
    | SnoozeRun
    | TimeOutRuns
    | HandBack
    | StopRun
    | RetryRun
    | RetryRuns
    | AbandonRun
    | StartNextInstance
    | RestartRun
    | RecoverRun
    | DeleteInstance
    | BeginBatchRun
    | BeginStep
    | KeepExpected
    | KeepPlan
    | EndStep
    | RecordMoves
    | AppendLog
    | ReportProgress
    | AdoptStarts
    | CreateWebhook
    | ReplaceWebhook
    | DeleteWebhook
    | PingWebhook
    | Redeliver
    | NoteEnds
    | NoteDeadlines
    | TakeDeliveries
    | UpdateDelivery
    | ResetBookmark
    | CreateBackfill
    | PauseBackfill
    | ResumeBackfill
    | CancelBackfill
    | AdvanceBackfill
    | EvaluateConditions
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
    | GetQueue
    | ListQueues
    | CountQueue
    | GetWorkflow
    | ListWorkflows
    | GetWorkflowRun
    | ListWorkflowRuns
    | GetBookmark
    | GetWebhook
    | ListWebhooks
    | ListDeliveries
    | ListWatchedSlots
    | HasStartRequests
    | NextDeliveryAt
    | DueTriggers
    | NextSlotAfter
    | WatchedJobs
    | GetRun
    | GetRuns
    | ListRuns
    | ListStoppingRuns
    | CountLiveRuns
    | NextDueAt
    | NextOverdue
    | ReadLedger
    | GetInstance
    | ListInstances
    | GetBatchRuns
    | ListBatchRuns
    | GetBatchHistory
    | GetStep
    | CountsBefore
    | ListInstanceSteps
    | ListMoves
    | ListPartitions
    | ListSkippedItems
    | ListSteps
    | GetBackfill
    | ListBackfills
    | OpenBackfills
    | ReadBackfilledSlots
    | ReadLog
    | SearchLog
    | ReadEvents
    | EventRange
    | TakeSnapshot
    | ListNodes
)
