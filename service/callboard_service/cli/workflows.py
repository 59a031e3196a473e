"""callboard workflows: triggers and the jobs between them as one whole, and their runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

app = typer.Typer(
    help="Triggers and the jobs between them as one whole, and their runs.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]
RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, help="Number of the workflow run.")]
Properties = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=TEXT", help="Properties of the run.", show_default=False),
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait", "-w", help="Until it has ended; 1 unless the last run of each job succeeded."
    ),
]


@api_command(app, "list")
async def list_workflows(
    session: Session,
    group: AnyGroup = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY:VALUE", help="Only with this label.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At the most.", show_default="all")
    ] = None,
) -> None:
    """List workflows by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.workflow_view import WORKFLOW_COLUMNS, workflow_row

    page = await session.api.list(path_of("workflows"), {"group": group, "label": label}, limit)
    if session.output.as_json:
        session.output.document(page)
    else:
        session.output.table(WORKFLOW_COLUMNS, [workflow_row(each) for each in page["items"]])


@api_command(app, "get")
async def get_workflow(session: Session, name: Name, group: Group = None) -> None:
    """Show a workflow."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("workflows", name), {"group": group})
    _show_workflow(session, answer.body)


@api_command(app, "create")
async def create_workflow(
    session: Session,
    file: Annotated[str, typer.Argument(help="A file with its JSON; - for stdin.")],
    group: Group = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one of the same name.")
    ] = False,
) -> None:
    """Create a workflow from JSON, as the API has it; triggers join it by naming it.

    E.g. {"name": "load", "max_concurrent_runs": 1, "properties": {"region": "eu"}}
    """
    from callboard_service.cli.input import read_object

    answer = await session.api.create("workflows", read_object(file), group, replace=replace)
    _show_workflow(session, answer.body)


@api_command(app, "delete")
async def delete_workflow(session: Session, name: Name, group: Group = None) -> None:
    """Delete a workflow with its triggers; its jobs and its history stay."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("workflows", name), query={"group": group})
    session.output.note(f"deleted the workflow {name}")


@api_command(app, "start")
async def start_workflow(
    session: Session,
    name: Name,
    properties: Properties = None,
    wait: Wait = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key starts it only once, for 24 hours.")
    ] = None,
    group: Group = None,
) -> ExitCode:
    """Begin a run of a workflow.

    E.g. callboard workflows start load day=2026-01-05 --wait
    """
    from callboard_service.cli.arguments import parse_texts
    from callboard_service.cli.client import idempotency_headers, path_of

    body = {"properties": parse_texts(properties)}
    path, headers = path_of("workflows", name, "runs"), idempotency_headers(idempotency_key)
    answer = await session.api.post(path, body, {"group": group}, headers)
    return await _show(session, answer.value, wait=wait)


@api_command(app, "runs")
async def list_workflow_runs(
    session: Session,
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="At the most.")] = 50,
    group: Group = None,
) -> None:
    """List the runs of a workflow, newest first; also of one that is deleted."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.workflow_view import RUN_COLUMNS, run_row

    page = await session.api.list(path_of("workflows", name, "runs"), {"group": group}, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(RUN_COLUMNS, [run_row(each, utc=output.utc) for each in page["items"]])


@api_command(app, "run")
async def show_workflow_run(session: Session, run: RunId) -> None:
    """Show a run of a workflow, and how far its jobs are."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("workflow-runs", run))
    await _show(session, answer.value, wait=False)


@api_command(app, "stop")
async def stop_workflow_run(session: Session, run: RunId, wait: Wait = False) -> ExitCode:
    """Stop what is live of a workflow run, and start nothing more."""
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("workflow-runs", run, "stop"))
    code = await _show(session, answer.value, wait=wait)
    return ExitCode.DONE if code is ExitCode.RUN_FAILED else code


@api_command(app, "resume")
async def resume_workflow_run(
    session: Session,
    run: RunId,
    jobs: Annotated[list[str], typer.Argument(help="Jobs that run again.", show_default=False)],
    wait: Wait = False,
) -> ExitCode:
    """Run jobs of an ended workflow run again, and all that is downstream of them."""
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("workflow-runs", run, "resume"), {"jobs": jobs})
    return await _show(session, answer.value, wait=wait)


@api_command(app, "set")
async def set_properties(session: Session, run: RunId, properties: Properties = None) -> None:
    """Lay properties over those of a workflow run."""
    from callboard_service.cli.arguments import parse_texts
    from callboard_service.cli.client import path_of

    body = {"properties": parse_texts(properties)}
    path = path_of("workflow-runs", run, "properties")
    answer = await session.api.request("PUT", path, body=body)
    await _show(session, answer.value, wait=False)


def _show_workflow(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.workflow_view import workflow_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(workflow_facts(json.loads(body), utc=session.output.utc))


async def _show(session: Session, run: dict[str, Any], *, wait: bool) -> ExitCode:
    """The workflow run, when it has ended if that is waited for; what its end means."""
    from callboard_service.cli.workflow_end import ended_run, exit_code, last_runs
    from callboard_service.cli.workflow_view import JOB_COLUMNS, job_rows, run_facts

    output = session.output
    if wait:
        run = await ended_run(session, run)
    is_asked = wait or not output.as_json
    last = await last_runs(session, run) if is_asked else {}
    if output.as_json:
        output.document(run)
    else:
        output.facts(run_facts(run, utc=output.utc))
        output.line("")
        output.table(JOB_COLUMNS, job_rows(run, last))
    return exit_code(run, last) if wait else ExitCode.DONE
