"""The stable codes of problems: what each means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCode:
    """One kind of problem, as its page at `/problems/<code>` shows it."""

    code: str
    status: int
    title: str
    meaning: str
    remedy: str


def _code(status: int, code: str, title: str, meaning: str, remedy: str) -> ProblemCode:
    return ProblemCode(code=code, status=status, title=title, meaning=meaning, remedy=remedy)


_ALL: Final = (
    _code(
        400,
        "malformed_request",
        "The request is malformed",
        "The request is not HTTP as this service reads it.",
        "See the detail; a client library gets this right.",
    ),
    _code(
        400,
        "malformed_json",
        "The body is not JSON",
        "The body cannot be read as JSON: wrong syntax, not UTF-8, a key twice in one object, NaN.",
        "Send UTF-8 JSON; the detail names line and column where they are known.",
    ),
    _code(
        400,
        "invalid_query",
        "A query parameter is wrong",
        "A parameter is unknown, missing or not of its type; `errors` lists every one.",
        "Compare with the parameters of the endpoint in the API page.",
    ),
    _code(
        400,
        "invalid_cursor",
        "The cursor is not one of this list",
        "The cursor was changed, cut off, or comes from a list with other filters.",
        "Send `next_cursor` of the page before, unchanged, with the same filters; or begin anew.",
    ),
    _code(
        400,
        "invalid_header",
        "A header is wrong",
        "A header that the service reads has a value that it cannot understand.",
        "`errors` names the header and what is expected.",
    ),
    _code(
        401,
        "unauthorized",
        "A token is needed",
        "The service wants a bearer token, and the request has none or a wrong one.",
        "Send `Authorization: Bearer <token>` with the value of the service's CALLBOARD_TOKEN.",
    ),
    _code(
        403,
        "foreign_origin",
        "The request comes from a foreign site",
        "A browser sent it on behalf of a page of another origin.",
        "Serve the page from the same host, or name its origin in CALLBOARD_ALLOWED_ORIGINS.",
    ),
    _code(
        403,
        "foreign_host",
        "The host name is not the service's",
        "The service is bound to loopback, and the Host header names something else: a page may be "
        "trying to reach it by a name that it controls.",
        "Use localhost or the address; or name the host in CALLBOARD_ALLOWED_HOSTS.",
    ),
    _code(
        404,
        "not_found",
        "There is no such thing",
        "No job, trigger, run or path has this name.",
        "Check name and group (`?group=`); lists show what there is.",
    ),
    _code(
        405,
        "method_not_allowed",
        "The path does not know this method",
        "The path exists, the method is not among its own.",
        "The Allow header lists the methods.",
    ),
    _code(
        406,
        "not_acceptable",
        "The stream has no such form",
        "The stream is given as a WebSocket or as Server-Sent Events.",
        "Open a WebSocket, or send `Accept: text/event-stream`.",
    ),
    _code(
        409,
        "already_exists",
        "The name is taken",
        "A job or trigger of this name exists in the group.",
        "Choose another name, or replace it with PUT.",
    ),
    _code(
        409,
        "conflict",
        "The present state does not allow it",
        "The request is right, but not now.",
        "See the detail.",
    ),
    _code(
        409,
        "illegal_transition",
        "The run's state does not allow it",
        "A run in this state cannot do what was asked.",
        "Read the run first; ARCHITECTURE.md shows the states.",
    ),
    _code(
        409,
        "job_in_use",
        "Triggers name the job",
        "A job cannot be deleted while triggers that need it (on_missing: refuse) name it.",
        "Delete or change the triggers that the detail names.",
    ),
    _code(
        409,
        "job_disabled",
        "The job is disabled",
        "A disabled job is not started.",
        'Enable it: PATCH it with {"disabled": false}.',
    ),
    _code(
        409,
        "job_full",
        "The job is full",
        "As many runs of the job are live as its `max_concurrent_runs` allows, and `on_full` of "
        "the job, or of the start, says to refuse more.",
        'Start it again when a run has ended; or let it wait: {"on_full": "queue"}.',
    ),
    _code(
        409,
        "run_live",
        "The previous run has not ended",
        "A run that is to follow another one can start when that one has ended.",
        "Wait for it, or stop it first.",
    ),
    _code(
        409,
        "overlap",
        "Runs of the trigger are live",
        "The trigger's overlap policy refuses another firing while earlier ones go on.",
        'Wait for them or stop them; or fire it with {"overlap": "allow"}.',
    ),
    _code(
        409,
        "not_event_trigger",
        "The trigger takes no events",
        "Only a trigger whose schedule is of the kind event is told of events.",
        "Fire it instead, or give it such a schedule.",
    ),
    _code(
        409,
        "trigger_not_active",
        "The trigger takes no events now",
        "It is inactive, paused or completed, or the time is outside its start_at and end_at: what "
        "it was told would come to nothing.",
        "Activate or resume it, and tell it again.",
    ),
    _code(
        409,
        "not_pausable",
        "The trigger is not active",
        "Only a trigger that fires can be paused.",
        "Activate it first; or leave it as it is: it does not fire.",
    ),
    _code(
        409,
        "not_paused",
        "The trigger is not paused",
        "Only a paused trigger can be resumed.",
        "See its state; an inactive one is activated.",
    ),
    _code(
        409,
        "calendar_in_use",
        "Triggers obey the calendar",
        "A calendar cannot be deleted while triggers obey it.",
        "Change the triggers that the detail names.",
    ),
    _code(
        409,
        "webhook_disabled",
        "The webhook is disabled",
        "A disabled webhook sends nothing.",
        "Set its disabled to false.",
    ),
    _code(
        409,
        "queue_in_use",
        "Jobs name the queue",
        "A queue cannot be deleted while jobs name it: their runs would have no limits then.",
        "Change the jobs that the detail names, or take the limits of the queue away.",
    ),
    _code(
        409,
        "start_trigger",
        "The workflow has a start trigger",
        "One trigger of a workflow begins its runs; the others are conditional.",
        "Make it conditional, or delete or change the start trigger first.",
    ),
    _code(
        409,
        "not_start_trigger",
        "The trigger fires within workflow runs",
        "A conditional trigger of a workflow fires by itself, in the runs of the workflow.",
        "Start the workflow.",
    ),
    _code(
        409,
        "workflow_full",
        "The workflow is full",
        "As many runs of the workflow are live as its `max_concurrent_runs` allows.",
        "Start it again when one of them has ended.",
    ),
    _code(
        409,
        "workflow_not_running",
        "The workflow run is over",
        "A completed or stopped workflow run cannot be stopped.",
        "Nothing is live of it.",
    ),
    _code(
        409,
        "workflow_live",
        "The workflow run is not over",
        "Only a completed or stopped workflow run is resumed.",
        "Wait for its end, or stop it.",
    ),
    _code(
        409,
        "backfill_ended",
        "The backfill has ended",
        "A completed or cancelled backfill does not change any more.",
        "Create another one: it passes over what fired already.",
    ),
    _code(
        409,
        "trigger_paused",
        "The trigger is paused",
        "What becomes of the slots of its pause is decided when it is resumed.",
        "Resume the trigger first, or end the range before the pause.",
    ),
    _code(
        409,
        "instance_already_exists",
        "There is such an instance",
        "A run of the batch job was started with these identifying parameters before; "
        "`instance_id`, `last_run_id` and `state` say which and what became of it.",
        "Restart its last run if it failed or was stopped; otherwise start with others.",
    ),
    _code(
        409,
        "run_already_running",
        "A run of the instance has not ended",
        "An instance has one live run at a time, and a live run cannot be abandoned; `run_id` "
        "names it.",
        "Wait for it, or stop it.",
    ),
    _code(
        409,
        "instance_already_complete",
        "The instance is closed",
        "A run of it has succeeded, or it was abandoned: nothing of it runs again.",
        "Start the job with other identifying parameters.",
    ),
    _code(
        409,
        "job_not_restartable",
        "The job does not restart",
        "It is defined as `restartable: false`.",
        "Start the job with other identifying parameters.",
    ),
    _code(
        409,
        "run_state_unknown",
        "Nobody knows yet how the run ended",
        "A run of the instance is parked, or its node was lost with it.",
        "Retry, stop or recover that run; then restart.",
    ),
    _code(
        409,
        "run_not_running",
        "The run has ended",
        "Only a run that has not ended can be stopped; `state` says how this one did.",
        "Nothing is left to stop.",
    ),
    _code(
        409,
        "definition_changed",
        "The job's steps have changed",
        "Steps that have begun are gone, have other names, or another order; `differences` lists "
        "them.",
        'Say what became of them: restart with {"steps": {"old": "new", "dropped": null}}; or '
        "run the code of then.",
    ),
    _code(
        409,
        "no_incrementer",
        "The job has no next instance",
        "No parameter of the job says how its next value is found.",
        "Give a parameter a `next`, or start the job with parameters of your own.",
    ),
    _code(
        409,
        "not_batch",
        "The job is no batch job",
        "Only batch jobs have instances, steps and restarts.",
        "A run of another kind is tried again by `/retry`.",
    ),
    _code(
        409,
        "job_gone",
        "The run's job was deleted",
        "There is nothing to run again.",
        "Create the job and start a new run.",
    ),
    _code(
        409,
        "not_retryable",
        "The run cannot be tried again",
        "Only a run that ended without success, or a parked one, can.",
        "Start a new run of the job.",
    ),
    _code(
        409,
        "unique_key_busy",
        "The unique key is in use",
        "A live run has the key, or had it a moment ago.",
        "Try again, or choose another key.",
    ),
    _code(
        409,
        "idempotency_key_reused",
        "The Idempotency-Key belongs to another request",
        "The key came with another body before. Keys are kept for 24 hours.",
        "Use a new key for a new request.",
    ),
    _code(
        409,
        "request_in_progress",
        "The same request is being worked on",
        "A request with this Idempotency-Key has not been answered yet.",
        "Wait as long as Retry-After says, then send the same request again.",
    ),
    _code(
        410,
        "events_gone",
        "The events behind that number cannot be given",
        "They are no longer kept, or the number was never given; `oldest` is the first one kept.",
        "Begin without `after`: the stream starts with a snapshot.",
    ),
    _code(
        412,
        "stale_version",
        "Somebody changed it meanwhile",
        "If-Match does not name the present version.",
        "Read it again, decide again, send the new ETag.",
    ),
    _code(
        413,
        "too_large",
        "The body is too large",
        "A body may have 1 MiB.",
        "Send less at once.",
    ),
    _code(
        415,
        "unsupported_media_type",
        "The body's type is not JSON",
        "A body must come as application/json in UTF-8, not compressed.",
        "Send `Content-Type: application/json`.",
    ),
    _code(
        422,
        "invalid_input",
        "A field is wrong",
        "The body is JSON, but some field is not as it has to be. Nothing was stored.",
        "`errors` lists every wrong field with its reason, and what to write instead.",
    ),
    _code(
        500,
        "internal_error",
        "The service has a fault",
        "Something happened that must not. It is in the service's log under the `incident`.",
        "Please report it with the log around the incident.",
    ),
    _code(
        501,
        "not_supported_yet",
        "This release does not have it",
        "The words are right and documented, but come with a later release.",
        "See the changelog for what the releases bring.",
    ),
    _code(
        429,
        "too_many_queued",
        "Too many runs wait behind the key",
        "As many runs as the job's `concurrency.max_queued` allows wait behind the concurrency key "
        "of the start. Runs of triggers and next attempts are created all the same.",
        "Wait as long as Retry-After says, then send it again; or raise the limit.",
    ),
    _code(
        503,
        "overloaded",
        "Too much waits already",
        "The request was refused before anything was done, so that memory stays bounded.",
        "Wait as long as Retry-After says, then send it again.",
    ),
    _code(
        503,
        "store_unavailable",
        "The database does not answer, or refuses",
        "The service runs, but its database cannot be reached, did not answer in time, or refuses: "
        "`detail` says which.",
        "Wait and try again; `/readyz` says when it is back. Give POSTs an Idempotency-Key.",
    ),
    _code(
        503,
        "not_ready",
        "The node is not ready",
        "The node is up, but does not schedule or run at present; `reasons` says why.",
        "It goes on by itself when the reasons are gone.",
    ),
)

PROBLEM_CODES: Final = MappingProxyType({each.code: each for each in _ALL})
"""By code, ordered by status."""
