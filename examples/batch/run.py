"""Settle a million orders, and see what becomes of it when it is stopped or killed.

    python examples/batch/run.py                 # 1,000,000 orders into an embedded PostgreSQL
    python examples/batch/run.py --orders 50000 --stop-after 2

It writes the file of orders, begins where an earlier call was stopped or killed (press Ctrl-C, or
use kill -9, and call it again), shows how far it is, and compares the result with what plain code
adds up. With `--dsn postgresql://...` it settles into a database of yours, in a schema `shop`.

It exits with 0 when that agrees, 1 when it was stopped or failed, 2 when it does not agree.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import signal
import sys
from datetime import date
from pathlib import Path

from callboard import BoardConfig, Callboard, Run
from callboard.errors import Conflict
from orders import added_up, write_orders
from settlement import SettleParams, settlement

LOOK_S = 1.0
"""Between looks at how far it is."""
LEASE_S = 3.0
"""After which the run of a call that was killed goes on in another one; 15 by default."""


def arguments() -> argparse.Namespace:
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    place = Path("build/settlement")
    parser.add_argument("--orders", type=int, default=1_000_000, help="how many the file has")
    parser.add_argument("--place", type=Path, default=place, help="for all files")
    parser.add_argument("--dsn", help="of a PostgreSQL; an embedded one in --place by default")
    parser.add_argument("--stop-after", type=float, metavar="S", help="ask it to stop then")
    return parser.parse_args()


async def main(given: argparse.Namespace) -> int:
    given.place.mkdir(parents=True, exist_ok=True)
    source = given.place / f"orders-{given.orders}.csv"
    report = given.place / f"report-{given.orders}.csv"
    if not source.exists():
        write_orders(source.with_suffix(".part"), given.orders)
        source.with_suffix(".part").rename(source)
    params = SettleParams(source=str(source), orders=given.orders, report=str(report))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    dsn = given.dsn or f"embedded:{given.place / 'postgres'}"
    async with Callboard(dsn, config=BoardConfig(lease_s=LEASE_S)) as board:
        await board.define(settlement)
        run = await begin(board, params)
        if given.stop_after is not None:
            asyncio.get_running_loop().call_later(given.stop_after, stop.set)
        run = await watch(board, run, stop)
        print((await board.operator.summary(run.id)).text)
    if run.state != "succeeded":
        print(f"{run.state}: call this again, and it goes on from there")
        return 1
    return 0 if agrees(source, report) else 2


async def begin(board: Callboard, params: SettleParams) -> Run:
    """A first run; or a restart of the last one, or that one itself while it is under way."""
    operator = board.operator
    try:
        run = await operator.start(settlement.name, params)
        print(f"run {run.id}", flush=True)
        return run
    except Conflict as known:
        if known.code != "instance_already_exists":
            raise
        last = await board.get_run(int(str(known.facts["last_run_id"])))
    if last.state == "succeeded":
        print(f"run {last.id} has done all of it", flush=True)
        return last
    if last.state == "parked":  # killed so often that it waits for somebody to look at it
        last = await operator.recover(last.id, reason="called again")
    if not last.has_ended:
        print(f"run {last.id} goes on when the lease of the killed call is over", flush=True)
        return last
    run = await operator.restart(last.id)
    print(f"run {run.id}, a restart of run {last.id}, which {last.state}", flush=True)
    return run


async def watch(board: Callboard, run: Run, stop: asyncio.Event) -> Run:
    """The run at its end, or parked."""
    while not run.has_ended and run.state != "parked":
        if stop.is_set():
            stop.clear()
            with contextlib.suppress(Conflict):  # it has ended meanwhile
                await board.operator.stop(run.id)
                print("asked to stop: it does at the end of its chunk", flush=True)
        run = await board.wait_run(run.id, timeout_s=LOOK_S)
        if run.progress:
            print(f"  {said(run.progress)}", flush=True)
    return run


def said(progress: object) -> str:
    """How far a run is, as people say it."""
    assert isinstance(progress, dict)
    words = [f"{progress.get('step') or ''} {progress['done']:,.0f}"]
    if total := progress.get("total"):
        words.append(f"of {total:,}")
    if rate := progress.get("rate"):
        words.append(f"at {rate:,.0f} a second")
    if eta_s := progress.get("eta_s"):
        words.append(f"for {eta_s:.0f} s more")
    return " ".join(words)


def agrees(source: Path, report: Path) -> bool:
    """Whether the report is what plain code makes of the file."""
    expected = added_up(source)
    with report.open(encoding="utf-8", newline="") as file:
        found = {
            (row["region"], date.fromisoformat(row["day"])): (int(row["orders"]), int(row["cents"]))
            for row in csv.DictReader(file)
        }
    is_equal = found == expected.by_day
    words = "as plain code adds them up" if is_equal else "NOT what plain code adds up"
    print(f"{expected.orders:,} orders, {words}; {expected.skipped:,} bad ones were skipped")
    return is_equal


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
