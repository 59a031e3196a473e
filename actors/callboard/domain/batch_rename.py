"""Other names for the steps of an instance: what becomes of its history by a mapping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from callboard.domain.amend import amended
from callboard.domain.batch_step import Move, StepExecution
from callboard.domain.json import Json, JsonObject

SEPARATOR: Final = ":"
"""Between the names of a partitioned step and of one of its partitions."""


def renamed_step(step: StepExecution, names: JsonObject) -> StepExecution | None:
    """The step as it is called now, with its partitioned step's name; None: it is dropped."""
    base, separator, partition = step.name, "", ""
    if step.manager_id is not None:
        base, separator, partition = step.name.partition(SEPARATOR)
    if base not in names:
        return step
    name = names[base]
    return None if name is None else amended(step, name=f"{name}{separator}{partition}")


def renamed_moves(moves: Iterable[Move], names: JsonObject) -> list[Move]:
    """The moves between the nodes as they are called now, without those that leave or lead to one
    that is dropped."""
    renamed = [_renamed_move(move, names) for move in moves]
    return [move for move in renamed if move is not None]


def _renamed_move(move: Move, names: JsonObject) -> Move | None:
    node = names.get(move.node, move.node)
    target = _renamed_target(move.target, names)
    if node is None or target is None:
        return None
    return amended(move, node=node, target=target)


def _renamed_target(target: JsonObject, names: JsonObject) -> JsonObject | None:
    renamed: dict[str, Json] = {}
    for kind, where in target.items():
        if kind in ("to", "stop") and isinstance(where, str):
            where = names.get(where, where)
            if where is None:
                return None
        renamed[kind] = where
    return renamed
