"""Steps and flow of a batch job, and whether what an instance has done still fits them.

What has not begun may change freely. What has begun must still be there, under its name; a step
that is to go on must be of the same kind; and where steps simply follow each other, those that have
begun must do so in the same order, with no new one in front of them. Everything else is mapped
explicitly, see batch_mapping.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from callboard.domain.batch_flow import FlowNode, FlowPlan, NodeKind, Target, every_node, sequence
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_mapping import kinds_of, mapped_history
from callboard.domain.batch_step import PASSED
from callboard.domain.json import Json, JsonObject

STEP_WORDS: Final[Mapping[str, str]] = {
    "tasklet": "a tasklet",
    "chunk": "a chunk step",
    "partition": "a partitioned step",
    "job": "a job step",
    "decider": "a decider",
    "split": "a split",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that keeps a run from going on by another definition."""

    step: str
    """Or the split, or the decider."""
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.step}: {self.problem} ({self.fix})"

    def to_json(self) -> dict[str, Json]:
        return {"step": self.step, "problem": self.problem, "fix": self.fix}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What counts of a definition."""

    kinds: Mapping[str, str]
    """Of all nodes by name: kinds of steps, decider, split."""
    order: tuple[str, ...] | None
    """Of the steps, where they follow each other and nothing else happens; None: it branches."""


def definition_of_spec(spec: JsonObject) -> dict[str, Json]:
    """`{"steps": [...], "flow": {...}}` of a checked spec; without a flow the steps follow each
    other."""
    steps = cast("Sequence[JsonObject]", spec.get("steps") or ())
    flow = spec.get("flow")
    if flow is None:
        flow = sequence(str(step["name"]) for step in steps).to_json()
    return {"steps": list(steps), "flow": flow}


def differences(
    history: BatchHistory, old: JsonObject, new: JsonObject, mapping: JsonObject | None = None
) -> list[Difference]:
    """What keeps the instance from going on by the new definition; none: it can.

    Args:
        old: the definition of its last run.
        mapping: present names of what has others in the history, without `mapping_problems`.
    """
    given = mapping or {}
    before, after = _shape(old), _shape(new)
    history = mapped_history(history, given)
    before = _Shape(
        kinds=_mapped_kinds(before.kinds, given),
        order=None if before.order is None else _mapped_order(before.order, given),
    )
    found = [*_gone(history, before, after), *_other_kinds(history, before, after)]
    if not found and before.order is not None and after.order is not None:
        begun = _begun(history)
        found += _inverted([name for name in before.order if name in begun], after.order)
        found += _new_in_front(begun, before.order, after.order)
    return found


def disagreements(stored: JsonObject, code: JsonObject) -> list[Difference]:
    """In what a node's code differs from the stored job; sizes and limits do not count."""
    fix = "deploy the same code everywhere, and define the job by it again"
    wanted, had = _shape(stored), _shape(code)
    found: list[Difference] = []
    for name in {**wanted.kinds, **had.kinds}:
        if name not in had.kinds:
            problem = f"is {_what(wanted.kinds, name)} of the job which this node's code has not"
        elif name not in wanted.kinds:
            problem = f"is {_what(had.kinds, name)} of this node's code which the job has not"
        elif wanted.kinds[name] != had.kinds[name]:
            was, now = _what(wanted.kinds, name), _what(had.kinds, name)
            problem = f"is {was} by the job, and {now} by this node's code"
        else:
            continue
        found.append(Difference(step=name, problem=problem, fix=fix))
    if not found:
        found += _other_ways(stored, code, fix)
    return found


def _gone(history: BatchHistory, before: _Shape, after: _Shape) -> Iterator[Difference]:
    used = set[str]()
    for step in history.steps:
        if step.manager_id is None and step.name not in (after.kinds.keys() | used):
            used.add(step.name)
            problem = "has begun, and the job has no step of that name any more"
            yield _missing(step.name, problem, before, after)
    for move in history.moves:
        way = f"has been left with code {move.code!r}"
        target = Target.from_json(move.target).node
        named = [(move.node, f"{way}, and the job has it no more")]
        if target is not None:
            named.append((target, f"is where {move.node!r} led to, and the job has it no more"))
        for name, problem in named:
            if name not in after.kinds and name not in used:
                used.add(name)
                yield _missing(name, problem, before, after)


def _missing(name: str, problem: str, before: _Shape, after: _Shape) -> Difference:
    """With a guess at the new name: one of the same kind that is new, if there is just one."""
    kind = before.kinds.get(name)
    news = [
        each for each, of in after.kinds.items() if each not in before.kinds and kind in (None, of)
    ]
    present = news[0] if len(news) == 1 else "its present name"
    fix = f'map it, {{"{name}": "{present}"}}, or forget what it did, {{"{name}": null}}'
    return Difference(step=name, problem=problem, fix=fix)


def _other_kinds(history: BatchHistory, before: _Shape, after: _Shape) -> Iterator[Difference]:
    """Of steps that are to go on, and of nodes that were left: what has passed is not needed."""
    latest = {step.name: step for step in history.steps if step.manager_id is None}
    going = {name for name, step in latest.items() if step.state not in PASSED}
    for name in [*latest, *dict.fromkeys(move.node for move in history.moves)]:
        was, now = before.kinds.get(name), after.kinds.get(name)
        is_step = was not in _NODES and now not in _NODES
        if was in (None, now) or now is None or (is_step and name not in going):
            continue
        problem = f"has begun as {_what(before.kinds, name)}, and is {_what(after.kinds, name)} now"
        yield Difference(step=name, problem=problem, fix=f"{_forget(name)}: it begins anew")
        latest.pop(name, None)


def _inverted(begun: Sequence[str], order: tuple[str, ...]) -> Iterator[Difference]:
    """Of neighbours among those that have begun, in the old order, those that changed places."""
    for earlier, later in pairwise(begun):
        if order.index(later) < order.index(earlier):
            problem = f"comes before {earlier!r} now, but has run behind it"
            fix = f"put it back, or forget {earlier!r}, which then runs again behind it: "
            yield Difference(step=later, problem=problem, fix=f'{fix}{{"{earlier}": null}}')


def _new_in_front(
    begun: set[str], before: tuple[str, ...], after: tuple[str, ...]
) -> Iterator[Difference]:
    last = max((index for index, name in enumerate(after) if name in begun), default=-1)
    for index, name in enumerate(after[: last + 1]):
        if name not in before and name not in begun:
            behind = next(each for each in after[index:] if each in begun)
            problem = f"is new, and comes before {behind!r}, which has begun"
            fix = f"put it behind that, or forget {behind!r}, which then begins anew: "
            yield Difference(step=name, problem=problem, fix=f'{fix}{{"{behind}": null}}')


def _other_ways(stored: JsonObject, code: JsonObject, fix: str) -> Iterator[Difference]:
    wanted, had = _plan(stored), _plan(code)
    theirs = {node.name: node for node in every_node(had)}
    if wanted.start != had.start and wanted.start is not None:
        problem = f"is where the job begins, and this node's code begins with {had.start!r}"
        yield Difference(step=wanted.start, problem=problem, fix=fix)
    for node in every_node(wanted):
        other = theirs[node.name]
        if (node.next, node.on) != (other.next, other.on) or _starts(node) != _starts(other):
            problem = "is left otherwise by the job than by this node's code"
            yield Difference(step=node.name, problem=problem, fix=fix)


def _starts(node: FlowNode) -> list[str | None]:
    return [flow.start for flow in node.flows]


def _shape(definition: JsonObject) -> _Shape:
    plan, kinds = _plan(definition), kinds_of(definition)
    nodes = {node.name: node for node in every_node(plan)}
    if any(node.on or node.flows for node in nodes.values()):
        return _Shape(kinds=kinds, order=None)
    order: list[str] = []
    name = plan.start
    while name is not None:
        order.append(name)
        name = nodes[name].next
    return _Shape(kinds=kinds, order=tuple(order))


def _plan(definition: JsonObject) -> FlowPlan:
    return FlowPlan.from_json(cast("JsonObject | None", definition.get("flow")))


def _begun(history: BatchHistory) -> set[str]:
    return {step.name for step in history.steps if step.manager_id is None}


def _mapped_kinds(kinds: Mapping[str, str], mapping: JsonObject) -> dict[str, str]:
    named = ((mapping.get(name, name), kind) for name, kind in kinds.items())
    return {str(name): kind for name, kind in named if name is not None}


def _mapped_order(order: tuple[str, ...], mapping: JsonObject) -> tuple[str, ...]:
    """Those that are forgotten keep their places: they are not new."""
    return tuple(str(mapping.get(name) or name) for name in order)


def _what(kinds: Mapping[str, str], name: str) -> str:
    return STEP_WORDS.get(kinds[name], f"a {kinds[name]}")


def _forget(name: str) -> str:
    return f'forget what it did, {{"{name}": null}}'


_NODES: Final = (NodeKind.DECIDER.value, NodeKind.SPLIT.value)
