"""One sample in a process of its own: `python -m benchmarks.child SAMPLE.json RESULT.json`.

`python -m benchmarks.child --probe` says, as JSON on stdout, which systems this interpreter has.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import MEASURES, Failed
from benchmarks.systems.contract import SYSTEMS, Env, Listing, NotOffered, System


def main(arguments: list[str]) -> None:
    if arguments == ["--probe"]:
        print(json.dumps(_probe()))
        return
    sample, result = (Path(argument) for argument in arguments)
    logging.basicConfig(level=logging.ERROR)
    result.write_text(json.dumps(_sample(json.loads(sample.read_text()))))


def _probe() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "uvloop": _version("uvloop"),
        "systems": {each.name: _installed(each) for each in SYSTEMS if each.is_python},
    }


def _installed(listing: Listing) -> str | None:
    found = [_version(distribution) for distribution in listing.distributions]
    is_newer = listing.below is not None and (found[0] or "").split(".")[0] >= listing.below
    return None if None in found or is_newer else found[0]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _sample(sample: dict[str, Any]) -> dict[str, Any]:
    listing = next(listing for listing in SYSTEMS if listing.name == sample["system"])
    env = Env(**sample["env"])
    with asyncio.Runner(loop_factory=_loop_factory(sample["loop"])) as runner:
        try:
            system: System = importlib.import_module(listing.module).SYSTEM
            work = _measured(system, sample["workload"], env, sample["postmaster"])
            metrics = _run(runner, work, sample.get("profile"))
        except NotOffered as lack:
            return {"not_offered": str(lack)}
        except Failed as failure:
            return {"failed": str(failure)}
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}"}
    return {"metrics": metrics, "keeps": system.keeps}


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == "uvloop":
        return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
    return None


async def _measured(
    system: System, workload: str, env: Env, postmaster: int | None
) -> dict[str, float]:
    if workload != "W5":
        await system.prepare(env)
    return await MEASURES[workload](system, env, postmaster)


def _run(runner: asyncio.Runner, work: Any, profile: str | None) -> Any:
    if profile is None:
        return runner.run(work)
    cProfile = importlib.import_module("cProfile")
    profiler = cProfile.Profile()
    with contextlib.ExitStack() as stack:
        stack.callback(profiler.dump_stats, profile)
        profiler.enable()
        stack.callback(profiler.disable)
        return runner.run(work)


if __name__ == "__main__":
    main(sys.argv[1:])
