"""Finding handlers by name, and binding arguments."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callboard.errors import AlreadyExists
from callboard.runners.binding import ArgumentMismatch, Handler
from callboard.runners.context import NoRun, RunContext, current_run
from callboard.runners.handlers import HandlerRegistry, UnknownHandler
from callboard.runners.log import RunLog
from callboard.testing import VirtualClock

MODULE = """
import os

LIMIT = 3

def load(): return "loaded"

class Shop:
    @staticmethod
    def close(): return "closed"
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules to import, gone from the interpreter afterwards."""
    package = tmp_path / "cb_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "jobs.py").write_text(MODULE)
    (package / "broken.py").write_text("raise RuntimeError('no licence')")
    (package / "exits.py").write_text("import sys; sys.exit(3)")
    (package / "needs.py").write_text("import cb_not_installed")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith("cb_"):
            del sys.modules[name]


def context() -> RunContext:
    log = RunLog(1, clock=VirtualClock(), emit=lambda chunk: None)
    return RunContext(run_id=1, job="a-job", group="default", output=log)


def bound(function: Callable[..., Any], **arguments: Any) -> Any:
    """What the function returns when it is called with a run's arguments."""
    return Handler("a-handler", function).bind(arguments, context())()


def test_a_registered_name_comes_first() -> None:
    registry = HandlerRegistry()
    registry.register("cb_shop.jobs:load", lambda: "mine")
    assert registry.resolve("cb_shop.jobs:load").function() == "mine"


def test_the_decorator_registers_and_returns_the_function() -> None:
    registry = HandlerRegistry()

    @registry.job(name="nightly")
    def load() -> None: ...

    assert registry.resolve("nightly").function is load


def test_without_a_name_the_decorator_takes_module_and_function() -> None:
    registry = HandlerRegistry()
    registry.job()(bound)
    assert registry.names == (f"{__name__}:bound",)


def test_another_function_cannot_take_a_name() -> None:
    registry = HandlerRegistry()
    registry.register("nightly", bound)
    registry.register("nightly", bound)
    with pytest.raises(AlreadyExists):
        registry.register("nightly", context)


@pytest.mark.parametrize(
    ("name", "result"), [("cb_shop.jobs:load", "loaded"), ("cb_shop.jobs:Shop.close", "closed")]
)
def test_module_and_function_are_imported(name: str, result: str) -> None:
    assert HandlerRegistry().resolve(name).function() == result


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nightly", "not registered, and not of the form module:function"),
        ("cb_shop.jobs:load()", "not of the form module:function"),
        ("../etc:passwd", "not of the form module:function"),
        ("cb_none:load", "there is no module 'cb_none'"),
        ("cb_shop.none:load", "there is no module 'cb_shop.none'"),
        ("cb_shop.jobs:unload", "there is no 'unload' in 'cb_shop.jobs'"),
        ("cb_shop.jobs:Shop.open", "there is no 'open' in 'Shop'"),
        ("cb_shop.jobs:LIMIT", "it is a int, not a function"),
        ("cb_shop.jobs:os.system", "'os' is a module"),
        ("cb_shop.broken:load", "raised RuntimeError: no licence"),
        ("cb_shop.exits:load", "raised SystemExit: 3"),
        ("cb_shop.needs:load", "raised ModuleNotFoundError: No module named 'cb_not_installed'"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(name: str, reason: str) -> None:
    with pytest.raises(UnknownHandler) as caught:
        HandlerRegistry().resolve(name)
    assert reason in str(caught.value)
    assert caught.value.name == name


def test_only_modules_of_the_list_are_imported() -> None:
    registry = HandlerRegistry(modules=("cb_shop",))
    assert registry.resolve("cb_shop.jobs:load").function() == "loaded"
    for name in ("os:system", "cb_shopping:load"):
        with pytest.raises(UnknownHandler, match="not among those"):
            registry.resolve(name)


def test_what_failed_to_import_is_tried_again() -> None:
    registry = HandlerRegistry()
    with pytest.raises(UnknownHandler):
        registry.resolve("cb_late:load")
    (Path(sys.path[0]) / "cb_late.py").write_text("def load(): return 'here now'")
    import importlib

    importlib.invalidate_caches()
    assert registry.resolve("cb_late:load").function() == "here now"


def test_arguments_are_keywords_and_defaults_stay() -> None:
    def load(source: str, *, limit: int = 10) -> tuple[str, int]:
        return source, limit

    assert bound(load, source="s3") == ("s3", 10)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"source": 1, "limti": 2}, "no parameter 'limti': did you mean 'limit'?"),
        ({"source": 1, "zzz": 2}, "no parameter 'zzz'"),
        ({"limit": 2}, "the argument 'source' is missing"),
        ({"source": 1, "ctx": 2}, "'ctx' is the run's context"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, int], reason: str) -> None:
    def load(ctx, source: int, limit: int = 10) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(ArgumentMismatch, match=reason.replace("?", "\\?")):
        bound(load, **arguments)


def test_keywords_take_any_argument() -> None:
    assert bound(lambda **words: words, a=1, b=2) == {"a": 1, "b": 2}


def test_a_parameter_named_ctx_gets_the_context() -> None:
    assert bound(lambda ctx: ctx.run_id) == 1


def test_a_parameter_annotated_so_gets_the_context() -> None:
    def load(this: RunContext, ctx: int) -> tuple[int, int]:
        return this.run_id, ctx

    assert bound(load, ctx=5) == (1, 5)


def test_an_annotation_that_cannot_be_evaluated_is_read_by_its_words() -> None:
    def load(this: "Missing | RunContext") -> int:  # type: ignore[name-defined]  # noqa: F821, UP037
        return this.run_id

    assert bound(load) == 1


def test_partials_methods_and_objects_can_be_handlers() -> None:
    class Shop:
        def load(self, source: str) -> str:
            return source

        async def __call__(self) -> None: ...

    assert bound(Shop().load, source="s3") == "s3"
    assert bound(functools.partial(Shop().load, "s3")) == "s3"
    assert Handler("x", Shop()).is_async
    assert Handler("x", functools.partial(Shop())).is_async


def test_a_builtin_without_signature_is_called_as_asked() -> None:
    assert bound(dict, a=1) == {"a": 1}


def test_what_is_no_function_is_put_and_found_by_its_name() -> None:
    registry = HandlerRegistry()
    thing = object()
    registry.put("shop:thing", thing)
    registry.put("shop:thing", thing)
    assert registry.thing("shop:thing") is registry.find("shop:thing") is thing
    with pytest.raises(AlreadyExists):
        registry.put("shop:thing", object())


def test_what_is_no_function_is_imported_within_the_same_bounds() -> None:
    registry = HandlerRegistry(modules=("string",))
    assert registry.thing("string:digits") is None
    assert registry.find("string:digits") == registry.thing("string:digits") == "0123456789"
    for name in ("json:dumps", "string:nothing", "no reference"):
        with pytest.raises(UnknownHandler):
            registry.find(name)


def test_outside_of_a_run_there_is_no_current_run() -> None:
    with pytest.raises(NoRun):
        current_run()
