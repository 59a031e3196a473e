"""Starting, holding and letting go of runs of the jobs of `batch_shop` over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from support.batch_shop import Shop
from support.service_calls import Client, call

JOBS = "/v1/jobs/settle"
RUNS = f"{JOBS}/runs"
DAY = {"day": "2026-01-05"}
DONE = "wait_s=20"


async def start(client: Client, path: str = RUNS, query: str = DONE, **arguments: Any) -> Any:
    """The run that was started, when it has ended."""
    return await call(client, "POST", f"{path}?{query}", 201, json={"arguments": arguments})


async def failed(client: Client, shop: Shop, at: int = 5, **arguments: Any) -> Any:
    """A run that failed with the chunk of the item; what follows succeeds."""
    shop.fails_at = at
    run = await start(client, **arguments)
    shop.fails_at = None
    assert run["state"] == "failed", run
    return run


async def held(client: Client, shop: Shop, at: int = 5, **arguments: Any) -> Any:
    """A run that waits within the chunk of the item."""
    shop.holds_at = at
    run = await start(client, query="wait_s=0", **arguments)
    await asyncio.wait_for(shop.reached.wait(), 20)
    return run


async def let_go(client: Client, shop: Shop, run: Any) -> Any:
    """The run when it has ended."""
    shop.holds_at = None
    shop.go_on.set()
    return await call(client, "GET", f"/v1/runs/{run['id']}?{DONE}")
