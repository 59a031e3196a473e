"""Runs samples, each in a child process on a fresh database, the systems taking turns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.outcome import Outcome, Sample
from benchmarks.server import Server, fresh_database
from benchmarks.systems.contract import SYSTEMS, Env
from benchmarks.workloads import Workload

ROOT = Path(__file__).resolve().parents[1]
LEAD_S = 6.0
PATIENCE_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run."""

    workloads: Sequence[Workload]
    systems: Sequence[str]
    scale: float
    samples: int
    timeout_s: float
    peers_python: str
    graphile: Path | None
    """Where graphile-worker is installed, in node_modules."""
    loop: str
    """uvloop, asyncio, or auto: uvloop where the interpreter has it."""
    profile: Path | None = None
    """A directory for profiles of Callboard's samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One that has systems."""

    command: tuple[str, ...]
    """What takes `--probe`, or the files of a sample."""
    python: str
    """Its version."""
    loop: str
    versions: Mapping[str, str | None]


def interpreters(plan: Plan) -> dict[str, Interpreter]:
    """The interpreter for each system: this one for Callboard, the peers' for the others.

    Raises:
        SystemExit: the peers' does not run.
    """
    ours = _probed(_child(sys.executable), plan.loop)
    is_same = plan.peers_python == sys.executable
    theirs = ours if is_same else _probed(_child(plan.peers_python), plan.loop)
    found = {name: ours if name == "callboard" else theirs for name in plan.systems}
    if "graphile" in found:
        found["graphile"] = _graphile(plan.graphile)
    return found


def _child(python: str) -> tuple[str, ...]:
    return python, "-m", "benchmarks.child"


def _graphile(directory: Path | None) -> Interpreter:
    if directory is None or shutil.which("node") is None:
        return Interpreter(command=(), python="-", loop="-", versions={"graphile": None})
    program = str(ROOT / "benchmarks" / "graphile" / "sample.mjs")
    return _probed(("node", program, str(directory.resolve())), "asyncio")


def _probed(command: tuple[str, ...], loop: str) -> Interpreter:
    try:
        answer = subprocess.run(
            [*command, "--probe"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise SystemExit(f"{command[0]} does not run the benchmarks: {said}") from None
    facts = json.loads(answer.stdout)
    chosen = loop if loop != "auto" else ("uvloop" if facts["uvloop"] else "asyncio")
    if chosen == "uvloop" and not facts["uvloop"]:
        raise SystemExit(f"{command[0]} has no uvloop; leave out --loop, or install it there")
    versions = facts["systems"]
    return Interpreter(command=command, python=facts["python"], loop=chosen, versions=versions)


async def run_all(
    plan: Plan,
    server: Server,
    pythons: Mapping[str, Interpreter],
    say: Callable[[str], None],
) -> list[Outcome]:
    """The outcomes by workload, in the order of the systems."""
    numbers = count(1)
    outcomes: list[Outcome] = []
    for workload in plan.workloads:
        samples: dict[str, list[Sample]] = {name: [] for name in plan.systems}
        for number in range(1, plan.samples + 1):
            for name in plan.systems:
                if pythons[name].versions[name] is None or _is_settled(samples[name]):
                    continue
                where = f"{workload.name} {name} {number}/{plan.samples}"
                say(f"{where} ...")
                sample = await _sample(plan, server, pythons[name], workload, name, numbers)
                say(f"{where}: {_summary(sample, workload)}")
                samples[name].append(sample)
        outcomes += _outcomes(plan, workload, pythons, samples)
    return outcomes


def _is_settled(samples: Sequence[Sample]) -> bool:
    """Whether another sample would say nothing new: it is not offered, or failed twice."""
    if any(sample.lack is not None for sample in samples):
        return True
    return len(samples) > 1 and not any(sample.metrics for sample in samples)


def _summary(sample: Sample, workload: Workload) -> str:
    if sample.metrics:
        return f"{sample.metrics['value']:,.6g} {workload.unit}"
    return sample.failure or sample.lack or "nothing"


def _outcomes(
    plan: Plan,
    workload: Workload,
    pythons: Mapping[str, Interpreter],
    samples: Mapping[str, Sequence[Sample]],
) -> list[Outcome]:
    installs = {listing.name: listing.install for listing in SYSTEMS}
    return [
        Outcome(
            workload=workload.name,
            system=name,
            version=pythons[name].versions[name],
            install=installs[name],
            samples=tuple(samples[name]),
        )
        for name in plan.systems
    ]


async def _sample(
    plan: Plan,
    server: Server,
    python: Interpreter,
    workload: Workload,
    system: str,
    numbers: count[int],
) -> Sample:
    size = workload.size(plan.scale)
    async with fresh_database(server, numbers) as dsn:
        env = Env(
            dsn=dsn,
            count=size,
            lead_s=LEAD_S + size / workload.lead_rate if workload.lead_rate else 0.0,
            patience_s=PATIENCE_S,
        )
        order: dict[str, Any] = {
            "system": system,
            "workload": workload.name,
            "env": asdict(env),
            "loop": python.loop,
            "postmaster": server.postmaster,
        }
        if plan.profile is not None and system == "callboard":
            order["profile"] = str(plan.profile / f"{workload.name}-{time.time_ns()}.prof")
        return await _in_child(python.command, order, plan.timeout_s)


async def _in_child(command: tuple[str, ...], order: Mapping[str, Any], timeout_s: float) -> Sample:
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as directory:
        order_file, result_file = Path(directory) / "order.json", Path(directory) / "result.json"
        order_file.write_text(json.dumps(order))
        child = await asyncio.create_subprocess_exec(
            *command,
            *(str(order_file), str(result_file)),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, errors = await asyncio.wait_for(child.communicate(), timeout_s)
        except TimeoutError:
            return Sample(failure=f"not done after {timeout_s:.0f} s")
        finally:
            # Its helpers, if it has any, are in its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        if not result_file.exists():
            return Sample(failure=_last_words(child.returncode, errors))
        return _read(json.loads(result_file.read_text()))


def _read(result: Mapping[str, Any]) -> Sample:
    return Sample(
        metrics=result.get("metrics", {}),
        keeps=result.get("keeps", ""),
        failure=result.get("failed"),
        lack=result.get("not_offered"),
    )


def _last_words(code: int | None, errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"ended with code {code}: {lines[-1] if lines else 'no word'}"
