"""Nodes on the wire, and the state of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from callboard.board import Health
from callboard.domain.node import Node
from callboard.domain.shards import SHARDS
from callboard.domain.vitals import stuck_of
from callboard_service.wire.shapes import Moment

Role = Annotated[
    str,
    msgspec.Meta(
        description="active: it decides slots; passive: it does everything else",
        extra_json_schema={"enum": ["active", "passive"]},
    ),
]
Shards = Annotated[
    int,
    msgspec.Meta(
        ge=0, le=SHARDS, description=f"how many of the {SHARDS} shards of triggers it decides"
    ),
]


class NodeResource(msgspec.Struct, kw_only=True):
    """One process with one board."""

    name: str
    epoch: Annotated[int, msgspec.Meta(description="unique for each start of a node, ascending")]
    host: str
    pid: int
    version: str
    capacity: int
    started_at: Moment
    lease_until: Moment
    is_live: Annotated[bool, msgspec.Meta(description="whether its lease runs")]
    fires: Annotated[bool, msgspec.Meta(description="whether it takes part in deciding slots")]
    executes: Annotated[bool, msgspec.Meta(description="whether it executes runs")]
    role: Role
    shards: Shards
    firing_until: Annotated[
        Moment | None,
        msgspec.Meta(description="end of the lease of its shards; null: it has none"),
    ]
    stuck: Annotated[
        int, msgspec.Meta(ge=0, description="handlers that go on although their runs have ended")
    ]


class Liveness(msgspec.Struct, kw_only=True):
    """The process is up."""

    status: str = "live"


class Readiness(msgspec.Struct, kw_only=True):
    """The node schedules and runs."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["ready", "degraded"]})]
    node: str
    epoch: int | None
    role: Role
    shards: Shards
    store: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["up", "down"]})]
    clock_skew_s: Annotated[
        float | None, msgspec.Meta(description="how far the node's clock is ahead of the store's")
    ]
    warnings: Annotated[
        list[str], msgspec.Meta(description="what to look at; the node is degraded, and works")
    ]


def node_resource(node: Node, now: datetime) -> NodeResource:
    """The wire form of a node."""
    return NodeResource(
        name=node.name,
        epoch=node.epoch,
        host=node.host,
        pid=node.pid,
        version=node.version,
        capacity=node.capacity,
        started_at=node.started_at,
        lease_until=node.lease_until,
        is_live=node.lease_until > now,
        fires=node.fires,
        executes=node.executes,
        role="active" if node.shards_at(now) else "passive",
        shards=node.shards_at(now),
        firing_until=node.firing_until,
        stuck=stuck_of(node.vitals),
    )


def readiness(health: Health) -> Readiness:
    """The wire form of a node's state."""
    return Readiness(
        status="degraded" if health.warnings else "ready",
        node=health.node,
        epoch=health.epoch,
        role=health.role,
        shards=health.shards,
        store="up" if health.is_store_up else "down",
        clock_skew_s=health.clock_skew_s,
        warnings=list(health.warnings),
    )
