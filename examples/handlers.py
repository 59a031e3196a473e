"""Handlers of the example: what jobs of kind python run.

    callboard serve --handlers handlers

imports this module from wherever the service is started; `examples/run.py` defines the jobs.
"""

from __future__ import annotations

import asyncio
import logging
import time

from callboard import RetryPolicy, RunContext, job

logger = logging.getLogger(__name__)


@job(description="Say hello; try it with your name")
async def greet(name: str = "world") -> str:
    print(f"Hello, {name}!")
    return f"greeted {name}"


@job(description="Look up what a book costs elsewhere", timeout_s=10)
async def compare_prices(ctx: RunContext, title: str = "The Tempest") -> dict[str, object]:
    """A coroutine: thousands of them may wait at once, and a stop cancels them."""
    prices = {}
    for shop, cents in (("harbour", 1290), ("station", 1350), ("market", 1190)):
        await asyncio.sleep(0.2)
        prices[shop] = cents + len(title) + ctx.run_id % 7
        logger.info("%s asks %d for %r", shop, prices[shop], title)
    best = min(prices, key=lambda shop: prices[shop])
    return {"title": title, "best": best, "cents": prices[best]}


@job(description="Make small pictures of covers")
def shrink_covers(ctx: RunContext, covers: int = 8) -> dict[str, int]:
    """A plain function: it runs in a thread of its own, and its prints are the run's log."""
    for number in range(1, covers + 1):
        ctx.raise_if_stopping()
        time.sleep(0.15)
        print(f"cover {number} of {covers} ({100 * number // covers} %)")
    return {"covers": covers}


@job(
    description="Send the orders; the supplier's line is bad",
    retry=RetryPolicy(max_attempts=3, initial_s=1, max_s=5),
)
def send_orders(ctx: RunContext) -> dict[str, int]:
    """Fails every other time that it is tried first; the retry is a run of its own."""
    print(f"attempt {ctx.attempt} of run {ctx.run_id}")
    if ctx.attempt == 1 and ctx.run_id % 2:
        raise ConnectionError("the supplier hung up")
    return {"orders": 3, "attempt": ctx.attempt}
