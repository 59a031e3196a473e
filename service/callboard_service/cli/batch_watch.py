"""Following a batch run to its end: its steps in lines, its progress as a bar or in lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from callboard_service.cli.batch_view import step_line
from callboard_service.cli.client import path_of
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.follow import follow
from callboard_service.cli.progress import Told, run_bar
from callboard_service.cli.session import Session
from callboard_service.cli.text import show_span
from callboard_service.cli.views import error_text, progress_text

OVER: Final = frozenset({"succeeded", "failed", "timed_out", "stopped", "abandoned", "parked"})
"""States in which nothing more becomes of a run by itself."""

Run = Mapping[str, Any]


async def watch_run(session: Session, run_id: int, *, messages: bool = False) -> Run:
    """The run when it has ended, or waits for an operator; what it does is told meanwhile.

    Args:
        messages: with --json, too, as the stream has it.
    """
    run = await _get(session, run_id)
    if run["state"] in OVER:
        return run
    with run_bar(f"run {run_id}") as told:
        await _follow(session, run_id, told, messages=messages)
    return await _get(session, run_id)


def tell_end(session: Session, run: Run) -> ExitCode:
    """Say how a run ended that was waited for; what that means for the command."""
    output = session.output
    if output.as_json:
        output.document(run)
    else:
        result = run["result"] if isinstance(run["result"], dict) else {}
        said = [str(run["state"]), f"exit code {result['exit_code']}" if result else ""]
        if run["started_at"] and run["ended_at"]:
            said.append(show_span(run["started_at"], run["ended_at"]))
        said.append(error_text(run))
        output.note(f"run {run['id']} {', '.join(filter(None, said))}")
    return ExitCode.DONE if run["state"] == "succeeded" else ExitCode.RUN_FAILED


async def _get(session: Session, run_id: int) -> Run:
    run: Run = (await session.api.get(path_of("runs", run_id))).value
    return run


async def _follow(session: Session, run_id: int, told: Told, *, messages: bool) -> None:
    output = session.output
    stream = follow(
        session.api,
        path_of("stream"),
        {"run": str(run_id)},
        after=None,
        clock=session.clock,
        note=output.note,
    )
    async for message in stream:
        if message["type"] == "snapshot":
            run = next((run for run in message["runs"] if run["id"] == run_id), None)
            if run is None:
                return  # it ended meanwhile
        else:
            run = message.get("run")
            _tell(session, message, messages=messages)
        if run is not None:
            told(run["progress"])
            if run["state"] in OVER:
                return


def _tell(session: Session, message: Mapping[str, Any], *, messages: bool) -> None:
    output = session.output
    if output.as_json:
        if messages:
            output.document(message)
    elif "step" in message:
        output.line(step_line(message["step"]))
    elif message["type"] == "run.progress" and not output.is_terminal:
        # A terminal has the bar.
        output.line(progress_text(message["run"]["progress"]))
