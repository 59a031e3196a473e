"""BatchJob: a batch job as its code says it.

    settlement = BatchJob("settlement", SettleParams)

    @settlement.reader
    async def orders(ctx, after):
        async for row in ctx.db.stream(ORDERS, ctx.params.business_date, after or 0):
            yield row, row["id"]

    @settlement.step(start_limit=3)
    async def load(ctx):
        async for chunk in ctx.chunks(orders, size=500):
            rows = [convert(order) for order in chunk]
            async with chunk as tx:
                await tx.executemany(INSERT, rows)

    async with Callboard("postgresql://...") as board:
        await board.define(settlement)

Defining it stores what every node needs to know: the rules of its parameters, its steps, its flow.
The code itself is needed where its runs are executed, and is found there as `module:name`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar, overload

from callboard.batch.flow import Flow, deciders_of, plan_of, steps_of
from callboard.batch.params import Params
from callboard.batch.reading import Reader
from callboard.batch.session import JobContext
from callboard.batch.step import Step
from callboard.batch.tasklet import FunctionStep
from callboard.domain.batch_flow import FlowPlan, sequence
from callboard.domain.job import Job, OnCrash, OnFull
from callboard.domain.json import Json
from callboard.errors import AlreadyExists, UsageError, invalid

JobHook: TypeAlias = Callable[[JobContext], Awaitable[object] | object]
H = TypeVar("H", bound=JobHook)
S = TypeVar("S", bound=Step)
StepFunction: TypeAlias = Callable[..., Any]

_OWN_FIELDS: Final = frozenset({"name", "kind", "spec", "id", "version", "parameters"})
_FIELDS: Final = frozenset(Job.__dataclass_fields__) - _OWN_FIELDS - {"created_at", "updated_at"}
"""What a job of any kind can be given."""
_WORDS: Final = {"on_full": OnFull, "on_crash": OnCrash}
"""Fields that may be given as words."""


class BatchJob:
    """A job in steps, each of which goes on where it was when it was stopped, failed or died."""

    def __init__(
        self,
        name: str,
        params: type[Params] | None = None,
        *,
        restartable: bool = True,
        database: str | None = None,
        handler: str | None = None,
        **fields: Any,
    ) -> None:
        """Args:
        params: the class of its parameters; None: a run may be given any scalars.
        restartable: whether an instance that failed or was stopped may be run again.
        database: name of the application's database that its chunks are written to, as the board
            knows it (`Callboard(databases=...)`); None: the board's own.
        handler: `module:name` by which other nodes find this object; by default the variable that
            it is in, in the module that makes it.
        fields: of any job: group, description, retry, timeout_s, on_crash, labels ...; see Job.
        """
        if unknown := sorted(fields.keys() - _FIELDS):
            raise UsageError(f"a batch job has no {', '.join(unknown)}")
        if params is not None and not (isinstance(params, type) and issubclass(params, Params)):
            raise invalid(
                "params", f"{params!r} is no class of parameters", "derive it from Params"
            )
        self.name = name
        self.params = params
        self.restartable = restartable
        self.database = database
        self.flow: Flow | None = None
        """Where its steps lead; None: each to the next, in the order of their definition."""
        self.befores: list[JobHook] = []
        self.afters: list[JobHook] = []
        self._fields = fields
        self._handler = handler
        self._module = str(sys._getframe(1).f_globals.get("__name__", "__main__"))
        self._steps: dict[str, Step] = {}
        self._readers: dict[str, Reader] = {}

    def __repr__(self) -> str:
        return f"<BatchJob {self.name}>"

    # what it is made of

    @overload
    def step(self, function: StepFunction, /) -> FunctionStep: ...
    @overload
    def step(
        self, name: str | None = None, /, **rules: Any
    ) -> Callable[[StepFunction], FunctionStep]: ...
    def step(self, given: Any = None, /, **rules: Any) -> Any:
        """A decorator: the function is a step, after those before it.

        Args:
            given: the step's name; the function's own by default.
            rules: start_limit, allow_start_if_complete, promote ...; see Step.
        """
        if callable(given):
            return self.add(FunctionStep(given))
        name = rules.pop("name", given)
        return lambda function: self.add(FunctionStep(function, name=name, **rules))

    @overload
    def reader(self, function: Callable[..., Any], /) -> Reader: ...
    @overload
    def reader(
        self, function: None = None, /, *, name: str | None = None, save_state: bool = True
    ) -> Callable[[Callable[..., Any]], Reader]: ...
    def reader(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        save_state: bool = True,
    ) -> Any:
        """A decorator: the function is a reader, for `ctx.chunks` and chunk steps; see reading.py.

        Args:
            save_state: False: a restart reads from the beginning.
        """

        def decorate(function: Callable[..., Any]) -> Reader:
            reader = Reader(function, name=name, save_state=save_state)
            if reader.name in self._readers:
                raise AlreadyExists(f"reader of job {self.name!r} named", reader.name)
            self._readers[reader.name] = reader
            return reader

        return decorate if function is None else decorate(function)

    def add(self, step: S) -> S:
        """One more step, after those before it. Raises AlreadyExists for a name that is taken."""
        known = self._steps.setdefault(step.name, step)
        if known is not step:
            raise AlreadyExists(f"step of job {self.name!r} named", step.name)
        return step

    def before(self, hook: H) -> H:
        """A decorator: called before the first step; raising fails the run."""
        self.befores.append(hook)
        return hook

    def after(self, hook: H) -> H:
        """A decorator: called when the run is about to end, whichever way; what it raises is only
        logged."""
        self.afters.append(hook)
        return hook

    # what it says of itself

    @property
    def steps(self) -> tuple[Step, ...]:
        """All, those that only the flow names among them."""
        steps = dict(self._steps)
        for step in steps_of(self.flow) if self.flow is not None else ():
            if steps.setdefault(step.name, step) is not step:
                raise AlreadyExists(f"step of job {self.name!r} named", step.name)
        return tuple(steps.values())

    @property
    def deciders(self) -> Mapping[str, Callable[..., Any]]:
        return {} if self.flow is None else deciders_of(self.flow)

    @property
    def flow_plan(self) -> FlowPlan:
        if self.flow is None:
            return sequence(step.name for step in self.steps)
        return plan_of(self.flow, [step.name for step in self.steps])

    @property
    def reference(self) -> str:
        """`module:name`, by which other processes find it."""
        if self._handler is not None:
            return self._handler
        module = sys.modules.get(self._module)
        for name, value in vars(module).items() if module is not None else ():
            if value is self:
                return f"{self._module}:{name}"
        return f"{self._module}:{self.name}"

    def definition(self) -> dict[str, Json]:
        """Steps and flow, as they are stored in the job's spec."""
        return {"steps": [step.spec() for step in self.steps], "flow": self.flow_plan.to_json()}

    def to_job(self, changes: Mapping[str, Any] | None = None) -> Job:
        """The job as it is stored; `changes` win over what the code says.

        Raises:
            InvalidInput: a field is wrong.
        """
        fields = {**self._fields, **(changes or {})}
        for name, kind in _WORDS.items():
            if name in fields:
                fields[name] = _word(name, kind, fields[name])
        rules = None if self.params is None else [rule.to_json() for rule in self.params.rules()]
        spec: dict[str, Json] = {
            "handler": self.reference,
            "parameters": rules,
            "restartable": self.restartable,
            **self.definition(),
        }
        return Job(name=fields.pop("name", self.name), kind="batch", spec=spec, **fields)


def _word(field: str, kind: type[StrEnum], given: Any) -> StrEnum:
    try:
        return kind(given)
    except ValueError:
        raise invalid(field, f"{given!r} is unknown", f"one of {', '.join(kind)}") from None
