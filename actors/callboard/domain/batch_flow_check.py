"""What is wrong with the flow of a batch job."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from callboard.domain.batch_code import MAX_CODE
from callboard.domain.batch_flow import NodeKind, Verb
from callboard.domain.json import Json, JsonObject
from callboard.domain.spec_field import unknown_fields
from callboard.errors import FieldProblem

MAX_NESTING: Final = 8
_VERBS: Final = tuple(each.value for each in Verb)
_KINDS: Final = tuple(each.value for each in NodeKind)


def flow_problems(
    flow: Json, steps: Collection[str], *, field: str = "spec.flow"
) -> Iterator[FieldProblem]:
    """May be empty.

    Args:
        flow: as the spec has it; None and {} are the empty flow.
        steps: names of the job's steps; each has to be a node, once.
    """
    seen: dict[str, str] = {}
    if flow is not None and flow != {}:
        yield from _plan_problems(flow, steps, field, seen, 1)
    for name in steps:
        if name not in seen:
            fix = "let a transition lead to it, or leave it out of the steps"
            yield FieldProblem(field, f"does not have the step {name!r}: it would never run", fix)


def _plan_problems(
    plan: Json, steps: Collection[str], field: str, seen: dict[str, str], depth: int
) -> Iterator[FieldProblem]:
    if not isinstance(plan, Mapping):
        yield FieldProblem(field, "is not an object", 'e.g. {"start": "load", "nodes": {...}}')
        return
    yield from unknown_fields(plan, "start", "nodes", prefix=field)
    nodes = plan.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        yield FieldProblem(f"{field}.nodes", "is not an object with at least one node")
        return
    if depth > MAX_NESTING:
        yield FieldProblem(field, f"is a split within more than {MAX_NESTING} others")
        return
    found = False
    for name, node in nodes.items():
        for problem in _node_problems(name, node, nodes, steps, f"{field}.nodes.{name}", seen):
            found = True
            yield problem
        for at, flow in _flows_of(node):
            inner = f"{field}.nodes.{name}.flows[{at}]"
            yield from _plan_problems(flow, steps, inner, seen, depth + 1)
    if not _is_node(plan.get("start"), nodes):
        reason = f"{plan.get('start')!r} is not a node"
        yield FieldProblem(f"{field}.start", reason, f"name one of {', '.join(nodes)}")
    elif not found:
        yield from _way_problems(plan, field)


def _node_problems(
    name: str,
    node: Json,
    nodes: JsonObject,
    steps: Collection[str],
    field: str,
    seen: dict[str, str],
) -> Iterator[FieldProblem]:
    if not isinstance(node, Mapping):
        yield FieldProblem(field, "is not an object", 'e.g. {"kind": "step"}')
        return
    if not 1 <= len(name) <= MAX_CODE:
        yield FieldProblem(field, f"has a name that is not 1 to {MAX_CODE} characters long")
    if name in seen:
        reason = f"has the name of {seen[name]}"
        yield FieldProblem(field, reason, "use each step once, and other names for other nodes")
    seen[name] = field
    yield from unknown_fields(node, "kind", "next", "on", "flows", prefix=field)
    kind = node.get("kind")
    if kind not in _KINDS:
        yield FieldProblem(f"{field}.kind", f"{kind!r} is unknown", f"use {', '.join(_KINDS)}")
    elif kind == NodeKind.STEP and name not in steps:
        fix = f"known: {', '.join(steps)}" if steps else "the job has none"
        yield FieldProblem(field, f"{name!r} is not a step of the job", fix)
    elif kind != NodeKind.STEP and name in steps:
        yield FieldProblem(field, f"{name!r} is a step of the job, and not a {kind}")
    yield from _split_problems(node, field)
    yield from _leave_problems(node, nodes, field)


def _split_problems(node: JsonObject, field: str) -> Iterator[FieldProblem]:
    flows = node.get("flows")
    if node.get("kind") != NodeKind.SPLIT:
        if flows is not None:
            yield FieldProblem(f"{field}.flows", "belongs to splits alone")
    elif not isinstance(flows, list | tuple) or len(flows) < 2:
        yield FieldProblem(f"{field}.flows", "is not a list of at least two flows")


def _leave_problems(node: JsonObject, nodes: JsonObject, field: str) -> Iterator[FieldProblem]:
    after, on = node.get("next"), node.get("on")
    if after is not None and on is not None:
        yield FieldProblem(field, "has both next and on", "leave one of them out")
    if after is not None and not _is_node(after, nodes):
        yield _no_node(f"{field}.next", after, nodes)
    if on is None:
        if node.get("kind") == NodeKind.DECIDER:
            fix = 'e.g. [{"code": "*", "to": "settle"}]'
            yield FieldProblem(f"{field}.on", "is missing: a decision has to lead somewhere", fix)
        return
    if not isinstance(on, list | tuple) or not on:
        yield FieldProblem(f"{field}.on", "is not a list of transitions", '[{"code": ..., "to"}]')
        return
    patterns: set[str] = set()
    for index, each in enumerate(on):
        yield from _transition_problems(each, nodes, f"{field}.on[{index}]", patterns)


def _transition_problems(
    given: Json, nodes: JsonObject, field: str, patterns: set[str]
) -> Iterator[FieldProblem]:
    if not isinstance(given, Mapping):
        yield FieldProblem(field, "is not an object", 'e.g. {"code": "*", "to": "settle"}')
        return
    yield from unknown_fields(given, "code", *_VERBS, prefix=field)
    pattern = given.get("code")
    if not _is_code(pattern):
        yield FieldProblem(f"{field}.code", "is not the pattern of an exit code", "e.g. FAILED, *")
    elif pattern in patterns:
        yield FieldProblem(f"{field}.code", f"{pattern!r} is there already", "leave one out")
    patterns.add(str(pattern))
    verbs = [each for each in _VERBS if each in given]
    if len(verbs) != 1:
        reason = "has no target" if not verbs else f"has {' and '.join(verbs)}"
        yield FieldProblem(field, reason, f"give it one of {', '.join(_VERBS)}")
        return
    yield from _target_problems(verbs[0], given[verbs[0]], nodes, field)


def _target_problems(
    verb: str, value: Json, nodes: JsonObject, field: str
) -> Iterator[FieldProblem]:
    if verb in (Verb.END, Verb.FAIL):
        if not _is_code(value):
            reason = f"is not an exit code of 1 to {MAX_CODE} characters"
            yield FieldProblem(f"{field}.{verb}", reason)
    elif not (verb == Verb.STOP and value is None) and not _is_node(value, nodes):
        yield _no_node(f"{field}.{verb}", value, nodes)


def _way_problems(plan: JsonObject, field: str) -> Iterator[FieldProblem]:
    """Of a plan that is right by itself: nodes without a way to them, rounds without a way out."""
    nodes: Mapping[str, JsonObject] = plan["nodes"]  # type: ignore[assignment]
    start = str(plan["start"])
    reached = _reached(start, nodes)
    for name in nodes:
        if name not in reached:
            fix = "let a transition lead to it, or leave it out"
            yield FieldProblem(f"{field}.nodes.{name}", f"is not reached from {start!r}", fix)
    for name in nodes:
        if name in _followers(name, nodes):
            reason = f"comes back to {name!r} without end"
            yield FieldProblem(f"{field}.nodes.{name}.next", reason, "let an exit code leave it")
            return


def _reached(start: str, nodes: Mapping[str, JsonObject]) -> set[str]:
    reached, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += _targets(nodes[name])
    return reached


def _targets(node: JsonObject) -> list[str]:
    on: list[JsonObject] = list(node.get("on") or ())  # type: ignore[arg-type]
    found = [each.get("to") or each.get("stop") for each in on]
    return [str(each) for each in (node.get("next"), *found) if each is not None]


def _followers(name: str, nodes: Mapping[str, JsonObject]) -> set[str]:
    """By `next` alone."""
    found = set[str]()
    after = nodes[name].get("next")
    while after is not None and str(after) not in found:
        found.add(str(after))
        after = nodes[str(after)].get("next")
    return found


def _flows_of(node: Json) -> Iterator[tuple[int, Json]]:
    flows = node.get("flows") if isinstance(node, Mapping) else None
    if isinstance(flows, list | tuple):
        yield from enumerate(flows)


def _is_code(value: Json) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_CODE


def _is_node(value: Json, nodes: JsonObject) -> bool:
    return isinstance(value, str) and value in nodes


def _no_node(field: str, value: Json, nodes: JsonObject) -> FieldProblem:
    return FieldProblem(field, f"{value!r} is not a node", f"name one of {', '.join(nodes)}")
