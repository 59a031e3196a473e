"""Storms in a row from the command line: `python tests/acceptance/chaos.py --seeds 5 --minutes 9`.

Each has a server of its own and a seed that says who takes part and what hits whom. One that leaves
a fault behind leaves its directory too: the server's data, what the handlers wrote, the plan, and
the faults in words.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random, SystemRandom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acceptance.chaos_plan import Plan, make_plan
from acceptance.chaos_storm import Options, Outcome, Storm
from acceptance.places import Place
from acceptance.servers import FragileServer, fragile_server
from support.postgres import fresh_database

SIZES = ((3, 1), (4, 2), (8, 3), (20, 4))
"""Schedulers and executors, of which the seed draws one."""
SETTINGS = {"max_connections": "600"}


def main() -> int:
    options = parse()
    # Who runs this may have been told to ignore them; the processes of the storm must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    logging.basicConfig(level="ERROR")
    seeds = options.seed or [SystemRandom().randrange(1 << 32) for _ in range(options.seeds)]
    seconds = options.seconds or options.minutes * 60 / len(seeds)
    failed = [seed for seed in seeds if not is_survived(seed, seconds, options)]
    print(f"{len(seeds) - len(failed)} of {len(seeds)} storms left everything as it should be")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3, help="how many storms")
    parser.add_argument("--minutes", type=float, default=6.0, help="of all of them together")
    parser.add_argument("--seed", type=int, action="append", help="this one, again")
    parser.add_argument("--seconds", type=float, help="of each storm")
    parser.add_argument("--schedulers", type=int)
    parser.add_argument("--executors", type=int)
    parser.add_argument("--every-s", type=float, default=1.0, help="between two strikes")
    parser.add_argument("--triggers", type=int, default=80)
    return parser.parse_args()


def is_survived(seed: int, seconds: float, options: argparse.Namespace) -> bool:
    """Whether a storm left everything as it should be; says so."""
    plan = plan_of(seed, seconds, options)
    print(plan, flush=True)
    directory = Path(tempfile.mkdtemp(prefix=f"callboard-chaos-{seed}-"))
    with fragile_server(directory, SETTINGS) as server:
        outcome = asyncio.run(struck(plan, directory, server, options))
    print("\n".join(outcome.lines))
    if not outcome.faults:
        shutil.rmtree(directory)
        print(f"seed {seed}: no fault\n", flush=True)
        return True
    (directory / "faults").write_text("\n".join([str(plan), *outcome.lines, *outcome.faults]))
    print("\n".join(outcome.faults[:20]))
    print(f"seed {seed}: {len(outcome.faults)} faults, kept in {directory}")
    print(f"again: {again(plan, options)}\n", flush=True)
    return False


def plan_of(seed: int, seconds: float, options: argparse.Namespace) -> Plan:
    schedulers, executors = Random(seed).choice(SIZES)
    schedulers = schedulers if options.schedulers is None else options.schedulers
    executors = executors if options.executors is None else options.executors
    return make_plan(
        seed,
        schedulers=schedulers,
        executors=executors,
        seconds=seconds,
        # More processes on the same machine take longer for everything.
        lease_s=2.0 + 0.15 * (schedulers + executors),
        every_s=options.every_s,
    )


async def struck(
    plan: Plan, directory: Path, server: FragileServer, options: argparse.Namespace
) -> Outcome:
    place = Place(dsn=await fresh_database(server.dsn), trace=directory / "executions")

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        return await Storm(plan, place, server, Options(triggers=options.triggers, say=say)).run()
    except Exception:  # noqa: BLE001 - whatever it is: the storm did not end well
        return Outcome(faults=[traceback.format_exc()])


def again(plan: Plan, options: argparse.Namespace) -> str:
    """The command that repeats a plan."""
    fires = sum(seat.fires for seat in plan.seats)
    words = [
        f"--seed {plan.seed} --seconds {plan.seconds:g} --every-s {options.every_s:g}",
        f"--schedulers {fires} --executors {len(plan.seats) - fires}",
        f"--triggers {options.triggers}",
    ]
    return f"{sys.executable} {Path(__file__)} {' '.join(words)}"


if __name__ == "__main__":
    sys.exit(main())
