"""Every endpoint, in the order of the API page."""

from __future__ import annotations

from typing import Any, Final

from callboard_service.call import Route
from callboard_service.native import (
    backfills,
    batch_insight,
    batch_pictures,
    batch_runs,
    bookmarks,
    bulk_runs,
    calendars,
    cron,
    explain,
    health,
    instances,
    job_runs,
    jobs,
    log,
    nodes,
    pauses,
    queues,
    runs,
    site,
    slots,
    steps,
    stream,
    triggers,
    webhooks,
    workflow_runs,
    workflows,
)

ROUTES: Final[tuple[Route[Any], ...]] = (
    *jobs.ROUTES,
    *bookmarks.ROUTES,
    *runs.ROUTES,
    *job_runs.ROUTES,
    *batch_runs.ROUTES,
    *batch_insight.ROUTES,
    *batch_pictures.ROUTES,
    *instances.ROUTES,
    *steps.ROUTES,
    *bulk_runs.ROUTES,
    *log.ROUTES,
    *triggers.ROUTES,
    *webhooks.ROUTES,
    *pauses.ROUTES,
    *slots.ROUTES,
    *explain.ROUTES,
    *calendars.ROUTES,
    *queues.ROUTES,
    *workflows.ROUTES,
    *workflow_runs.ROUTES,
    *backfills.ROUTES,
    *cron.ROUTES,
    *stream.ROUTES,
    *nodes.ROUTES,
    *health.ROUTES,
    *site.ROUTES,
)
