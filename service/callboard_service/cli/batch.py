"""callboard batch: restartable jobs in steps, their instances and runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli import batch_insight as insight
from callboard_service.cli.batch_define import define
from callboard_service.cli.batch_insight import InstanceId, JobName, RunId
from callboard_service.cli.batch_parameters import (
    Dropped,
    Given,
    Renamed,
    are_all_texts,
    as_declared,
    parse_mapping,
    parse_parameters,
    quoting_fixes,
)
from callboard_service.cli.command import Group, api_command
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

app = typer.Typer(help="Restartable jobs in steps: their instances and runs.", no_args_is_help=True)

Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Follow it, and exit with 1 unless it succeeds.")
]
Key = Annotated[str | None, typer.Option(help="The same key does it only once, for 24 hours.")]


@api_command(app, "start")
async def start(
    session: Session,
    job: JobName,
    given: Given = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    group: Group = None,
) -> ExitCode:
    """Start a new instance of a batch job.

    E.g. callboard batch start settlement business_date=2026-01-05 --wait
    """
    return await _start(session, job, given, "runs", wait=wait, key=idempotency_key, group=group)


@api_command(app, "next")
async def next_instance(
    session: Session,
    job: JobName,
    given: Given = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    group: Group = None,
) -> ExitCode:
    """Start the next instance: the last one's parameters, incremented.

    Only parameters that do not identify can be given others.
    """
    return await _start(
        session, job, given, "runs", "next", wait=wait, key=idempotency_key, group=group
    )


@api_command(app, "stop")
async def stop(
    session: Session,
    run: RunId,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Until it has ended.")] = False,
    kill: Annotated[
        bool, typer.Option("--kill", help="Do not wait for the end of its chunk.")
    ] = False,
    grace_s: Annotated[
        float | None,
        typer.Option(
            "--grace-s",
            min=0,
            help="Seconds until it is killed.",
            show_default="it ends its chunk",
        ),
    ] = None,
) -> None:
    """Stop a run at the end of its chunk; a restart goes on behind it."""
    from callboard_service.cli.batch_watch import watch_run
    from callboard_service.cli.client import path_of
    from callboard_service.cli.runs import show_run

    body = {"mode": "kill" if kill else "cooperative", "grace_s": grace_s}
    answer = await session.api.post(path_of("runs", run, "stop"), body)
    if wait:
        await watch_run(session, run)
        answer = await session.api.get(path_of("runs", run))
    show_run(session, answer.body)


@api_command(app, "restart")
async def restart(
    session: Session,
    run: RunId,
    step: Renamed = None,
    drop: Dropped = None,
    wait: Wait = False,
    idempotency_key: Key = None,
) -> ExitCode:
    """Go on where a failed or stopped run got to, in a new run of its instance."""
    from callboard_service.cli.client import idempotency_headers, path_of

    body = {"steps": parse_mapping(step, drop)}
    answer = await session.api.post(
        path_of("runs", run, "restart"), body, None, idempotency_headers(idempotency_key)
    )
    return await _show(session, answer.body, wait=wait)


@api_command(app, "abandon")
async def abandon(session: Session, run: RunId) -> None:
    """Give up a failed, stopped or stopping run: its instance is closed for good."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.runs import show_run

    answer = await session.api.post(path_of("runs", run, "abandon"))
    show_run(session, answer.body)


@api_command(app, "recover")
async def recover(
    session: Session,
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the run.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Although its node may live: it can write no more.")
    ] = False,
) -> None:
    """Declare a run failed that nobody works on any more, so that it can be restarted."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.runs import show_run

    body = {"reason": reason, "force": force}
    answer = await session.api.post(path_of("runs", run, "recover"), body)
    show_run(session, answer.body)


@api_command(app, "delete")
async def delete(session: Session, instance: InstanceId) -> None:
    """Forget an instance and what its steps did; its runs stay in the history."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("instances", instance))
    session.output.note(f"deleted the instance {instance}")


for name, work in (
    ("define", define),
    ("jobs", insight.jobs),
    ("running", insight.running),
    ("instances", insight.instances),
    ("instance", insight.instance),
    ("runs", insight.runs),
    ("summary", insight.summary),
    ("parameters", insight.parameters),
    ("steps", insight.steps),
    ("context", insight.context),
    ("skipped", insight.skipped),
    ("totals", insight.totals),
    ("explain-restart", insight.explain_restart),
    ("picture", insight.picture),
    ("watch", insight.watch),
):
    api_command(app, name)(work)


async def _start(
    session: Session,
    job: str,
    given: list[str] | None,
    *where: str,
    wait: bool,
    key: str | None,
    group: str | None,
) -> ExitCode:
    from callboard_service.cli.client import idempotency_headers, path_of
    from callboard_service.cli.failures import Refused

    query = {"group": group}
    body = {"arguments": await _arguments(session, job, given, query)}
    path = path_of("jobs", job, *where)
    try:
        answer = await session.api.post(path, body, query, idempotency_headers(key))
    except Refused as refusal:
        raise refusal.with_fixes(quoting_fixes(given)) from None
    return await _show(session, answer.body, wait=wait)


async def _arguments(
    session: Session, job: str, given: list[str] | None, query: dict[str, str | None]
) -> dict[str, Any]:
    from callboard_service.cli.client import path_of
    from callboard_service.cli.failures import Refused

    found = parse_parameters(given)
    if are_all_texts(found):
        return found
    try:
        stored = (await session.api.get(path_of("jobs", job), query)).value
    except Refused:
        return found  # the start says what is wrong
    rules = stored["spec"].get("parameters") if stored["kind"] == "batch" else None
    return as_declared(found, given, rules)


async def _show(session: Session, body: bytes, *, wait: bool) -> ExitCode:
    import json

    from callboard_service.cli.batch_watch import tell_end, watch_run
    from callboard_service.cli.runs import show_run

    if not wait:
        show_run(session, body)
        return ExitCode.DONE
    run: dict[str, Any] = json.loads(body)
    if not session.output.as_json:
        session.output.note(f"run {run['id']} of {run['job']}, instance {run['instance_id']}")
    return tell_end(session, await watch_run(session, run["id"]))
