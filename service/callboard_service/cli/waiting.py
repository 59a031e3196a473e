"""Waiting for the end of a run, with its log on the way."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Final

from callboard_service.cli.client import path_of
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.follow import follow
from callboard_service.cli.progress import Told, run_bar
from callboard_service.cli.session import Session
from callboard_service.cli.views import log_text
from callboard_service.tasks import first_of

PARKED: Final = "parked"


async def follow_log(
    session: Session,
    run_id: int,
    *,
    after: int = 0,
    query: Mapping[str, str | None] | None = None,
    show: bool = True,
    raw: bool = False,
) -> str:
    """Print the lines of a run as they come; its state when it has ended.

    Args:
        query: which lines; None: all of them.
        raw: to the letter.
    """
    path = path_of("runs", run_id, "log")
    output = session.output
    messages = follow(
        session.api, path, query or {}, after=after, clock=session.clock, note=output.note
    )
    async for message in messages:
        if message["type"] == "end":
            return str(message["state"])
        if not show:
            continue
        if output.as_json:
            output.document({name: message[name] for name in message if name != "type"})
        else:
            output.written(log_text(message), to_stderr=message["stream"] != "stdout", raw=raw)
    raise AssertionError("unreachable")


async def wait_for_end(
    session: Session, run_id: int, *, show: bool, raw: bool = False
) -> Mapping[str, Any]:
    """The run when it has ended, or waits for an operator; its progress as a bar meanwhile."""
    # The bar would take apart what is to come to the letter.
    with nullcontext(_ignore) if raw else run_bar(f"run {run_id}") as told:
        await first_of(
            follow_log(session, run_id, show=show, raw=raw),
            _until_parked(session, run_id, told),
        )
    run: Mapping[str, Any] = (await session.api.get(path_of("runs", run_id))).value
    return run


def code_of(run: Mapping[str, Any]) -> ExitCode:
    """What the end of a run means for the command that waited for it."""
    return ExitCode.DONE if run["state"] == "succeeded" else ExitCode.RUN_FAILED


def _ignore(said: Mapping[str, Any] | None) -> None:
    pass


async def _until_parked(session: Session, run_id: int, told: Told) -> str:
    query = {"run": str(run_id)}
    path = path_of("stream")
    # What happens to the connection is told by whoever follows the log.
    messages = follow(
        session.api, path, query, after=None, clock=session.clock, note=lambda text: None
    )
    async for message in messages:
        runs = message["runs"] if message["type"] == "snapshot" else [message.get("run")]
        for run in runs:
            if run and run["id"] == run_id:
                told(run["progress"])
                if run["state"] == PARKED:
                    return PARKED
    raise AssertionError("unreachable")
