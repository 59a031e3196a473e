"""/healthz and /readyz: what probes ask; they need no token.

A node is `ready`, or `degraded`: it does its work and the answer says what an operator should look
at, such as a clock that is off by more than `clock_skew_limit_s` (slots and runs are due by the
database's clock, so that hurts only what is shown in the node's own time: ends of runs, log
lines). It is not ready, with 503, when it cannot work, or its clock is off by HOPELESS_SKEW_S.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard_service.call import Call, NoQuery, Route, json_answer
from callboard_service.problems import RETRY_AFTER_S, Refusal
from callboard_service.wire.nodes import Liveness, Readiness, readiness

HOPELESS_SKEW_S: Final = 300.0


async def get_liveness(call: Call[NoQuery]) -> web.Response:
    return json_answer(Liveness())


async def get_readiness(call: Call[NoQuery]) -> web.Response:
    health = call.board.health()
    reasons = list(health.reasons)
    if call.service.streams.is_closing:
        reasons.append("the service is stopping")
    if abs(health.clock_skew_s or 0.0) > HOPELESS_SKEW_S:
        reasons += health.warnings
    if reasons or not health.is_ready:
        raise Refusal(
            "not_ready",
            "; ".join(reasons) or "the node is not ready",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            facts={
                "reasons": reasons,
                "node": health.node,
                "store": "up" if health.is_store_up else "down",
            },
        )
    return json_answer(readiness(health))


ROUTES: Final = (
    Route(
        method="GET",
        path="/healthz",
        name="get_liveness",
        summary="Say that the process is up",
        handle=get_liveness,
        query=NoQuery,
        answers={200: Liveness},
        is_open=True,
    ),
    Route(
        method="GET",
        path="/readyz",
        name="get_readiness",
        summary="Say whether the node schedules and runs, and if not, why",
        handle=get_readiness,
        query=NoQuery,
        answers={200: Readiness},
        problems=("not_ready",),
        is_open=True,
    ),
)
