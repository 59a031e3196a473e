"""Flow: how the steps of a job follow each other, as its code says it.

    job.flow = (
        Flow(load).on("FAILED").fail("LOAD_FAILED").on("*").to(settle)
        .at(settle).on("COMPLETED WITH SKIPS").stop(resume_at=report).on("*").split(report, cleanup)
    )

A flow is a value: every call gives another one, which is larger by one transition. It is at the
node that it was made with, until `at` or `next` say otherwise. Exit codes are matched by patterns,
`*` any text, `?` one character, the most specific first whatever their order; a node without `on`
goes on to its `next` when it has succeeded, and ends the flow with its own end otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from callboard.batch.step import Step
from callboard.domain.batch_flow import FlowNode, FlowPlan, NodeKind, Target, Transition, Verb
from callboard.domain.batch_flow_check import flow_problems
from callboard.domain.batch_step import COMPLETED
from callboard.errors import FieldProblem, InvalidInput, invalid

if TYPE_CHECKING:
    from callboard.batch.session import JobContext

Decides: TypeAlias = "Callable[[JobContext], Awaitable[str] | str]"


@dataclass(frozen=True, slots=True)
class Decider:
    """Gives an exit code without doing anything; see `decider`."""

    name: str
    decide: Decides


@dataclass(frozen=True, slots=True)
class Split:
    """Flows side by side; see `split`."""

    name: str
    flows: tuple[Flow, ...]


Place: TypeAlias = Step | str | Decider | Split
"""A step, or its name; what else can be a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """What is known of a node: where it leads."""

    next: str | None = None
    on: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True, init=False)
class Flow:
    """See above. `plan_of` checks it, and gives what a job's spec holds."""

    start: str
    here: str
    """The node that the next transition leaves."""
    nodes: Mapping[str, _Node]
    """Those that were the flow's start, or that `at` or `next` came to."""
    places: tuple[Place, ...] = field(repr=False)
    """All that were named, in that order."""

    def __init__(self, start: Place) -> None:
        self._become(name_of(start), name_of(start), {name_of(start): _Node()}, (start,))

    def on(self, code: str) -> On:
        """Begin a transition: where the flow goes when the node ends with such an exit code."""
        if not isinstance(code, str):
            raise invalid("flow", f"on({code!r}) is not the pattern of an exit code", 'on("*")')
        return On(self, code)

    def next(self, place: Place) -> Flow:
        """Go on there when the node has succeeded, whatever its exit code; and be there."""
        before = self.nodes[self.here].next
        if before is not None:
            reason = f"{self.here!r} is followed by {before!r} already"
            raise invalid("flow", reason, 'leave one out, or say which by on("...").to(...)')
        name = name_of(place)
        return self._with(replace(self.nodes[self.here], next=name), place, here=name)

    def at(self, place: Place) -> Flow:
        """Be at another node, which a transition leads to."""
        return self._with(self.nodes[self.here], place, here=name_of(place))

    def leading(self, code: str, target: Target, place: Place | None) -> Flow:
        """With one more transition from here."""
        node = self.nodes[self.here]
        if any(each.pattern == code for each in node.on):
            reason = f"{self.here!r} has two transitions on {code!r}"
            raise invalid("flow", reason, "leave one out")
        return self._with(replace(node, on=(*node.on, Transition(code, target))), place)

    def _with(self, node: _Node, place: Place | None, *, here: str | None = None) -> Flow:
        nodes = {**self.nodes, self.here: node}
        if here is not None:
            nodes.setdefault(here, _Node())
        flow = object.__new__(Flow)
        places = self.places if place is None else (*self.places, place)
        flow._become(self.start, here or self.here, nodes, places)
        return flow

    def _become(
        self, start: str, here: str, nodes: Mapping[str, _Node], places: tuple[Place, ...]
    ) -> None:
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "here", here)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "places", places)


@dataclass(frozen=True, slots=True)
class On:
    """A transition that still needs its target."""

    flow: Flow
    code: str

    def to(self, place: Place) -> Flow:
        """Go on there. A step that failed is left behind: no restart executes it again."""
        return self.flow.leading(self.code, Target(Verb.TO, name_of(place)), place)

    def split(self, *flows: Flow | Place, name: str | None = None) -> Flow:
        """As `to(split(...))`."""
        return self.to(split(*flows, name=name))

    def end(self, code: str = COMPLETED) -> Flow:
        """End the run as succeeded, with that code; a step that failed is left behind."""
        return self.flow.leading(self.code, Target(Verb.END, code), None)

    def fail(self, code: str = "FAILED") -> Flow:
        """End the run as failed, with that code; a restart executes a step that failed again."""
        return self.flow.leading(self.code, Target(Verb.FAIL, code), None)

    def stop(self, *, resume_at: Place | None = None) -> Flow:
        """End the run as stopped.

        Args:
            resume_at: where a restart goes on; a step that failed is left behind. One in a split
                means that split. None: a restart executes a step that failed again, and has
                nothing left to do behind one that succeeded.
        """
        name = None if resume_at is None else name_of(resume_at)
        return self.flow.leading(self.code, Target(Verb.STOP, name), resume_at)

    def on(self, code: str) -> NoReturn:
        raise no_target(self)


def decider(name: str, decide: Decides) -> Decider:
    """A node that decides by code where the flow goes; what it says is recorded, and not asked
    again by a restart, unless it ended the run.

    Args:
        decide: a function of a JobContext, also a coroutine function, that gives an exit code.
    """
    if not callable(decide):
        raise invalid("decide", f"{decide!r} is not a function", "give one that gives a code")
    return Decider(_checked(name), decide)


def split(*flows: Flow | Place, name: str | None = None) -> Split:
    """Flows, or single steps, side by side. All are awaited, also when one fails; the exit code is
    the most severe of theirs.

    Args:
        name: where none is given, the names of their first nodes with `+` between them.
    """
    if len(flows) < 2:
        raise invalid("split", "has less than two flows", "name what runs side by side")
    made = tuple(each if isinstance(each, Flow) else Flow(each) for each in flows)
    return Split(_checked(name or "+".join(flow.start for flow in made)), made)


def plan_of(flow: object, steps: Iterable[str]) -> FlowPlan:
    """The checked plan.

    Args:
        flow: what somebody gave as a job's flow.
        steps: names of all steps of the job; each has to be in the flow.
    Raises:
        InvalidInput: at flow, everything that is wrong with it.
    """
    whole = _checked_flow(flow)
    _check_names(whole)
    plan = _planned(whole)
    problems = [*flow_problems(plan.to_json(), tuple(steps), field="flow")]
    if problems:
        raise InvalidInput(*problems)
    return plan


def deciders_of(flow: object) -> dict[str, Decides]:
    """By name, those of splits, too."""
    found = (each for each in _every_place(_checked_flow(flow)) if isinstance(each, Decider))
    return {place.name: place.decide for place in found}


def steps_of(flow: object) -> tuple[Step, ...]:
    """Those that it was given as such, not by name, in the order in which it names them."""
    found = (each for each in _every_place(_checked_flow(flow)) if isinstance(each, Step))
    return tuple(dict.fromkeys(found))


def name_of(place: object) -> str:
    """Of what can be a node."""
    if isinstance(place, str):
        return _checked(place)
    if isinstance(place, Step | Decider | Split):
        return place.name
    if isinstance(place, Flow):
        raise invalid("flow", "a flow is not a node", "split(...) makes one of several flows")
    fix = "add it to the job first: job.step, job.add"
    raise invalid("flow", f"{place!r} is neither a step, a decider nor a split", fix)


def no_target(on: On) -> InvalidInput:
    """The error of a transition that leads nowhere."""
    fix = "go on with .to(...), .end(), .fail(), .stop() or .split(...)"
    return invalid("flow", f"on({on.code!r}) at {on.flow.here!r} has no target", fix)


def _planned(flow: Flow) -> FlowPlan:
    splits = {place.name: place for place in flow.places if isinstance(place, Split)}
    within = {first: name for name, place in splits.items() for first in _firsts(place)}
    names = dict.fromkeys(flow.nodes)  # in the order in which they were named
    names |= {
        name_of(place): None for place in flow.places if _is_node(flow, name_of(place), within)
    }
    deciders = {place.name for place in flow.places if isinstance(place, Decider)}
    nodes: dict[str, FlowNode] = {}
    for name in names:
        known = flow.nodes.get(name, _Node())
        nodes[name] = FlowNode(
            name=name,
            kind=_kind(name, splits, deciders),
            next=known.next,
            on=tuple(_resolved(each, names, within) for each in known.on),
            flows=tuple(_planned(each) for each in splits[name].flows) if name in splits else (),
        )
    return FlowPlan(start=flow.start, nodes=nodes)


def _is_node(flow: Flow, name: str, within: Mapping[str, str]) -> bool:
    """Whether it is one of this flow, and not just where a restart goes on, in a split."""
    if name not in within or name in flow.nodes:
        return True
    return any(
        each.target == Target(Verb.TO, name) for node in flow.nodes.values() for each in node.on
    )


def _resolved(on: Transition, names: Collection[str], within: Mapping[str, str]) -> Transition:
    name = on.target.value
    if on.target.verb is not Verb.STOP or name is None or name in names or name not in within:
        return on
    return Transition(on.pattern, Target(Verb.STOP, within[name]))


def _firsts(place: Split) -> Iterator[str]:
    """All nodes within: each of them stands for the split."""
    for flow in place.flows:
        for each in _every_place(flow):
            yield name_of(each)


def _kind(name: str, splits: Mapping[str, Split], deciders: set[str]) -> NodeKind:
    if name in splits:
        return NodeKind.SPLIT
    return NodeKind.DECIDER if name in deciders else NodeKind.STEP


def _every_place(flow: Flow) -> Iterator[Place]:
    for place in flow.places:
        yield place
        if isinstance(place, Split):
            for inner in place.flows:
                yield from _every_place(inner)


def _check_names(flow: Flow) -> None:
    """Two things under one name would be one node."""
    known: dict[str, Place] = {}
    for place in _every_place(flow):
        if not isinstance(place, str):
            first = known.setdefault(place.name, place)
            if first is not place and first != place:
                reason = f"has two different nodes named {place.name!r}"
                raise InvalidInput(FieldProblem("flow", reason, "give each a name of its own"))


def _checked_flow(flow: object) -> Flow:
    if isinstance(flow, Flow):
        return flow
    if isinstance(flow, On):
        raise no_target(flow)
    kind = type(flow).__name__
    raise invalid("flow", f"is a {kind}, not a Flow", "begin with Flow(first_step)")


def _checked(name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or ":" in name:
        reason = f"{name!r} is not a name of 1 to 255 characters without a colon"
        raise invalid("flow", reason)
    return name
