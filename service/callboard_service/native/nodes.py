"""/v1/nodes: who shares the work."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard_service.call import Call, NoQuery, Route, json_answer
from callboard_service.wire.nodes import NodeResource, node_resource
from callboard_service.wire.shapes import Page


async def list_nodes(call: Call[NoQuery]) -> web.Response:
    now = call.board.present()
    nodes = await call.board.list_nodes()
    return json_answer(Page(items=[node_resource(node, now) for node in nodes]))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/nodes",
        name="list_nodes",
        summary="List the nodes by name",
        handle=list_nodes,
        query=NoQuery,
        answers={200: Page[NodeResource]},
    ),
)
