"""callboard start: start a run, and if wished wait for its end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from callboard_service.cli.arguments import Arg, ArgJson, parse_arguments, text_fixes
from callboard_service.cli.command import Group
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.runs import Raw
from callboard_service.cli.session import Session


async def start(
    session: Session,
    job: Annotated[str, typer.Argument(help="The job's name.", show_default=False)],
    arg: Arg = None,
    arg_json: ArgJson = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", "-w", help="Show its log, and exit with 1 unless it succeeds."),
    ] = False,
    unique_key: Annotated[
        str | None, typer.Option(help="While a run with this key lives, give that one.")
    ] = None,
    due_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Not before.", show_default="at once")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            help="A higher one is claimed earlier: -100 to 100.", show_default="the job's"
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key starts it only once, for 24 hours.")
    ] = None,
    group: Group = None,
    raw: Raw = False,
) -> ExitCode:
    """Start a run of a job.

    With --wait its stdout goes to stdout and the rest to stderr; retries are runs of their own and
    not waited for.
    """
    from callboard_service.cli.client import idempotency_headers, path_of
    from callboard_service.cli.failures import Refused
    from callboard_service.cli.runs import show_run

    body = {
        "arguments": parse_arguments(arg, arg_json),
        "due_at": due_at,
        "unique_key": unique_key,
        "priority": priority,
    }
    headers = idempotency_headers(idempotency_key)
    path = path_of("jobs", job, "runs")
    try:
        answer = await session.api.post(path, body, {"group": group}, headers)
    except Refused as refusal:
        raise refusal.with_fixes(text_fixes(arg)) from None
    if wait:
        return await _wait(session, answer.value, raw=raw)
    show_run(session, answer.body)
    return ExitCode.DONE


async def _wait(session: Session, run: dict[str, Any], *, raw: bool) -> ExitCode:
    from callboard_service.cli.text import show_span
    from callboard_service.cli.views import error_text, result_text
    from callboard_service.cli.waiting import code_of, wait_for_end

    output = session.output
    if not output.as_json:
        output.note(f"run {run['id']} of {run['job']} started")
    try:
        ended = await wait_for_end(session, run["id"], show=not output.as_json, raw=raw)
    except asyncio.CancelledError:
        output.note(f"run {run['id']} goes on; callboard stop {run['id']} ends it")
        raise
    if output.as_json:
        output.document(ended)
    else:
        said = error_text(ended) or result_text(ended["result"])
        took = (
            f" in {show_span(started, ended['ended_at'])}"
            if (started := ended["started_at"])
            else ""
        )
        output.note(f"run {run['id']} {ended['state']}{took}" + (f": {said}" if said else ""))
    return code_of(ended)
