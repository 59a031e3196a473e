"""callboard batch define: a batch job of code on this machine, stored on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from callboard_service.cli.command import Group
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from callboard.batch import BatchJob


async def define(
    session: Session,
    reference: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME", help="Where the BatchJob stands.", show_default=False
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Its name on the server.", show_default="its own")
    ] = None,
    group: Group = None,
) -> None:
    """Store a batch job as its code says: parameters, steps, flow; again changes nothing.

    E.g. callboard batch define shop.jobs:settlement

    The module is imported here; the service's nodes import it, too, when they execute a run.
    """
    from callboard.domain.names import DEFAULT_GROUP
    from callboard_service.cli.client import path_of
    from callboard_service.wire.jobs import job_document

    given = {"name": name, "group": group or DEFAULT_GROUP}
    changes = {field: value for field, value in given.items() if value is not None}
    job = _batch_job(reference).to_job(changes)
    answer = await session.api.request(
        "PUT", path_of("jobs", job.name), query={"group": job.group}, body=job_document(job)
    )
    if session.output.as_json:
        session.output.document(answer.body)
    else:
        word = "created" if answer.status == 201 else "stored"
        session.output.note(f"{word} the job {job.name}, version {answer.value['version']}")


def _batch_job(reference: str) -> BatchJob:
    """Raises UnknownHandler, CliFailure: there is something else."""
    import os
    import sys

    from callboard.batch import BatchJob
    from callboard.runners.handlers import HandlerRegistry
    from callboard_service.cli.failures import CliFailure

    # As for `serve`: code lies where the command is called.
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = HandlerRegistry().find(reference)
    if not isinstance(found, BatchJob):
        raise CliFailure(ExitCode.USAGE, f"{reference} is a {type(found).__name__}, no BatchJob")
    return found
