"""The table of all operations that Callboard has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from callboard_service.doors.glue import (
    bookmarks,
    jobs,
    runs,
    tags,
    triggers,
    workflow_runs,
    workflows,
)
from callboard_service.doors.glue.operation import Operation

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        **jobs.OPERATIONS,
        **runs.OPERATIONS,
        **bookmarks.OPERATIONS,
        **triggers.OPERATIONS,
        **tags.OPERATIONS,
        **workflows.OPERATIONS,
        **workflow_runs.OPERATIONS,
    }
)
