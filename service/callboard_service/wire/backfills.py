"""Backfills on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from callboard.domain.backfill import Backfill, BackfillState, NewBackfill
from callboard.domain.names import DEFAULT_GROUP
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.shapes import Instant, KnownName, Moment, check_known_name, instant

_STAND_IN: Final = {
    "trigger": "x",
    "from_at": "2026-01-01T00:00:00Z",
    "until_at": "2026-01-02T00:00:00Z",
}
Overlap = Annotated[
    Literal["trigger", "allow"],
    msgspec.Meta(description="wait while the trigger's policy says so, or mind only itself"),
]


class BackfillInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which slots of the past are to be fired."""

    trigger: KnownName
    group: KnownName | None = None
    from_at: Annotated[Instant, msgspec.Meta(description="slots at or after it")]
    until_at: Annotated[Instant, msgspec.Meta(description="slots before it; not in the future")]
    force: Annotated[bool, msgspec.Meta(description="also slots that fired before")] = False
    overlap: Overlap = "trigger"
    max_concurrent: Annotated[
        int, msgspec.Meta(ge=1, le=1000, description="firings live at once at the most")
    ] = 1


class CancelInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a backfill is to be cancelled."""

    stop_runs: Annotated[bool, msgspec.Meta(description="also stop its live runs")] = False


class BackfillResource(msgspec.Struct, kw_only=True):
    """A stored backfill."""

    id: int
    trigger: str
    group: str
    from_at: Moment
    until_at: Moment
    state: BackfillState
    reason: Annotated[str | None, msgspec.Meta(description="why it paused or ended by itself")]
    force: bool
    overlap: str
    max_concurrent: int
    slots_total: int
    slots_done: Annotated[int, msgspec.Meta(description="fired or passed over so far")]
    fired: int
    skipped: Annotated[int, msgspec.Meta(description="passed over: they had fired before")]
    succeeded: Annotated[int, msgspec.Meta(description="fired slots whose runs succeeded")]
    failed: int
    live: Annotated[int, msgspec.Meta(description="fired slots whose runs go on")]
    version: int
    created_at: Moment | None
    updated_at: Moment | None
    ended_at: Moment | None


def read_backfill(raw: object, group: str | None) -> NewBackfill:
    """The backfill that a request wants.

    Args:
        group: the trigger's, where the body names none.
    Raises:
        InvalidInput
    """

    def build(given: BackfillInput) -> NewBackfill:
        faults = Faults()
        owner = given.group or group or DEFAULT_GROUP
        faults.attempt(lambda: check_known_name(given.trigger, "trigger"), None)
        faults.attempt(lambda: check_known_name(owner, "group"), None)
        from_at = faults.attempt(lambda: instant(given.from_at, "from_at"), None)
        until_at = faults.attempt(lambda: instant(given.until_at, "until_at"), None)
        faults.raise_any()
        assert from_at is not None
        assert until_at is not None
        return NewBackfill(
            trigger=given.trigger,
            group=owner,
            from_at=from_at,
            until_at=until_at,
            force=given.force,
            overlap=given.overlap,
            max_concurrent=given.max_concurrent,
        )

    return read_value(raw, BackfillInput, build, stand_in=_STAND_IN)


def read_cancel(raw: object) -> CancelInput:
    """How a backfill is to be cancelled.

    Raises:
        InvalidInput
    """
    return read_value(raw, CancelInput, lambda given: given, stand_in={})


def backfill_resource(backfill: Backfill) -> BackfillResource:
    """The wire form of a stored backfill."""
    return BackfillResource(
        id=backfill.id,
        trigger=backfill.trigger,
        group=backfill.group,
        from_at=backfill.from_at,
        until_at=backfill.until_at,
        state=backfill.state,
        reason=backfill.reason,
        force=backfill.force,
        overlap=backfill.overlap,
        max_concurrent=backfill.max_concurrent,
        slots_total=backfill.slots_total,
        slots_done=backfill.fired + backfill.skipped,
        fired=backfill.fired,
        skipped=backfill.skipped,
        succeeded=backfill.succeeded,
        failed=backfill.failed,
        live=backfill.fired - backfill.succeeded - backfill.failed,
        version=backfill.version,
        created_at=backfill.created_at,
        updated_at=backfill.updated_at,
        ended_at=backfill.ended_at,
    )
