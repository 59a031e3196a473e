"""Bookmarks of jobs."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.bookmark import Bookmark
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBookmark(Command[Bookmark | None]):
    """The newest version, or the newest that stands at the run."""

    job_id: int
    run_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetBookmark(Command[Bookmark]):
    """Set it to the beginning, or back to where it stood after the run.

    Refused: NotFound, without a bookmark, or one that stood there.
    """

    job_id: int
    job: str
    """Its name, for the refusal."""
    run_id: int | None = None
