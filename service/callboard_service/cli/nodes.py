"""callboard nodes: who shares the work."""

from __future__ import annotations

from callboard_service.cli.session import Session


async def nodes(session: Session) -> None:
    """List the nodes by name: who decides slots, and who executes how many runs at once."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import NODE_COLUMNS, node_row

    answer = await session.api.get(path_of("nodes"))
    output = session.output
    if output.as_json:
        output.document(answer.body)
    else:
        rows = [node_row(node, utc=output.utc) for node in answer.value["items"]]
        output.table(NODE_COLUMNS, rows)
