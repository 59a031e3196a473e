"""A node in a process of its own: `node.py --dsn DSN --name NAME [options]`.

Requests are lines of JSON on stdin, answers are lines of JSON on stdout, in any order:

    {"id": 1, "do": "start", "job": "quick", "arguments": {"ask": 7}, "key": "ask-7"}
    {"id": 1, "answer": 4711}
    {"id": 1, "error": "StoreUnavailable", "message": "..."}

The first line is `{"id": 0, "answer": EPOCH}`, when the node is ready. An answer to a start is
given after the start is committed. SIGTERM, or the end of stdin, closes the node in order.
`--skew-s` sets its wall clock ahead, `--deaf 1` has it neither give nor hear hints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acceptance import workload
from acceptance.deaf import DeafStore
from callboard import BoardConfig, Callboard, NewRun
from callboard.clock import SystemClock
from callboard.config import Scheduling
from callboard.domain.run import StopMode
from callboard.domain.states import LIVE
from callboard.errors import CallboardError
from callboard.store.contract import RunFilter, Store, TriggerFilter
from callboard.store.dsn import open_store

LINE_LIMIT = 1 << 20


class AheadClock(SystemClock):
    """The machine's clocks, the one on the wall ahead by so much."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return super().now() + self._ahead


def main() -> None:
    options = parse()
    logging.basicConfig(level=options.log, format=f"%(asctime)s {options.name} %(message)s")
    # Whatever prints must not reach the answers.
    answers = os.dup(1)
    os.dup2(2, 1)
    asyncio.run(serve(options, answers))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--name")
    parser.add_argument("--deadline-s", type=float, default=10.0)
    parser.add_argument("--log", default="ERROR")
    parser.add_argument("--skew-s", type=float, default=0.0)
    parser.add_argument("--deaf", type=is_one, default=False)
    parser.add_argument("--shop", help="DSN of an application's database of that name")
    parser.add_argument("--scheduling", type=Scheduling, default=argparse.SUPPRESS)
    for name, kind in (
        ("lease-s", float),
        ("firing-lease-s", float),
        ("loop-block-warn-s", float),
        ("loop-block-limit-s", float),
        ("poll-s", float),
        ("rescue-every-s", float),
        ("drain-s", float),
        ("capacity", int),
        ("crash-budget", int),
    ):
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS)
    for name in ("executes", "fires"):
        parser.add_argument(f"--{name}", type=is_one, default=argparse.SUPPRESS)
    return parser.parse_args()


def is_one(text: str) -> bool:
    return text == "1"


def make_board(options: argparse.Namespace) -> Callboard:
    values = vars(options)
    fields = {key: value for key, value in values.items() if key in BoardConfig.__slots__}
    clock = AheadClock(options.skew_s)
    store = open_store(options.dsn, clock=clock, deadline_s=options.deadline_s)
    return Callboard(
        store=cast(Store, DeafStore(store)) if options.deaf else store,
        clock=clock,
        config=BoardConfig(node_name=options.name, **fields),
        databases={"shop": options.shop} if options.shop else None,
    )


async def serve(options: argparse.Namespace, answers: int) -> None:
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader(limit=LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(requests)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, transport.close)  # which ends the requests
    try:
        async with make_board(options) as board, asyncio.TaskGroup() as group:
            tell(answers, {"id": 0, "answer": board.health().epoch})
            while line := await requests.readline():
                group.create_task(answer(board, json.loads(line), answers))
    finally:
        transport.close()


async def answer(board: Callboard, request: dict[str, Any], answers: int) -> None:
    verb = VERBS[request.pop("do")]
    number = request.pop("id")
    try:
        said = {"answer": await verb(board, **request)}
    except CallboardError as error:
        said = {"error": type(error).__name__, "message": str(error)}
    tell(answers, {"id": number, **said})


def tell(answers: int, said: dict[str, Any]) -> None:
    os.write(answers, json.dumps(said).encode() + b"\n")


async def define(board: Callboard, trace: str, with_triggers: bool = True) -> None:
    await workload.define_all(board, Path(trace), with_triggers=with_triggers)


async def start(
    board: Callboard, job: str, arguments: dict[str, Any], key: str | None = None
) -> int:
    new = NewRun(job=job, arguments=arguments)
    (run,) = await board.start_runs([new], idempotency_key=key)
    return run.id


async def start_many(
    board: Callboard, job: str, arguments: list[dict[str, Any]], key: str | None = None
) -> list[int]:
    """A run for each of the arguments, in one call."""
    new = [NewRun(job=job, arguments=each) for each in arguments]
    return [run.id for run in await board.start_runs(new, idempotency_key=key)]


async def stop(board: Callboard, run_id: int, mode: str) -> str:
    return (await board.stop_run(run_id, mode=StopMode(mode), grace_s=1.0)).state.value


async def wait(board: Callboard, run_id: int, timeout_s: float) -> dict[str, Any]:
    run = await board.wait_run(run_id, timeout_s=timeout_s)
    return {
        "state": run.state.value,
        "result": run.result,
        "error": run.error.type if run.error else None,
        "node": run.node,
        "crashes": run.crashes,
    }


async def deactivate(board: Callboard) -> None:
    for trigger in await board.list_triggers(TriggerFilter(limit=1000)):
        await board.deactivate_trigger(trigger.group, trigger.name)


async def live(board: Callboard) -> list[str]:
    """The runs that have not ended, in words."""
    runs = await board.list_runs(RunFilter(states=tuple(LIVE), limit=1000))
    return [
        f"{run.id} {run.job} {run.state} of {run.node} (epoch {run.epoch}), due {run.due_at:%T}"
        for run in runs
    ]


async def health(board: Callboard) -> dict[str, Any]:
    health = board.health()
    return {
        "is_ready": health.is_ready,
        "epoch": health.epoch,
        "reasons": health.reasons,
        "role": health.role,
        "shards": health.shards,
        "slots": dict(health.slots),
    }


VERBS = {
    "define": define,
    "start": start,
    "start_many": start_many,
    "stop": stop,
    "wait": wait,
    "deactivate": deactivate,
    "live": live,
    "health": health,
}

if __name__ == "__main__":
    main()
