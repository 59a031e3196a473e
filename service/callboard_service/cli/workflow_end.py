"""The end of a workflow run, and what became of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from callboard_service.cli.client import path_of
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import Refused
from callboard_service.cli.session import Session

POLL_S: Final = 0.5
ENDED: Final = frozenset({"completed", "stopped"})

Resource = Mapping[str, Any]


async def ended_run(session: Session, run: Mapping[str, Any]) -> dict[str, Any]:
    """The workflow run as the API has it, once it has ended."""
    found = dict(run)
    if not session.output.as_json and found["state"] not in ENDED:
        session.output.note(
            f"workflow run {found['id']} of {found['workflow']} is {found['state']}"
        )
    while found["state"] not in ENDED:
        await session.clock.sleep_until(session.clock.monotonic() + POLL_S)
        found = (await session.api.get(path_of("workflow-runs", found["id"]))).value
    return found


async def last_runs(session: Session, run: Resource) -> dict[str, Resource | None]:
    """The last run of each job; None: it has left the history."""
    return {job: await _run(session, ids[-1]) for job, ids in run["runs"].items() if ids}


async def _run(session: Session, run_id: int) -> Resource | None:
    try:
        found: Resource = (await session.api.get(path_of("runs", run_id))).value
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return found


def exit_code(run: Resource, last: Mapping[str, Resource | None]) -> ExitCode:
    """DONE when it is complete, no job was missing, and the last run of each job succeeded."""
    are_well = all(each is not None and each["state"] == "succeeded" for each in last.values())
    is_well = run["state"] == "completed" and not run["missing"] and are_well
    return ExitCode.DONE if is_well else ExitCode.RUN_FAILED
