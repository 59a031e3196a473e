"""Conditions of a trigger as people write them: `and: load=succeeded, check=failed|timed_out`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import typer

STATES: Final = ("succeeded", "failed", "timed_out", "stopped")
ANY_END: Final = "ended"
"""Stands for all of them."""


def parse_conditions(text: str) -> dict[str, Any]:
    """The conditional schedule that the text describes.

    `and:` (all of them, the default) or `any:`, then jobs with the states that are waited for; a
    job alone waits for its success, `ended` for any end.

    Raises:
        typer.BadParameter
    """
    head, colon, rest = text.partition(":")
    word = head.strip().lower()
    if colon and word in ("and", "any"):
        logical, body = word, rest
    else:
        # Names of jobs may have a colon, too.
        logical, body = "and", text
    conditions = [_condition(part) for part in body.split(",")]
    return {"kind": "conditional", "logical": logical, "conditions": conditions}


def conditions_text(schedule: Mapping[str, Any]) -> str:
    """`when load=succeeded and check=failed|timed_out`."""
    parts = [_condition_text(each) for each in schedule["conditions"]]
    return "when " + (" or " if schedule["logical"] == "any" else " and ").join(parts)


def _condition(part: str) -> dict[str, Any]:
    job, equals, states = (each.strip() for each in part.partition("="))
    if not job:
        raise typer.BadParameter(
            f"{part.strip()!r} names no job; write JOB=STATE, ...", param_hint="--when"
        )
    if not equals:
        return {"job": job}
    if states.lower() == ANY_END:
        return {"job": job, "states": list(STATES)}
    named = [state.strip().lower() for state in states.split("|")]
    unknown = [state for state in named if state not in STATES]
    if unknown:
        allowed = ", ".join((*STATES, ANY_END))
        raise typer.BadParameter(
            f"{unknown[0]!r} is not a state in which a run ends; use {allowed}",
            param_hint="--when",
        )
    return {"job": job, "states": named}


def _condition_text(condition: Mapping[str, Any]) -> str:
    states = condition["states"]
    words = ANY_END if set(states) == set(STATES) else "|".join(states)
    return f"{condition['job']}={words}"
