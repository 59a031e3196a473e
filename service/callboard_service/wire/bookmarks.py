"""Bookmarks of jobs on the wire."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from callboard.domain.bookmark import Bookmark
from callboard.domain.run import MAX_RUN_ID
from callboard_service.wire.fields import read_value
from callboard_service.wire.shapes import Moment

RunId: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_RUN_ID)]


class ResetInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where a bookmark is to be set."""

    run_id: Annotated[
        RunId | None, msgspec.Meta(description="to where it stood after this run; null: anew")
    ] = None


class BookmarkResource(msgspec.Struct, kw_only=True):
    """How far the runs of a job have got."""

    job: str
    group: str
    version: Annotated[int, msgspec.Meta(description="counts every change")]
    run: Annotated[int, msgspec.Meta(description="counts successful runs, since the last reset")]
    attempt: Annotated[int, msgspec.Meta(description="counts failed runs, since the last reset")]
    run_id: Annotated[
        int | None, msgspec.Meta(description="the run at which it stands; null: the beginning")
    ]
    previous_run_id: Annotated[int | None, msgspec.Meta(description="where it stood before")]
    value: Annotated[Any, msgspec.Meta(description="that run's result")]
    at: Annotated[Moment, msgspec.Meta(description="when it changed last")]


def read_reset(raw: object) -> int | None:
    """The run to which a bookmark is to be reset.

    Raises:
        InvalidInput
    """
    return read_value(raw, ResetInput, lambda given: given.run_id, stand_in={})


def bookmark_resource(bookmark: Bookmark, group: str, job: str) -> BookmarkResource:
    """The wire form of a job's bookmark."""
    return BookmarkResource(
        job=job,
        group=group,
        version=bookmark.version,
        run=bookmark.run,
        attempt=bookmark.attempt,
        run_id=bookmark.run_id,
        previous_run_id=bookmark.previous_run_id,
        value=bookmark.value,
        at=bookmark.at,
    )
