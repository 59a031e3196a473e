"""Following a backfill to its end, with a bar on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from callboard_service.cli.client import Answer, path_of
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.progress import bar
from callboard_service.cli.session import Session

POLL_S: Final = 0.5
ENDED: Final = frozenset({"completed", "cancelled"})


def is_over(backfill: Mapping[str, Any]) -> bool:
    """Whether it has ended, and its runs, too."""
    return backfill["state"] in ENDED and not backfill["live"]


def exit_code(backfill: Mapping[str, Any]) -> ExitCode:
    """DONE when it has fired all its slots and all of them succeeded."""
    is_well = backfill["state"] == "completed" and not backfill["failed"]
    return ExitCode.DONE if is_well else ExitCode.RUN_FAILED


async def follow_backfill(session: Session, number: int) -> Answer:
    """The backfill as the API has it, once it has ended."""
    told = None
    with bar(f"backfill {number}") as show:
        while True:
            answer = await session.api.get(path_of("backfills", number))
            backfill = answer.value
            if is_over(backfill):
                return answer
            if backfill["state"] != told:
                told = backfill["state"]
                if told == "paused":
                    session.output.note(_pause_text(backfill))
            over = backfill["skipped"] + backfill["succeeded"] + backfill["failed"]
            show(over, backfill["slots_total"])
            await session.clock.sleep_until(session.clock.monotonic() + POLL_S)


def _pause_text(backfill: Mapping[str, Any]) -> str:
    why = f": {backfill['reason']}" if backfill["reason"] else ""
    number = backfill["id"]
    return f"backfill {number} is paused{why} (callboard backfills resume {number})"
