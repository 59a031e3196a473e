"""callboard explain: what became, or will become, of a trigger's slot at an instant."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import Group
from callboard_service.cli.session import Session


async def explain(
    session: Session,
    trigger: Annotated[str, typer.Argument(help="Its name.", show_default=False)],
    at: Annotated[
        str, typer.Argument(metavar="TIME", help="2026-11-20T01:00:00Z", show_default=False)
    ],
    group: Group = None,
) -> None:
    """Say what became of a trigger's slot, or why there is none.

    E.g. callboard explain nightly 2026-11-20T01:00:00Z
    """
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import explanation_facts

    path = path_of("triggers", trigger, "explain")
    answer = await session.api.get(path, {"at": at, "group": group})
    if answer.value["decision"] is None:
        slot = await _slot_within(session, trigger, answer.value["at"], group)
        if slot is not None:
            answer = await session.api.get(path, {"at": slot, "group": group})
    output = session.output
    if output.as_json:
        output.document(answer.body)
    else:
        output.line(answer.value["sentence"])
        output.facts(explanation_facts(answer.value, utc=output.utc))


async def _slot_within(session: Session, trigger: str, at: str, group: str | None) -> str | None:
    """The slot within a whole second: slots are shown without their fractions."""
    from datetime import MAXYEAR, timedelta

    from callboard.domain.instant import instant_to_text
    from callboard_service.cli.client import path_of
    from callboard_service.cli.text import parse_instant

    since = parse_instant(at)
    if since.microsecond or since.year == MAXYEAR:
        return None
    until = instant_to_text(since + timedelta(seconds=1))
    query = {"from": at, "until": until, "group": group, "limit": "1"}
    page = await session.api.get(path_of("triggers", trigger, "slots"), query)
    slots = (slot["slot"] for slot in page.value["items"])
    return next((slot for slot in slots if parse_instant(slot) > since), None)
