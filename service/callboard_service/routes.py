"""Every endpoint, in the order of the API page."""

from __future__ import annotations

from typing import Any, Final

from callboard_service.call import Route
from callboard_service.native import (
    cron,
    health,
    jobs,
    later,
    log,
    nodes,
    runs,
    site,
    slots,
    stream,
    triggers,
)

ROUTES: Final[tuple[Route[Any], ...]] = (
    *jobs.ROUTES,
    *runs.ROUTES,
    *log.ROUTES,
    *triggers.ROUTES,
    *slots.ROUTES,
    *cron.ROUTES,
    *stream.ROUTES,
    *nodes.ROUTES,
    *later.ROUTES,
    *health.ROUTES,
    *site.ROUTES,
)
