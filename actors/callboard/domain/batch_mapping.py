"""Mappings of a restart: `{"load": "load_orders", "check": null}`.

The steps, splits and deciders of an instance's history by the names that they had, with those that
the job has for them now. What is mapped to null is forgotten: it has never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from callboard.domain.batch_flow import FlowPlan, NodeKind, Target, every_node
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_rename import renamed_moves, renamed_step
from callboard.domain.json import JsonObject
from callboard.errors import FieldProblem


def mapping_problems(
    mapping: JsonObject,
    history: BatchHistory,
    old: JsonObject,
    new: JsonObject,
    *,
    field: str = "steps",
) -> Iterator[FieldProblem]:
    """What is wrong with a mapping; may be empty.

    Args:
        old: the definition of the instance's last run.
        new: that of the job as it is.
    """
    known, was, now = known_names(history), kinds_of(old), kinds_of(new)
    takers: dict[str, str] = {}
    for name, present in mapping.items():
        place = f"{field}.{name}"
        if name not in known:
            fix = f"known: {', '.join(known)}" if known else "leave it out"
            yield FieldProblem(place, "is nothing that this instance has done", fix)
        if present is None:
            continue
        if not isinstance(present, str) or present not in now:
            reason = f"{present!r:.80} is nothing that the job has"
            yield FieldProblem(place, reason, f"one of {', '.join(now) or 'none'}, or null")
            continue
        if present in takers:
            reason = f"{takers[present]!r} is mapped to {present!r}, too"
            yield FieldProblem(place, reason, "map one of them to another, or to null")
        elif present in known and present not in mapping:
            reason = f"{present!r} has run under that name itself"
            yield FieldProblem(place, reason, "map that, too, to another name or to null")
        takers.setdefault(present, name)
        if was.get(name, now[present]) != now[present]:
            reason = f"was of kind {was[name]}, and {present!r} is of kind {now[present]}"
            yield FieldProblem(place, reason, "map it to one of its kind, or to null")


def known_names(history: BatchHistory) -> tuple[str, ...]:
    """What the instance has done something with: steps, and nodes of the flow."""
    names = [step.name for step in history.steps if step.manager_id is None]
    for move in history.moves:
        names.append(move.node)
        if (target := Target.from_json(move.target).node) is not None:
            names.append(target)
    return tuple(dict.fromkeys(names))


def mapped_history(history: BatchHistory, mapping: JsonObject) -> BatchHistory:
    """As it is to be read by the present names. Moves to what is forgotten are left out, so that
    the flow decides again."""
    if not mapping:
        return history
    steps = (renamed_step(step, mapping) for step in history.steps)
    return replace(
        history,
        steps=tuple(step for step in steps if step is not None),
        moves=tuple(renamed_moves(history.moves, mapping)),
    )


def kinds_of(definition: JsonObject) -> dict[str, str]:
    """Of steps, deciders and splits, by name."""
    plan = FlowPlan.from_json(cast("JsonObject | None", definition.get("flow")))
    steps = cast("list[Mapping[str, Any]]", definition.get("steps") or [])
    nodes = (node for node in every_node(plan) if node.kind is not NodeKind.STEP)
    return {node.name: node.kind.value for node in nodes} | {
        str(step["name"]): str(step["kind"]) for step in steps
    }
