"""Promotion: what of a step's context becomes the job's when the step has ended.

It is stored with the step's end, in one commit: a step that a restart passes over has handed on its
values for certain.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from callboard.domain.batch_code import matches
from callboard.domain.json import JsonObject
from callboard.errors import CallboardError


class NotPromoted(CallboardError):
    """The step has ended without a value that it was to hand on."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the step's context has no {key!r}, which was to be promoted")


def promote(
    names: Iterable[str],
    on: Iterable[str],
    strict: bool,
    state: JsonObject,
    job_state: MutableMapping[str, Any],
    exit_code: str,
) -> None:
    """Copy the named keys of the step's context to the job's.

    Args:
        on: patterns of the exit codes with which that is done.
        strict: a key that is missing is an error; otherwise it is left out.
    Raises:
        NotPromoted: nothing was copied.
    """
    if not any(matches(pattern, exit_code) for pattern in on):
        return
    wanted = tuple(names)
    for key in wanted:
        if strict and key not in state:
            raise NotPromoted(key)
    for key in wanted:
        if key in state:
            job_state[key] = state[key]
