"""How the steps of a batch job follow each other: the plan that a job's spec holds as `flow`.

    {"start": "load",
     "nodes": {"load":   {"kind": "step", "on": [{"code": "FAILED", "fail": "LOAD_FAILED"},
                                                 {"code": "*", "to": "choose"}]},
               "choose": {"kind": "decider", "on": [{"code": "*", "to": "both"}]},
               "both":   {"kind": "split", "flows": [plan, plan], "next": "report"},
               "report": {"kind": "step"}}}

A node with `on` is left by its exit code, the most specific pattern first; one without goes on to
`next` when it has succeeded, whatever its code, and ends the flow with its state and code
otherwise. Nodes of all plans within one another have different names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import Any, Final, cast

from callboard.domain.batch_code import matches, specificity
from callboard.domain.json import JsonObject


class NodeKind(StrEnum):
    STEP = "step"
    DECIDER = "decider"
    SPLIT = "split"


class Verb(StrEnum):
    """What a transition does."""

    TO = "to"
    """Goes on at a node."""
    END = "end"
    """Ends the flow as succeeded, with a code."""
    FAIL = "fail"
    """Ends it as failed, with a code."""
    STOP = "stop"
    """Ends it as stopped; a restart goes on at a node, if one is named."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a transition leads; in JSON `{"to": node}`, `{"end": code}`, `{"fail": code}` or
    `{"stop": node or null}`."""

    verb: Verb
    value: str | None

    @property
    def goes_on(self) -> bool:
        """Whether the flow has dealt with what it left: a failed step is not run again."""
        return self.verb in (Verb.TO, Verb.END) or (self.verb is Verb.STOP and bool(self.value))

    @property
    def node(self) -> str | None:
        """That it leads to, at once or by a restart."""
        return self.value if self.verb in (Verb.TO, Verb.STOP) else None

    def to_json(self) -> JsonObject:
        return {self.verb.value: self.value}

    @staticmethod
    def from_json(given: JsonObject) -> Target:
        """Of a checked plan, or of a recorded move."""
        verb = next(each for each in Verb if each.value in given)
        return Target(verb, cast("str | None", given[verb.value]))


@dataclass(frozen=True, slots=True)
class Transition:
    pattern: str
    target: Target

    def to_json(self) -> JsonObject:
        return {"code": self.pattern, **self.target.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNode:
    """A step, a decider, or flows side by side."""

    name: str
    kind: NodeKind = NodeKind.STEP
    next: str | None = None
    on: tuple[Transition, ...] = ()
    flows: tuple[FlowPlan, ...] = ()
    """Of a split; each ends before the split is left."""

    def target_of(self, code: str, *, is_stopped: bool = False) -> Target | None:
        """Where it is left to by that code; None: no pattern matches.

        Args:
            is_stopped: it did not end by itself, so a pattern for everything is not meant.
        """
        for each in sorted(self.on, key=lambda on: specificity(on.pattern)):
            if matches(each.pattern, code) and not (is_stopped and each.pattern == "*"):
                return each.target
        return None

    def to_json(self) -> JsonObject:
        given: dict[str, Any] = {"kind": self.kind.value}
        if self.next is not None:
            given["next"] = self.next
        if self.on:
            given["on"] = [each.to_json() for each in self.on]
        if self.flows:
            given["flows"] = [each.to_json() for each in self.flows]
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """Nodes, and the one that it begins with; without nodes there is nothing to do."""

    start: str | None = None
    nodes: Mapping[str, FlowNode] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        nodes = {name: node.to_json() for name, node in self.nodes.items()}
        return {"start": self.start, "nodes": nodes} if nodes else {}

    @staticmethod
    def from_json(given: JsonObject | None) -> FlowPlan:
        """Of a flow without problems (`batch_flow_check`); None is the empty one."""
        if not given:
            return EMPTY
        nodes = cast("Mapping[str, JsonObject]", given["nodes"])
        return FlowPlan(
            start=cast("str | None", given["start"]),
            nodes={name: _node(name, node) for name, node in nodes.items()},
        )


EMPTY: Final = FlowPlan()


def sequence(names: Iterable[str]) -> FlowPlan:
    """Step after step: the flow of a job that declares none."""
    listed = tuple(names)
    nodes = {
        name: FlowNode(name=name, next=after) for name, after in zip_longest(listed, listed[1:])
    }
    return FlowPlan(start=listed[0] if listed else None, nodes=nodes)


def every_node(plan: FlowPlan) -> Iterator[FlowNode]:
    """Those of the flows within it, too."""
    for node in plan.nodes.values():
        yield node
        for flow in node.flows:
            yield from every_node(flow)


def _node(name: str, given: JsonObject) -> FlowNode:
    transitions = cast("list[JsonObject]", given.get("on") or ())
    flows = cast("list[JsonObject]", given.get("flows") or ())
    return FlowNode(
        name=name,
        kind=NodeKind(str(given["kind"])),
        next=cast("str | None", given.get("next")),
        on=tuple(Transition(str(each["code"]), Target.from_json(each)) for each in transitions),
        flows=tuple(FlowPlan.from_json(flow) for flow in flows),
    )
