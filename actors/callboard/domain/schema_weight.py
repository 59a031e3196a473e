"""How much work a JSON Schema makes of one value: the parts that are all applied to it.

A short schema whose parts refer to each other can mean millions of them (as entities of XML could),
and then one start would keep everybody else waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard

from callboard.errors import FieldProblem

MOST_PARTS: Final = 2000
"""Of a schema, that are applied to one value."""
MOST_PATHS: Final = 20_000
"""Ways through a schema from its root, all alternatives tried."""

_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SINGLES: Final = ("not", "if", "then", "else")
_DATA: Final = frozenset({"const", "default", "enum", "examples"})
"""What stands below them is no schema."""
_FOREIGN: Final = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef")


class _Refused(Exception):
    def __init__(self, place: str, reason: str, fix: str = "") -> None:
        self.problem = FieldProblem(place, reason, fix)


def weight_problem(schema: Mapping[str, Any], field: str) -> FieldProblem | None:
    """What is wrong with how the schema refers to itself; None: it is bounded."""
    try:
        _Weights(schema, field).check(schema, field)
    except _Refused as refused:
        return refused.problem
    except RecursionError:
        return FieldProblem(field, "refers from part to part too often in a row")
    return None


def is_searchable(schema: Mapping[str, Any]) -> bool:
    """Whether all that may be wrong with a value can be looked for in bounded time.

    Not where a schema is recursive, or nearly: of alternatives within alternatives each is tried.
    """
    try:
        return _Paths(schema).count(schema) <= MOST_PATHS
    except (_Refused, RecursionError):
        return False


class _Weights:
    """Counts each part once, however often it is referred to."""

    def __init__(self, root: Mapping[str, Any], field: str) -> None:
        self._root = root
        self._field = field
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def check(self, part: object, place: str) -> None:
        """Look at the part, and at all parts below it."""
        if isinstance(part, list):
            for index, item in enumerate(part):
                self.check(item, f"{place}[{index}]")
        elif isinstance(part, dict):
            self._weight(part, place)
            for name, item in part.items():
                if name not in _DATA:
                    self.check(item, f"{place}.{name}")

    def _weight(self, part: Mapping[str, Any], place: str) -> int:
        known = self._known.get(id(part))
        if known is not None:
            return known
        if id(part) in self._open:
            raise _Refused(place, "refers to itself without going any deeper into the value")
        self._open.add(id(part))
        weight = 1 + sum(self._weight(each, f"{place}.{where}") for where, each in self._at(part))
        self._open.discard(id(part))
        if weight > MOST_PARTS:
            raise _Refused(place, f"applies more than {MOST_PARTS} parts to one value")
        self._known[id(part)] = weight
        return weight

    def _at(self, part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The parts that are applied to the same value."""
        for name in _FOREIGN:
            if isinstance(part.get(name), str):
                fix = "refer to a part by #/$defs/NAME"
                raise _Refused(self._field, f"has {name}, which is not taken", fix)
        for name in _LISTS:
            if isinstance(each := part.get(name), list):
                yield from ((f"{name}[{at}]", x) for at, x in enumerate(each) if _is_part(x))
        for name in _SINGLES:
            if _is_part(each := part.get(name)):
                yield name, each
        if _is_part(dependent := part.get("dependentSchemas")):
            yield from ((name, each) for name, each in dependent.items() if _is_part(each))
        if isinstance(reference := part.get("$ref"), str):
            yield "$ref", self.target(reference)

    def target(self, reference: str) -> Mapping[str, Any]:
        """The part that it refers to."""
        where = f"the $ref {reference[:100]!r}"
        if reference != "#" and not reference.startswith("#/"):
            reason = f"{where} leads out of the schema, and nothing is fetched"
            raise _Refused(self._field, reason, "put it below $defs, as #/$defs/NAME")
        found: Any = self._root
        for step in reference.split("/")[1:]:
            found = _step(found, step.replace("~1", "/").replace("~0", "~"))
        if isinstance(found, bool):
            return {}
        if not _is_part(found):
            raise _Refused(self._field, f"{where} leads nowhere")
        return found


class _Paths:
    """Counts the ways from the root to any part: each is a check of some value."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._weights = _Weights(root, "")
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def count(self, part: object) -> int:
        if isinstance(part, list):
            return sum(self.count(each) for each in part)
        if not isinstance(part, dict):
            return 0
        known = self._known.get(id(part))
        if known is not None:
            return known
        if id(part) in self._open:
            raise _Refused("", "is recursive")
        self._open.add(id(part))
        below = [item for name, item in part.items() if name not in (*_DATA, "$defs")]
        if isinstance(reference := part.get("$ref"), str):
            below.append(self._weights.target(reference))
        count = self._known[id(part)] = 1 + sum(self.count(each) for each in below)
        self._open.discard(id(part))
        return count


def _is_part(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _step(owner: object, name: str) -> object:
    if isinstance(owner, Mapping):
        return owner.get(name)
    if isinstance(owner, Sequence) and not isinstance(owner, str) and name.isdecimal():
        return owner[int(name)] if int(name) < len(owner) else None
    return None
