"""What the stream's messages are about: for the document and the page of the API."""

from __future__ import annotations

from typing import Final

RUNS: Final = (
    "`run.queued`, `run.started`, `run.stopping`, `run.ended`, `run.lost`, `run.parked`, "
    "`run.abandoned`: a run came into another state; `run.progress`: it said how far it is. They "
    "carry `run`."
)
STEPS: Final = (
    "`step.started`, `step.ended`: a step of a batch run, or a partition of it, began, or is over; "
    "they carry `step` with `id`, `run_id`, `instance_id`, `group`, `name` (the job's), `step`, "
    "`state`, `exit_code` and `counts`. Its chunks are told by `run.progress`, at most twice a "
    "second, with `rate` and `eta_s`."
)
DEFINITIONS: Final = (
    "`job.changed`, `job.deleted`, `trigger.changed`, `trigger.deleted`, `calendar.changed`, "
    "`calendar.deleted`, `queue.changed`, `queue.deleted`: it was created, edited or deleted; "
    "they carry `job`, `trigger`, `calendar` or `queue` with `group`, `name` and `version`, a "
    "queue whether it is `paused`. A trigger's `state` comes along: it is paused, "
    "resumed, completed or parked by `trigger.changed`."
)
BACKFILLS: Final = (
    "`backfill.changed`: created, paused, resumed, moved on, ended; it carries `backfill` with "
    "`id`, `group`, `name` (its trigger's), `state` and how far it is."
)
CLOCKS: Final = (
    "`clock.jumped`: a clock stepped under a node; it carries `clock` with `node`, `source` "
    "(`node` or `store`) and `by_s`, negative for backwards."
)
WEBHOOKS: Final = (
    "`webhook.changed`, `webhook.deleted`, `webhook.called` (a ping, or a message once more): they "
    "carry `webhook`. `deadline.missed`: a slot's runs were late; it carries `deadline` with "
    "`group`, `name` (the trigger's), `slot`, `deadline` (`start` or `finish`), `until`, `reason` "
    "and `run_ids`."
)
WORKFLOWS: Final = (
    "`workflow.changed`, `workflow.deleted`: they carry `workflow`. `workflow_run.started`, "
    "`workflow_run.ended`: a run of a workflow began, or is over; they carry `workflow_run` with "
    "`id`, `group`, `name` (the workflow's) and `state`."
)
STREAM_ABOUT: Final = (RUNS, STEPS, DEFINITIONS, BACKFILLS, WEBHOOKS, WORKFLOWS, CLOCKS)
"""A statement on each kind of event; what is in backquotes is code."""
