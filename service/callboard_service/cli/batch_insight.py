"""callboard batch ...: the commands that only look."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.batch_parameters import Dropped, Renamed, parse_mapping
from callboard_service.cli.command import AnyGroup, Group
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, help="Its number.")]
InstanceId = Annotated[int, typer.Argument(metavar="INSTANCE", min=1, help="Its number.")]
JobName = Annotated[str, typer.Argument(metavar="JOB", help="Its name.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, help="At the most.")]
RUNNING = ("queued", "running", "stopping")


async def jobs(session: Session, group: AnyGroup = None) -> None:
    """List batch jobs by group and name, with their parameters and steps."""
    from callboard_service.cli.batch_view import JOB_COLUMNS, job_row
    from callboard_service.cli.client import path_of

    page = await session.api.list(path_of("jobs"), {"kind": "batch", "group": group}, None)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(JOB_COLUMNS, [job_row(job) for job in page["items"]])


async def running(session: Session, job: JobName, group: Group = None) -> None:
    """List the runs of a batch job that are queued, running or stopping."""
    from callboard_service.cli.client import path_of

    query = {"group": group, "state": RUNNING}
    page = await session.api.list(path_of("jobs", job, "runs"), query, None)
    _show_runs(session, page)


async def instances(session: Session, job: JobName, group: Group = None, limit: Limit = 50) -> None:
    """List the instances of a batch job, newest first."""
    from callboard_service.cli.batch_view import INSTANCE_COLUMNS, instance_rows
    from callboard_service.cli.client import path_of

    page = await session.api.list(path_of("jobs", job, "instances"), {"group": group}, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(INSTANCE_COLUMNS, instance_rows(page["items"], utc=output.utc))


async def instance(session: Session, instance: InstanceId) -> None:
    """Show an instance."""
    from callboard_service.cli.batch_view import instance_facts
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("instances", instance))
    output = session.output
    if output.as_json:
        output.document(answer.body)
    else:
        output.facts(instance_facts(answer.value, utc=output.utc))


async def runs(session: Session, instance: InstanceId) -> None:
    """List the runs of an instance, newest first."""
    from callboard_service.cli.client import path_of

    page = await session.api.list(path_of("instances", instance, "runs"), {}, None)
    _show_runs(session, page)


async def summary(session: Session, run: RunId) -> None:
    """Sum up a run."""
    from callboard_service.cli.client import path_of

    path = path_of("runs", run, "summary")
    if session.output.as_json:
        session.output.document((await session.api.get(path)).body)
    else:
        await _print_text(session, path)


async def parameters(session: Session, run: RunId) -> None:
    """Show the parameters of a run; those with a star identify it."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("runs", run, "parameters"))
    output, found = session.output, answer.value
    if output.as_json:
        output.document(answer.body)
        return
    marked = found["identifying"] or ()
    output.table(
        ("PARAMETER", "", "VALUE"),
        [
            [name, "*" if name in marked else "", _value(value)]
            for name, value in found["parameters"].items()
        ],
    )


async def steps(session: Session, run: RunId) -> None:
    """List the steps of a run, and their partitions."""
    from callboard_service.cli.batch_view import STEP_COLUMNS, step_row
    from callboard_service.cli.client import path_of

    page = await session.api.list(path_of("runs", run, "steps"), {}, None)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(STEP_COLUMNS, [step_row(step) for step in page["items"]])


async def context(
    session: Session,
    run: RunId,
    step: Annotated[
        int | None, typer.Option(min=1, help="Of this execution of a step instead.")
    ] = None,
) -> None:
    """Print what the steps of a run have told one another, as JSON."""
    from callboard_service.cli.client import path_of

    path = path_of("runs", run, "context") if step is None else path_of("steps", step, "context")
    answer = await session.api.get(path)
    output = session.output
    output.document(answer.body if output.as_json else answer.value["context"])


async def skipped(session: Session, run: RunId, limit: Limit = 100) -> None:
    """List the items that a run has passed over."""
    from callboard_service.cli.batch_view import SKIPPED_COLUMNS, skipped_row
    from callboard_service.cli.client import path_of

    page = await session.api.list(path_of("runs", run, "skipped"), {}, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(SKIPPED_COLUMNS, [skipped_row(item) for item in page["items"]])


async def totals(session: Session, instance: InstanceId) -> None:
    """Add up what all runs of an instance have done, step by step."""
    from callboard_service.cli.batch_view import TOTAL_COLUMNS, totals_facts, totals_row
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("instances", instance, "totals"))
    output, found = session.output, answer.value
    if output.as_json:
        output.document(answer.body)
        return
    output.facts(totals_facts(found))
    if found["steps"]:
        output.line("")
        output.table(TOTAL_COLUMNS, [totals_row(step) for step in found["steps"]])


async def explain_restart(
    session: Session, run: RunId, step: Renamed = None, drop: Dropped = None
) -> ExitCode:
    """Say what a restart of a run would do, step by step; 3 where it would be refused."""
    from callboard_service.cli.batch_view import PLAN_COLUMNS, plan_row
    from callboard_service.cli.client import path_of

    renamed = parse_mapping(step, drop)
    query = {
        "step": [f"{old}:{new}" for old, new in renamed.items() if new is not None],
        "drop": drop or [],
    }
    answer = await session.api.get(path_of("runs", run, "restart-plan"), query)
    output, found = session.output, answer.value
    if output.as_json:
        output.document(answer.body)
    else:
        output.table(PLAN_COLUMNS, [plan_row(step) for step in found["steps"]])
    if found["refusal"] is None:
        return ExitCode.DONE
    output.note(f"a restart is refused ({found['refusal']['code']}): {found['refusal']['detail']}")
    return ExitCode.REFUSED


async def picture(
    session: Session,
    run: RunId,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there, not to stdout."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="In text, not as SVG.")] = False,
    whole: Annotated[
        bool, typer.Option("--instance", help="All runs of its instance, not this one alone.")
    ] = False,
) -> None:
    """Draw the steps and partitions of a run over time."""
    import shutil

    from callboard_service.cli.client import path_of

    query = {"instance": "true" if whole else None}
    if text:
        query["columns"] = str(min(400, max(60, shutil.get_terminal_size((120, 24)).columns)))
    accepted = {"Accept": "text/plain" if text else "image/svg+xml"}
    path = path_of("runs", run, "picture")
    answer = await session.api.request("GET", path, query=query, headers=accepted)
    if output is None:
        _print_lines(session, answer.body.decode())
        return
    _write(output, answer.body)
    session.output.note(f"drawn in {output}")


async def watch(session: Session, run: RunId) -> ExitCode:
    """Follow a run to its end: its steps, its progress, its rate.

    With --json the messages of the stream, one a line, and at the end the run.
    """
    from callboard_service.cli.batch_watch import tell_end, watch_run

    return tell_end(session, await watch_run(session, run, messages=True))


def _show_runs(session: Session, page: dict[str, list[dict[str, object]]]) -> None:
    from callboard_service.cli.batch_view import RUN_COLUMNS, run_row

    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(RUN_COLUMNS, [run_row(run, utc=output.utc) for run in page["items"]])


async def _print_text(session: Session, path: str) -> None:
    answer = await session.api.request("GET", path, headers={"Accept": "text/plain"})
    _print_lines(session, answer.body.decode())


def _print_lines(session: Session, text: str) -> None:
    """What comes from names and messages cannot harm the terminal."""
    from callboard_service.cli.text import harmless

    for line in text.removesuffix("\n").split("\n"):
        session.output.line(harmless(line))


def _value(value: object) -> str:
    from callboard_service.cli.text import show_json

    return value if isinstance(value, str) else show_json(value)


def _write(name: str, content: bytes) -> None:
    from pathlib import Path

    from callboard_service.cli.failures import CliFailure

    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise CliFailure(ExitCode.USAGE, f"--output: {name}: {error.strerror or error}") from None
