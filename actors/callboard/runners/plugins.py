"""Plug-ins: runners of further kinds of jobs, from installed packages and from the host.

A package offers one as an entry point of the group `callboard.runners`, under the name of its kind:

    [project.entry-points."callboard.runners"]
    ssh = "callboard_ssh:SshRunner"

It is an object, or a class or function that makes one without arguments, once for each board:

    kind      the entry point's name
    schema    JSON Schema (draft 2020-12) of the spec of its jobs, checked when one is defined
    execute   async (job, run, *, log, control) -> Outcome: see runners.contract.Runner
    stuck     may be there: runs that go on although their outcome was told
    close     may be there: of one that was made for the board, called when that closes

One that does not load is logged and left out; a job of its kind is refused with the reason.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol, cast

from callboard.domain.job import Job
from callboard.domain.job_spec import KINDS, is_kind
from callboard.domain.json import JsonObject
from callboard.domain.parameters import argument_problems, schema_problems
from callboard.domain.run import Run
from callboard.errors import InvalidInput, invalid
from callboard.runners.contract import Outcome
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog

GROUP: Final = "callboard.runners"

logger = logging.getLogger(__name__)


class Plugin(Protocol):
    """What a plug-in has to have."""

    @property
    def kind(self) -> str: ...

    @property
    def schema(self) -> JsonObject: ...

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome: ...


class PluginRunner:
    """A plug-in as a Runner; closed with the board, not with the table of runners."""

    def __init__(self, plugin: Plugin, *, is_ours: bool) -> None:
        """Args:
        is_ours: it was made for this board, and is closed with it.
        """
        self.kind = plugin.kind
        self.schema = plugin.schema
        self._plugin = plugin
        self._is_ours = is_ours

    @property
    def stuck(self) -> int:
        return int(getattr(self._plugin, "stuck", 0))

    def close(self) -> None:
        """Nothing yet: an executor that is started again needs it again."""

    def end(self) -> None:
        """The board has closed."""
        close = getattr(self._plugin, "close", None)
        if not self._is_ours or close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - the plug-in's code; the others are to end, too
            logger.warning("the runner of kind %s did not close: %r", self.kind, error)

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute; whatever is no Outcome is a failure."""
        outcome: object = await self._plugin.execute(job, run, log=log, control=control)
        if isinstance(outcome, Outcome):
            return outcome
        name = type(outcome).__name__
        raise TypeError(f"the runner of kind {self.kind!r} returned a {name}, not an Outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """The plug-ins of one board."""

    runners: tuple[PluginRunner, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    """Why a kind is missing, by the name of its entry point."""

    def check(self, job: Job) -> None:
        """Raise InvalidInput unless somebody executes jobs of that kind and its spec is right."""
        if job.kind in KINDS:
            return  # the job itself has looked at its spec
        for runner in self.runners:
            if runner.kind == job.kind:
                problems = argument_problems(runner.schema, job.spec, "spec")
                if problems:
                    raise InvalidInput(*problems)
                return
        known = f"known: {', '.join((*KINDS, *(runner.kind for runner in self.runners)))}"
        if job.kind in self.broken:
            why = self.broken[job.kind]
            raise invalid("kind", f"the plug-in for {job.kind!r} does not load: {why}", known)
        raise invalid("kind", f"{job.kind!r} is a kind that no runner here executes", known)

    def end(self) -> None:
        """The board has closed."""
        for runner in self.runners:
            runner.end()


def load_plugins(given: Iterable[object] = ()) -> Plugins:
    """Those of the host, and of installed packages; the host's win.

    Args:
        given: objects, or what makes them, as entry points lead to.
    Raises:
        InvalidInput: one of the given ones is no runner.
    """
    runners: dict[str, PluginRunner] = {}
    broken: dict[str, str] = {}
    for index, each in enumerate(given):
        try:
            runner = _runner(each)
            if runner.kind in runners:
                raise ValueError(f"there are two of kind {runner.kind!r}")
        except Exception as error:  # the host's code, while it makes one
            raise invalid(f"runners[{index}]", _words(error)) from error
        runners[runner.kind] = runner
    for entry in _entry_points(tuple(sys.path)):
        if entry.name in runners:
            continue
        try:
            runners[entry.name] = _named_runner(entry)
        except Exception as error:  # noqa: BLE001 - the plug-in's code; the others are to load
            broken[entry.name] = _words(error)
            facts = {"event": "plugin.broken", "kind": entry.name, "plugin": entry.value}
            logger.error(
                "the runner of kind %s does not load: %s", entry.name, _words(error), extra=facts
            )
    return Plugins(runners=tuple(runners.values()), broken=broken)


@lru_cache(maxsize=8)
def _entry_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """By name; the search through all installed packages takes its time."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def _named_runner(entry: EntryPoint) -> PluginRunner:
    runner = _runner(entry.load())
    if runner.kind != entry.name:
        raise ValueError(f"{entry.value} is of kind {runner.kind!r}, not {entry.name!r}")
    return runner


def _runner(offered: object) -> PluginRunner:
    is_maker = isinstance(offered, type) or not hasattr(offered, "execute")
    if is_maker and not callable(offered):
        raise TypeError(f"{offered!r} is neither a runner nor what makes one")
    plugin = cast("Callable[[], object]", offered)() if is_maker else offered
    missing = [name for name in ("kind", "schema", "execute") if not hasattr(plugin, name)]
    if missing:
        raise TypeError(f"{type(plugin).__name__} is no runner: it has no {', '.join(missing)}")
    _check_kind(cast("Any", plugin).kind)
    problems = schema_problems(cast("Any", plugin).schema, "schema")
    if problems:
        raise InvalidInput(*problems)
    return PluginRunner(cast("Plugin", plugin), is_ours=is_maker)


def _check_kind(kind: object) -> None:
    if not isinstance(kind, str) or not is_kind(kind):
        raise ValueError(f"{kind!r} is not the name of a kind: a-z, 0-9, _ and -, a letter first")
    if kind in KINDS:
        raise ValueError(f"the kind {kind!r} is Callboard's own")


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidInput) else f"{type(error).__name__}: {error}"
