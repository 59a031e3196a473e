"""callboard release, retry: many runs at once, by what they have in common."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup
from callboard_service.cli.session import Session

OfJob = Annotated[str | None, typer.Option("--job", "-j", help="Only of this job.")]
OfType = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Only for this reason, e.g. UnknownHandler."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only count.")]
Failed = Annotated[bool, typer.Option("--failed", help="Those that failed; the usual.")]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="failed, timed_out, stopped or abandoned; may come more than once.",
    ),
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="INSTANT", help="Created at or after.")
]
Until = Annotated[str | None, typer.Option(metavar="INSTANT", help="Created before.")]
All = Annotated[bool, typer.Option("--all", help="Without any filter.")]


async def release(
    session: Session,
    job: OfJob = None,
    group: AnyGroup = None,
    error_type: OfType = None,
    dry_run: DryRun = False,
) -> None:
    """Queue parked runs again, after a deploy say.

    E.g. callboard release --type UnknownHandler --dry-run
    """
    body = {"job": job, "group": group, "error_type": error_type, "dry_run": dry_run}
    await _change(session, "release", "released", body)


async def retry(
    session: Session,
    job: OfJob = None,
    group: AnyGroup = None,
    error_type: OfType = None,
    failed: Failed = False,
    state: States = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: DryRun = False,
) -> None:
    """Try runs again that ended without success, but for those that were already.

    E.g. callboard retry --job load --failed --from 2026-11-20T00:00:00Z
    """
    states = [*(["failed"] if failed else []), *(state or [])]
    body = {
        "job": job,
        "group": group,
        "error_type": error_type,
        "state": list(dict.fromkeys(states)) or ["failed"],
        "from": since,
        "until": until,
        "all": everything,
        "dry_run": dry_run,
    }
    await _change(session, "retry", "tried again", body)


async def _change(session: Session, verb: str, done: str, body: dict[str, Any]) -> None:
    """In as many requests as it takes."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.text import counted

    run_ids: list[int] = []
    before_id: int | None = None
    while True:
        answer = await session.api.post(path_of("runs", verb), {**body, "before_id": before_id})
        run_ids += answer.value["run_ids"]
        before_id = answer.value["before_id"]
        if before_id is None:
            break
    output = session.output
    if output.as_json:
        output.document({"count": len(run_ids), "run_ids": run_ids, "dry_run": body["dry_run"]})
    else:
        output.line(
            f"{counted(len(run_ids), 'run')} {'would be ' if body['dry_run'] else ''}{done}"
        )
