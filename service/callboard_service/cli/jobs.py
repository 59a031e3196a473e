"""callboard jobs: the definitions of work."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.session import Session

app = typer.Typer(help="The definitions of work.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]


@api_command(app, "list")
async def list_jobs(
    session: Session,
    group: AnyGroup = None,
    kind: Annotated[
        str | None, typer.Option(help="Only of this kind: python, command, script, http ...")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY:VALUE", help="Only with this label.")
    ] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only those.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At the most.", show_default="all")
    ] = None,
) -> None:
    """List jobs by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import JOB_COLUMNS, job_row

    query = {
        "group": group,
        "kind": kind,
        "label": label,
        "disabled": None if disabled is None else str(disabled).lower(),
    }
    page = await session.api.list(path_of("jobs"), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(JOB_COLUMNS, [job_row(job, utc=output.utc) for job in page["items"]])


@api_command(app, "get")
async def get_job(session: Session, name: Name, group: Group = None) -> None:
    """Show a job."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("jobs", name), {"group": group})
    _show(session, answer.body)


@api_command(app, "create")
async def create_job(
    session: Session,
    file: Annotated[str, typer.Argument(help="A file with its JSON; - for stdin.")],
    group: Group = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one of the same name.")
    ] = False,
) -> None:
    """Create a job from JSON, as the API has it.

    E.g. {"name": "hello", "kind": "command", "spec": {"shell": "echo hello"}}
    or {"name": "load", "kind": "script", "spec": {"location": "s3://etl/load.py"}}
    """
    from callboard_service.cli.input import read_object

    answer = await session.api.create("jobs", read_object(file), group, replace=replace)
    _show(session, answer.body)


@api_command(app, "delete")
async def delete_job(session: Session, name: Name, group: Group = None) -> None:
    """Delete a job; its queued runs are stopped, its history stays."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("jobs", name), query={"group": group})
    session.output.note(f"deleted the job {name}")


@api_command(app, "enable")
async def enable_job(session: Session, name: Name, group: Group = None) -> None:
    """Let a job be started again."""
    await _set_disabled(session, name, group, disabled=False)


@api_command(app, "disable")
async def disable_job(session: Session, name: Name, group: Group = None) -> None:
    """Refuse to start a job; slots of its triggers are skipped meanwhile."""
    await _set_disabled(session, name, group, disabled=True)


async def _set_disabled(session: Session, name: str, group: str | None, *, disabled: bool) -> None:
    from callboard_service.cli.client import path_of

    answer = await session.api.request(
        "PATCH", path_of("jobs", name), query={"group": group}, body={"disabled": disabled}
    )
    _show(session, answer.body)


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.parameters import PARAMETER_COLUMNS, parameter_rows
    from callboard_service.cli.views import job_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        job = json.loads(body)
        session.output.facts(job_facts(job, utc=session.output.utc))
        if rows := parameter_rows(job):
            session.output.line("")
            session.output.table(PARAMETER_COLUMNS, rows)
