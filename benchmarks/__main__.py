"""`python -m benchmarks`: measure, and print one table. Progress goes to stderr."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.chart import chart
from benchmarks.harness import Interpreter, Plan, interpreters, run_all
from benchmarks.machine import facts
from benchmarks.outcome import Outcome
from benchmarks.server import opened_server
from benchmarks.systems.contract import SYSTEMS
from benchmarks.table import heading, table
from benchmarks.workloads import WORKLOADS

NAMES = tuple(workload.name for workload in WORKLOADS)
ALL_SYSTEMS = tuple(listing.name for listing in SYSTEMS)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: Callboard has a figure everywhere; 1: it failed somewhere."""
    options = _parser().parse_args(arguments)
    plan = Plan(
        workloads=[workload for workload in WORKLOADS if workload.name in options.only],
        systems=[name for name in ALL_SYSTEMS if name in options.systems],
        scale=options.scale,
        samples=options.samples,
        timeout_s=options.timeout,
        peers_python=options.peers_python,
        graphile=options.graphile,
        loop=options.loop,
        profile=options.profile,
    )
    if plan.profile is not None:
        plan.profile.mkdir(parents=True, exist_ok=True)
    try:
        pythons = interpreters(plan)
        about, outcomes = asyncio.run(_measure(plan, pythons, options.dsn))
    except KeyboardInterrupt:
        print("stopped; nothing is left running", file=sys.stderr)
        return 130
    is_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = table(outcomes, plan.workloads, scale=plan.scale, is_ascii=is_ascii)
    print(f"{heading(about)}\n\n{text}")
    if options.json is not None:
        document = _document(about, plan, pythons, outcomes)
        options.json.write_text(json.dumps(document, indent=2))
    if options.chart is not None:
        options.chart.write_text(chart(outcomes, plan.workloads, scale=plan.scale))
    ours = [outcome for outcome in outcomes if outcome.system == "callboard"]
    return 0 if all(outcome.trouble is None for outcome in ours) else 1


async def _measure(
    plan: Plan, pythons: Mapping[str, Interpreter], dsn: str | None
) -> tuple[dict[str, str], list[Outcome]]:
    """The machine's facts and what came out."""
    start = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - start:6.1f} s] {text}", file=sys.stderr, flush=True)

    say("starting PostgreSQL" if dsn is None else "connecting to PostgreSQL")
    async with opened_server(dsn) as server:
        about = facts(
            server,
            {name: python.python for name, python in pythons.items()},
            {name: python.loop for name, python in pythons.items()},
        )
        about["samples"] = f"median of {plan.samples}, each in a process and a database of its own"
        return about, await run_all(plan, server, pythons, say)


def _document(
    about: Mapping[str, str],
    plan: Plan,
    pythons: Mapping[str, Interpreter],
    outcomes: Sequence[Outcome],
) -> dict[str, object]:
    return {
        "machine": dict(about),
        "scale": plan.scale,
        "sizes": {workload.name: workload.size(plan.scale) for workload in plan.workloads},
        "versions": {name: python.versions[name] for name, python in pythons.items()},
        "outcomes": [
            {**asdict(outcome), "median": outcome.value, "trouble": outcome.trouble}
            for outcome in outcomes
        ],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", type=_names(NAMES), default=NAMES, help=f"of {','.join(NAMES)}", metavar="W1,..")
    add(
        "--systems",
        type=_names(ALL_SYSTEMS),
        default=ALL_SYSTEMS,
        help=f"of {','.join(ALL_SYSTEMS)}",
        metavar="callboard,..",
    )
    add("--scale", type=_positive, default=1.0, help="times the usual sizes; 0.1 is quick")
    add("--samples", type=_count, default=3, help="of which the median counts; 3")
    add("--timeout", type=_positive, default=180.0, help="seconds for one sample; 180")
    add(
        "--peers-python",
        default=sys.executable,
        metavar="PATH",
        help="interpreter that has the peers installed; this one",
    )
    add(
        "--graphile",
        type=Path,
        metavar="DIR",
        help="where `npm install graphile-worker` was called",
    )
    add("--loop", choices=("auto", "uvloop", "asyncio"), default="auto")
    add("--dsn", help="a server of your own, postgresql://...; it makes and drops databases there")
    add("--json", type=Path, metavar="FILE", help="write all samples, too")
    add("--chart", type=Path, metavar="FILE.svg", help="draw the medians, too")
    add("--profile", type=Path, metavar="DIR", help="cProfile of Callboard; its figures are slower")
    return parser


def _names(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        by_case = {name.lower(): name for name in known}
        wanted = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in wanted if name.lower() not in by_case]
        if unknown or not wanted:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown) or 'nothing'} is not of {', '.join(known)}"
            )
        return tuple(by_case[name.lower()] for name in wanted)

    return parse


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to 100")
    return value


if __name__ == "__main__":
    sys.exit(main())
